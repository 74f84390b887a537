#include "pipeline/recompress/mapping_guard.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace dcmflow::recompress {

struct MappingGuard::Slot {
    std::atomic<bool> taken{false};
    std::atomic<bool> damaged{false};
    std::atomic<std::uintptr_t> begin{0}; // 0: not watched
    std::atomic<std::uintptr_t> end{0};
};

struct MappingGuard::Table {
    std::array<Slot, 1024> slots;
    std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    std::once_flag installed;
    static Table& get() {
        static Table table;
        return table;
    }
};

// In a signal handler: only atomics and system calls.
void MappingGuard::on_bus_error(int signal, void* address) noexcept {
    auto& table = Table::get();
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    for (auto& slot : table.slots) {
        const auto end = slot.end.load();
        if (at < slot.begin.load() || at >= end || slot.begin.load() == 0)
            continue;
        const int saved = errno;
        const auto page = at & ~(table.page - 1);
        slot.damaged = true;
        const void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        errno = saved;
        if (zeros != MAP_FAILED)
            return;
    }
    std::signal(signal, SIG_DFL); // the same fault again ends the process
}

std::optional<MappingGuard> MappingGuard::watch(std::span<const std::byte> mapping) {
    auto& table = Table::get();
    std::call_once(table.installed, [] {
        struct sigaction action {};
        action.sa_sigaction = [](int signal, siginfo_t* info, void*) {
            on_bus_error(signal, info->si_addr);
        };
        action.sa_flags = SA_SIGINFO;
        sigemptyset(&action.sa_mask);
        ::sigaction(SIGBUS, &action, nullptr);
    });
    for (auto& slot : table.slots) {
        if (slot.taken.exchange(true))
            continue;
        slot.damaged = false;
        slot.end = reinterpret_cast<std::uintptr_t>(mapping.data()) + mapping.size();
        slot.begin = reinterpret_cast<std::uintptr_t>(mapping.data());
        return MappingGuard(&slot);
    }
    return std::nullopt;
}

MappingGuard::~MappingGuard() {
    if (slot_ == nullptr)
        return;
    slot_->begin = 0;
    slot_->end = 0;
    slot_->taken = false;
}

bool MappingGuard::damaged() const {
    return slot_ != nullptr && slot_->damaged;
}

} // namespace dcmflow::recompress
