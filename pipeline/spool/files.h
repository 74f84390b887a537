// Files: the few calls by which the blob store touches the disk, so that tests can make any of them
// fail or forget what was not synced.
//
// Any thread. Every call returns a value >= 0, or -errno; EINTR is handled inside. No state, no
// policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dcmflow {

// Whether mapped pages are read at once, so that a disk error is an error value and not a SIGBUS. What this process has
// just written needs none, and many large objects being received would all be resident at once.
enum class Prefault : bool { no, yes };

class Files {
  public:
    struct Entry {
        std::string name;
        bool folder = false;
    };
    struct Space {
        std::uint64_t bytes_free = 0; // for non-root
        std::uint64_t bytes_total = 0;
        std::uint64_t inodes_free = 0;
    };
    using Path = std::filesystem::path;

    virtual ~Files() = default;

    [[nodiscard]] virtual int
    create(const Path& path) = 0; // a new file, read and write; the descriptor
    [[nodiscard]] virtual int open_read(const Path& path) = 0; // the descriptor
    [[nodiscard]] virtual std::int64_t write(int fd,
                                             std::span<const std::byte> bytes) = 0; // may be short
    [[nodiscard]] virtual std::int64_t pwrite(int fd, std::span<const std::byte> bytes,
                                              std::uint64_t offset) = 0;
    // Starts write-back of a range and does not wait for it; a hint, its result says nothing about
    // durability.
    virtual void begin_writeback(int fd, std::uint64_t offset, std::uint64_t length) = 0;
    [[nodiscard]] virtual int fdatasync(int fd) = 0;
    [[nodiscard]] virtual int close(int fd) = 0;
    [[nodiscard]] virtual std::int64_t size(int fd) = 0;
    [[nodiscard]] virtual std::int64_t size(const Path& path) = 0;
    // Read-only mapping of the first `length` > 0 bytes; read errors show here (-EIO) for all but
    // very large files, not as a SIGBUS later.
    [[nodiscard]] virtual int map(int fd, std::size_t length, Prefault prefault,
                                  const std::byte** address) = 0;
    virtual void unmap(const std::byte* address, std::size_t length) = 0;

    [[nodiscard]] virtual int rename(const Path& from, const Path& to, bool replace) = 0;
    [[nodiscard]] virtual int unlink(const Path& path) = 0;
    [[nodiscard]] virtual int make_folder(const Path& path) = 0; // -EEXIST if it is there
    [[nodiscard]] virtual int remove_folder(const Path& path) = 0;
    [[nodiscard]] virtual int fsync_folder(const Path& path) = 0;
    [[nodiscard]] virtual int list(const Path& path, std::vector<Entry>& entries) = 0;
    [[nodiscard]] virtual int space(const Path& path, Space& space) = 0;
};

// The operating system's.
[[nodiscard]] std::shared_ptr<Files> real_files();

} // namespace dcmflow
