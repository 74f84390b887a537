// MappingGuard: a mapped file that is cut short by others (or whose disk fails) costs that file,
// not the process.
//
// Reading a page that is gone raises SIGBUS. While a guard lives, its range reads as zeros from
// there on instead, and damaged() says so: whatever was made of it must be thrown away. A SIGBUS
// elsewhere ends the process as ever. The disposition of a signal belongs to the process, so the
// table of ranges behind this does too; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace dcmflow::recompress {

class MappingGuard {
  public:
    // nullopt: too many at once; the mapping is not watched.
    [[nodiscard]] static std::optional<MappingGuard> watch(std::span<const std::byte> mapping);
    MappingGuard(MappingGuard&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
    MappingGuard& operator=(MappingGuard&& other) noexcept {
        std::swap(slot_, other.slot_);
        return *this;
    }
    ~MappingGuard(); // before the range is unmapped
    [[nodiscard]] bool damaged() const;

  private:
    struct Slot;
    struct Table;
    explicit MappingGuard(Slot* slot) : slot_(slot) {}
    static void on_bus_error(int signal, void* address) noexcept;
    Slot* slot_;
};

} // namespace dcmflow::recompress
