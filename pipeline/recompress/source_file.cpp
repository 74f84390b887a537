#include "pipeline/recompress/source_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace dcmflow::recompress {

namespace {

constexpr std::uint64_t drop_step = 32ULL << 20; // pages stay until so many bytes were used

constexpr const char* changed_text = "changed while it was read";

bool same_time(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

} // namespace

struct SourceFile::Mapping {
    std::span<const std::byte> bytes;
    std::optional<MappingGuard> guard;
};

void SourceFile::Unmap::operator()(Mapping* mapping) const {
    mapping->guard.reset();
    ::munmap(const_cast<std::byte*>(mapping->bytes.data()), mapping->bytes.size());
    delete mapping;
}

Result<SourceFile> SourceFile::open(const std::filesystem::path& path) {
    SourceFile source;
    source.file_ =
        deliver::Descriptor(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!source.file_.valid() || ::fstat(source.file_.get(), &source.status_) != 0)
        return fail_errno(errno, "open");
    if (!S_ISREG(source.status_.st_mode))
        return fail(ErrorCode::invalid_argument, "not a regular file");
    return source;
}

Status SourceFile::load(std::uint64_t in_memory) {
    return size() <= in_memory ? read_all() : map();
}

Status SourceFile::read_all() {
    memory_.reset(new (std::nothrow) std::byte[size()]);
    if (memory_ == nullptr)
        return fail(ErrorCode::memory, "out of memory");
    const std::span<std::byte> all(memory_.get(), size());
    for (std::uint64_t at = 0; at < size();) {
        const auto piece = read_at(at, all.subspan(at));
        if (!piece)
            return tl::unexpected(piece.error());
        at += piece->size();
    }
    const auto status = unchanged();
    file_ = deliver::Descriptor(); // many small files may wait at once
    return status;
}

Status SourceFile::map() {
    void* start = ::mmap(nullptr, size(), PROT_READ, MAP_PRIVATE, file_.get(), 0);
    if (start == MAP_FAILED)
        return fail_errno(errno, "map");
    mapping_.reset(new Mapping{{static_cast<const std::byte*>(start), size()}, std::nullopt});
    mapping_->guard = MappingGuard::watch(mapping_->bytes);
    if (!mapping_->guard)
        return fail(ErrorCode::memory, "too many large files at once");
    return {};
}

std::span<const std::byte> SourceFile::bytes() const {
    if (mapping_ != nullptr)
        return mapping_->bytes;
    return {memory_.get(), memory_ != nullptr ? size() : 0};
}

Result<std::span<const std::byte>> SourceFile::read_at(std::uint64_t offset,
                                                       std::span<std::byte> buffer) const {
    if (buffer.empty())
        return std::span<const std::byte>();
    const auto want = std::min<std::uint64_t>(buffer.size(), size() - offset);
    for (;;) {
        const ssize_t got = ::pread(file_.get(), buffer.data(), want, static_cast<off_t>(offset));
        if (got > 0)
            return std::span<const std::byte>(buffer.first(static_cast<std::size_t>(got)));
        if (got == 0)
            return fail(ErrorCode::io, changed_text);
        if (errno != EINTR)
            return fail_errno(errno, "read");
    }
}

void SourceFile::consumed(std::uint64_t bytes) {
    since_drop_ += bytes;
    if (mapping_ == nullptr || since_drop_ < drop_step)
        return;
    since_drop_ = 0;
    // Clean pages of a file: whoever still needs one gets it back from the page cache.
    (void)::madvise(const_cast<std::byte*>(mapping_->bytes.data()), mapping_->bytes.size(),
                    MADV_DONTNEED);
}

Status SourceFile::unchanged() const {
    if (mapping_ != nullptr && mapping_->guard->damaged())
        return fail(ErrorCode::io, "cut short or unreadable while it was read");
    if (!file_.valid())
        return {}; // in memory, and looked at when that was done
    struct stat now {};
    if (::fstat(file_.get(), &now) != 0)
        return fail_errno(errno, "look at");
    if (now.st_size != status_.st_size || !same_time(now.st_mtim, status_.st_mtim))
        return fail(ErrorCode::io, changed_text);
    return {};
}

} // namespace dcmflow::recompress
