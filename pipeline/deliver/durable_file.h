// Durable files below an open folder: created whole or not at all, never over another one.
//
// Functions over descriptors; any thread. No path is followed through a symbolic link. A file
// appears under its name only with all its bytes synced; a crash leaves at most a temporary file,
// which the next attempt at the same content takes over. Errors are errno values: the caller knows
// what they mean for a delivery.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace dcmflow::deliver {

class Descriptor {
  public:
    explicit Descriptor(int value = -1) : value_(value) {}
    ~Descriptor();
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    [[nodiscard]] int get() const { return value_; }
    [[nodiscard]] bool valid() const { return value_ >= 0; }

  private:
    int value_;
};

struct FileError {
    int error = 0;           // errno; ECANCELED: `stop` was set
    const char* during = ""; // "write", "sync", …
};
template <class T> using FileResult = tl::expected<T, FileError>;

// The folder at `path` below `root`, each missing one made and its entry synced.
[[nodiscard]] FileResult<Descriptor> open_folder(int root, std::span<const std::string> path);

enum class Existing { absent, same, different };
// Whether `name` holds a Part 10 file in this syntax with this data set; what is found the same is
// synced. Anything that is not a regular file is different.
[[nodiscard]] FileResult<Existing> compare_file(int folder, const std::string& name,
                                                const std::string& transfer_syntax_uid,
                                                std::span<const std::byte> data_set);

enum class Created {
    created,
    exists,
    busy
}; // busy: someone else is writing the same temporary file
[[nodiscard]] FileResult<Created> create_file(int folder, const std::string& name,
                                              const std::string& temporary,
                                              std::span<const std::span<const std::byte>> pieces,
                                              const std::atomic<bool>& stop);

} // namespace dcmflow::deliver
