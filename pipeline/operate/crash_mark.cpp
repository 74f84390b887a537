#include "pipeline/operate/crash_mark.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace dcmflow {

namespace {

constexpr const char* note_name = "crashed";
constexpr std::array faults{SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};

// A signal handler can be given nothing but a global; it is written by `run`'s thread only.
std::atomic<int> note_fd{-1};

extern "C" void leave_note(int signal) {
    const char digits[] = {static_cast<char>('0' + signal / 10), static_cast<char>('0' + signal % 10), '\n'};
    if (const int fd = note_fd.load(); fd >= 0)
        [[maybe_unused]] const auto written = ::write(fd, digits, sizeof digits);
    // SA_RESETHAND: the default action, a core dump included, follows.
    ::raise(signal);
}

} // namespace

bool CrashMark::last_run_crashed(const std::filesystem::path& data_folder) {
    std::error_code error;
    const auto size = std::filesystem::file_size(data_folder / note_name, error);
    return !error && size > 0;
}

CrashMark::CrashMark(const std::filesystem::path& data_folder)
    : fd_(::open((data_folder / note_name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    note_fd = fd_;
    for (const int fault : faults) {
        struct sigaction action{};
        action.sa_handler = leave_note;
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        ::sigaction(fault, &action, nullptr);
    }
}

CrashMark::~CrashMark() {
    for (const int fault : faults)
        ::signal(fault, SIG_DFL);
    note_fd = -1;
    if (fd_ >= 0)
        ::close(fd_);
}

} // namespace dcmflow
