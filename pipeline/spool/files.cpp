#include "pipeline/spool/files.h"

#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace dcmflow {
namespace {

constexpr mode_t file_mode = 0640; // patients' data: nobody's business outside the group
constexpr mode_t folder_mode = 0750;
constexpr std::size_t prefault_most = 64ULL << 20;
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 // Linux 5.14
#endif

template <class Call> auto again(Call call) {
    for (;;) {
        const auto result = call();
        if (result >= 0)
            return result;
        if (errno != EINTR)
            return static_cast<decltype(result)>(-errno);
    }
}

class RealFiles final : public Files {
  public:
    int create(const Path& path) override {
        return again(
            [&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode); });
    }
    int open_read(const Path& path) override {
        return again([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); });
    }
    std::int64_t write(int fd, std::span<const std::byte> bytes) override {
        return again([&] { return ::write(fd, bytes.data(), bytes.size()); });
    }
    std::int64_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        return again(
            [&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    }
    void begin_writeback(int fd, std::uint64_t offset, std::uint64_t length) override {
        (void)::sync_file_range(fd, static_cast<off64_t>(offset), static_cast<off64_t>(length),
                                SYNC_FILE_RANGE_WRITE);
    }
    int fdatasync(int fd) override {
        return ::fdatasync(fd) == 0 ? 0 : -errno; // never repeated, not even for EINTR
    }
    int close(int fd) override { return ::close(fd) == 0 || errno == EINTR ? 0 : -errno; }
    std::int64_t size(int fd) override {
        struct stat info {};
        return ::fstat(fd, &info) == 0 ? info.st_size : -errno;
    }
    std::int64_t size(const Path& path) override {
        struct stat info {};
        return ::lstat(path.c_str(), &info) == 0 ? info.st_size : -errno;
    }
    int map(int fd, std::size_t length, Prefault prefault, const std::byte** address) override {
        void* const at = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
            return -errno;
        if (prefault == Prefault::yes && length <= prefault_most &&
            ::madvise(at, length, MADV_POPULATE_READ) != 0 && errno != EINVAL && errno != ENOMEM &&
            errno != EINTR) {
            (void)::munmap(at, length);
            return -EIO; // EFAULT or EHWPOISON: touching the pages would have been a SIGBUS
        }
        *address = static_cast<const std::byte*>(at);
        return 0;
    }
    void unmap(const std::byte* address, std::size_t length) override {
        (void)::munmap(const_cast<std::byte*>(address), length);
    }
    int rename(const Path& from, const Path& to, bool replace) override {
        const auto call = [&](unsigned flags) {
            return again(
                [&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags); });
        };
        const int result = call(replace ? 0 : RENAME_NOREPLACE);
        return result == -EINVAL && !replace ? call(0)
                                             : result; // network file systems may not know the flag
    }
    int unlink(const Path& path) override {
        return again([&] { return ::unlink(path.c_str()); });
    }
    int make_folder(const Path& path) override {
        return again([&] { return ::mkdir(path.c_str(), folder_mode); });
    }
    int remove_folder(const Path& path) override {
        return again([&] { return ::rmdir(path.c_str()); });
    }
    int fsync_folder(const Path& path) override {
        const int fd =
            again([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
        if (fd < 0)
            return fd;
        const int result = ::fsync(fd) == 0 ? 0 : -errno;
        (void)::close(fd);
        return result;
    }
    int list(const Path& path, std::vector<Entry>& entries) override {
        const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
        if (!folder)
            return -errno;
        for (;;) {
            errno = 0;
            const dirent* const entry = ::readdir(folder.get());
            if (entry == nullptr)
                return -errno;
            std::string name = entry->d_name;
            if (name == "." || name == "..")
                continue;
            bool is_folder = entry->d_type == DT_DIR;
            if (entry->d_type == DT_UNKNOWN) {
                struct stat info {};
                is_folder = ::lstat((path / name).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
            }
            entries.push_back({std::move(name), is_folder});
        }
    }
    int space(const Path& path, Space& space) override {
        struct statvfs info {};
        if (::statvfs(path.c_str(), &info) != 0)
            return -errno;
        space.bytes_free = std::uint64_t{info.f_bavail} * info.f_frsize;
        space.bytes_total = std::uint64_t{info.f_blocks} * info.f_frsize;
        space.inodes_free =
            info.f_files == 0 ? UINT64_MAX : info.f_favail; // btrfs has no such limit
        return 0;
    }
};

} // namespace

std::shared_ptr<Files> real_files() {
    return std::make_shared<RealFiles>();
}

} // namespace dcmflow
