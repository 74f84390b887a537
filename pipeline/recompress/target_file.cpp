#include "pipeline/recompress/target_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace dcmflow::recompress {

namespace {

constexpr std::size_t chunk_bytes = 4U << 20;

constexpr std::string_view temporary_prefix = ".dcmflow-";
constexpr std::string_view file_suffix = ".tmp";
constexpr std::string_view link_suffix = "-link.tmp"; // never the name of a file that is locked

// One name per final name, short however long that is: the next attempt finds what this one may
// leave.
std::string temporary_name(const std::string& name, std::string_view suffix) {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325; // FNV-1a
    for (const char c : name)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x0000'0100'0000'01B3;
    return fmt::format("{}{:016x}{}", temporary_prefix, hash, suffix);
}

Status write_at(int file, std::uint64_t offset, std::span<const std::byte> left) {
    while (!left.empty()) {
        const ssize_t wrote = ::pwrite(file, left.data(), std::min(left.size(), chunk_bytes),
                                       static_cast<off_t>(offset));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return fail_errno(wrote == 0 ? ENOSPC : errno, "write");
        left = left.subspan(static_cast<std::size_t>(wrote));
        offset += static_cast<std::uint64_t>(wrote);
    }
    return {};
}

// NFS without its lock service, some FUSE and cluster file systems.
bool has_no_locks(int error) {
    return error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK;
}

} // namespace

bool is_temporary_name(std::string_view name) {
    if (!name.starts_with(temporary_prefix))
        return false;
    name.remove_prefix(temporary_prefix.size());
    const auto digits = std::min(name.find_first_not_of("0123456789abcdef"), name.size());
    const auto suffix = name.substr(digits);
    return digits == 16 && (suffix == file_suffix || suffix == link_suffix);
}

TargetFile::TargetFile(int folder, std::string name, std::string temporary,
                       deliver::Descriptor file)
    : folder_(folder), name_(std::move(name)), temporary_(std::move(temporary)),
      file_(std::move(file)) {}

Result<TargetFile> TargetFile::create(int folder, const std::string& name) {
    auto temporary = temporary_name(name, file_suffix);
    deliver::Descriptor file(::openat(
        folder, temporary.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
    if (!file.valid())
        return fail_errno(errno, "create in the destination");
    struct stat ours {};
    struct stat named {};
    const bool locked = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    const int lock_error = locked ? 0 : errno;
    const bool taken = lock_error == EWOULDBLOCK;
    if (!locked && !taken && !has_no_locks(lock_error))
        return fail_errno(lock_error, "lock the temporary file");
    // Renamed by its writer between our open and our lock: as good as locked.
    if (taken || ::fstat(file.get(), &ours) != 0 ||
        ::fstatat(folder, temporary.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        named.st_ino != ours.st_ino)
        return fail(ErrorCode::conflict, "another run is writing this file");
    TargetFile target(folder, name, std::move(temporary), std::move(file));
    target.locked_ = locked;
    if (!S_ISREG(ours.st_mode) || ::ftruncate(target.file_.get(), 0) != 0)
        return fail_errno(errno, "empty the temporary file");
    return target;
}

TargetFile::TargetFile(TargetFile&& other) noexcept
    : folder_(other.folder_), name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})), file_(std::move(other.file_)),
      size_(other.size_), locked_(other.locked_) {}

TargetFile& TargetFile::operator=(TargetFile&& other) noexcept {
    std::swap(folder_, other.folder_);
    std::swap(name_, other.name_);
    std::swap(temporary_, other.temporary_);
    std::swap(file_, other.file_);
    std::swap(size_, other.size_);
    std::swap(locked_, other.locked_);
    return *this;
}

TargetFile::~TargetFile() {
    if (!temporary_.empty())
        (void)::unlinkat(folder_, temporary_.c_str(), 0); // while the lock is held
}

Status TargetFile::write(std::span<const std::byte> bytes) {
    auto written = write_at(file_.get(), size_, bytes);
    if (written)
        size_ += bytes.size();
    return written;
}

Status TargetFile::patch(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > size_ || bytes.size() > size_ - offset)
        return fail(ErrorCode::internal, "correction of bytes that were not written");
    return write_at(file_.get(), offset, bytes);
}

Status TargetFile::finish(const timespec& modified) {
    const timespec times[2] = {{0, UTIME_OMIT}, modified};
    if (::futimens(file_.get(), times) != 0)
        return fail_errno(errno, "set the modification time");
    if (::fdatasync(file_.get()) != 0)
        return fail_errno(errno, "sync");
    struct stat ours {};
    struct stat named {};
    if (::fstat(file_.get(), &ours) != 0 ||
        ::fstatat(folder_, temporary_.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno(errno, "look at the temporary file");
    const bool is_ours = ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
    if (!is_ours || ours.st_size != static_cast<off_t>(size_)) {
        if (!is_ours)
            temporary_.clear(); // nor ours to remove
        return fail(ErrorCode::conflict, "someone else wrote to the temporary file");
    }
    if (::renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0)
        return fail_errno(errno, "put in place");
    temporary_.clear();
    return {};
}

Status make_link(int folder, const std::string& name, const std::string& text) {
    const auto temporary = temporary_name(name, link_suffix);
    struct stat left {};
    if (::fstatat(folder, temporary.c_str(), &left, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(left.st_mode)) // of a run that was killed
        (void)::unlinkat(folder, temporary.c_str(), 0);
    if (::symlinkat(text.c_str(), folder, temporary.c_str()) != 0)
        return fail_errno(errno, "make a link");
    if (::renameat(folder, temporary.c_str(), folder, name.c_str()) == 0)
        return {};
    const int error = errno;
    (void)::unlinkat(folder, temporary.c_str(), 0);
    return fail_errno(error, "put in place");
}

} // namespace dcmflow::recompress
