#include "pipeline/deliver/durable_file.h"

#include "pipeline/dicom/part10.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dcmflow::deliver {

namespace {

constexpr std::size_t chunk_bytes = 4U << 20;
constexpr std::size_t max_meta_bytes = 1U << 20;

tl::unexpected<FileError> failed(const char* during, int error = errno) {
    return tl::unexpected<FileError>(FileError{error, during});
}

FileResult<void> write_pieces(int file, std::span<const std::span<const std::byte>> pieces,
                              const std::atomic<bool>& stop) {
    for (std::span<const std::byte> left : pieces) {
        while (!left.empty()) {
            if (stop.load(std::memory_order_acquire)) {
                return failed("write", ECANCELED);
            }
            const ssize_t wrote = ::write(file, left.data(), std::min(left.size(), chunk_bytes));
            if (wrote > 0) {
                left = left.subspan(static_cast<std::size_t>(wrote));
            } else if (wrote == 0) {
                return failed("write", ENOSPC);
            } else if (errno != EINTR) {
                return failed("write");
            }
        }
    }
    return {};
}

// Temporary name → name, failing with EEXIST rather than replacing. Not every file system (CIFS,
// some NFS) knows the first way, and not every one the second.
int rename_without_replacing(int folder, const std::string& from, const std::string& to) {
    if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return errno;
    }
    if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) == 0) {
        (void)::unlinkat(folder, from.c_str(), 0);
        return 0;
    }
    if (errno != EPERM && errno != ENOSYS && errno != EOPNOTSUPP) {
        return errno;
    }
    struct stat status {};
    if (::fstatat(folder, to.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return EEXIST;
    }
    return ::renameat(folder, from.c_str(), folder, to.c_str()) == 0 ? 0 : errno;
}

// Opens and locks the temporary file; what a crash left in it is thrown away. Invalid: another
// holds it.
FileResult<Descriptor> lock_temporary(int folder, const std::string& temporary) {
    Descriptor file(
        ::openat(folder, temporary.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file.valid()) {
        return failed("create a file");
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? FileResult<Descriptor>(Descriptor()) : failed("lock a file");
    }
    struct stat ours {};
    struct stat named {};
    if (::fstat(file.get(), &ours) != 0) {
        return failed("look at a file");
    }
    if (::fstatat(folder, temporary.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        named.st_ino != ours.st_ino) {
        return Descriptor(); // its writer renamed it between our open and our lock
    }
    if (ours.st_size > 0 && ::ftruncate(file.get(), 0) != 0) {
        return failed("empty a file");
    }
    return file;
}

bool same_bytes(int file, std::uint64_t offset, std::span<const std::byte> expected) {
    std::vector<std::byte> buffer(std::min(expected.size(), chunk_bytes / 4));
    while (!expected.empty()) {
        const std::size_t want = std::min(expected.size(), buffer.size());
        const ssize_t got = ::pread(file, buffer.data(), want, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0 ||
            std::memcmp(buffer.data(), expected.data(), static_cast<std::size_t>(got)) != 0) {
            return false;
        }
        offset += static_cast<std::uint64_t>(got);
        expected = expected.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

std::vector<std::byte> read_start(int file, std::uint64_t size) {
    std::vector<std::byte> bytes(
        static_cast<std::size_t>(std::min<std::uint64_t>(size, max_meta_bytes)));
    std::size_t had = 0;
    while (had < bytes.size()) {
        const ssize_t got =
            ::pread(file, bytes.data() + had, bytes.size() - had, static_cast<off_t>(had));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        had += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    bytes.resize(had);
    return bytes;
}

FileResult<void> sync_folder(int folder) {
    if (::fsync(folder) != 0 && errno != EINVAL) { // EINVAL: a file system without it
        return failed("sync the folder");
    }
    return {};
}

} // namespace

Descriptor::~Descriptor() {
    if (value_ >= 0) {
        ::close(value_);
    }
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
}

FileResult<Descriptor> open_folder(int root, std::span<const std::string> path) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Descriptor folder(::openat(root, ".", flags));
    for (const std::string& name : path) {
        if (!folder.valid()) {
            break;
        }
        Descriptor next(::openat(folder.get(), name.c_str(), flags));
        if (!next.valid() && errno == ENOENT) {
            if (::mkdirat(folder.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
                return failed("make a folder");
            }
            if (auto synced = sync_folder(folder.get()); !synced) {
                return tl::unexpected<FileError>(synced.error());
            }
            next = Descriptor(::openat(folder.get(), name.c_str(), flags));
        }
        if (!next.valid()) {
            return failed("open a folder");
        }
        folder = std::move(next);
    }
    return folder.valid() ? FileResult<Descriptor>(std::move(folder)) : failed("open the folder");
}

FileResult<Existing> compare_file(int folder, const std::string& name,
                                  const std::string& transfer_syntax_uid,
                                  std::span<const std::byte> data_set) {
    const Descriptor file(
        ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid()) {
        if (errno == ENOENT) {
            return Existing::absent;
        }
        return errno == ELOOP ? FileResult<Existing>(Existing::different) : failed("open a file");
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        return failed("look at a file");
    }
    if (!S_ISREG(status.st_mode)) {
        return Existing::different;
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const auto meta = read_file_meta(read_start(file.get(), size));
    const bool same = meta && meta->transfer_syntax_uid == transfer_syntax_uid &&
                      size == meta->dataset_offset + data_set.size() &&
                      same_bytes(file.get(), meta->dataset_offset, data_set);
    if (!same) {
        return Existing::different;
    }
    // Perhaps written by an attempt that died before its sync.
    if (::fdatasync(file.get()) != 0) {
        return failed("sync");
    }
    if (auto synced = sync_folder(folder); !synced) {
        return tl::unexpected<FileError>(synced.error());
    }
    return Existing::same;
}

FileResult<Created> create_file(int folder, const std::string& name, const std::string& temporary,
                                std::span<const std::span<const std::byte>> pieces,
                                const std::atomic<bool>& stop) {
    auto file = lock_temporary(folder, temporary);
    if (!file) {
        return tl::unexpected<FileError>(file.error());
    }
    if (!file->valid()) {
        return Created::busy;
    }
    const auto drop = [&](const FileError& error) {
        (void)::unlinkat(folder, temporary.c_str(), 0);
        return tl::unexpected<FileError>(error);
    };
    if (auto written = write_pieces(file->get(), pieces, stop); !written) {
        return drop(written.error());
    }
    if (::fdatasync(file->get()) != 0) {
        return drop({errno, "sync"});
    }
    const int error = rename_without_replacing(folder, temporary, name);
    if (error != 0) {
        const auto result = drop({error, "rename a file"});
        return error == EEXIST ? FileResult<Created>(Created::exists) : FileResult<Created>(result);
    }
    if (auto synced = sync_folder(folder); !synced) {
        return tl::unexpected<FileError>(synced.error());
    }
    return Created::created;
}

} // namespace dcmflow::deliver
