#include "pipeline/worker/shared_memory.h"

#include "pipeline/worker/protocol.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace dcmflow::worker {

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : file_(std::move(other.file_)), base_(std::exchange(other.base_, nullptr)),
      stream_reserved_(std::exchange(other.stream_reserved_, 0)),
      pixels_reserved_(std::exchange(other.pixels_reserved_, 0)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(base_, other.base_);
    std::swap(stream_reserved_, other.stream_reserved_);
    std::swap(pixels_reserved_, other.pixels_reserved_);
    return *this;
}

SharedMemory::~SharedMemory() {
    if (base_ != nullptr)
        ::munmap(base_, memory_bytes);
}

Result<SharedMemory> SharedMemory::create() {
    Descriptor file(::memfd_create("dcmflow-codec", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file)
        return fail_errno(errno, "memory to share with a codec worker");
    if (::ftruncate(file.get(), static_cast<off_t>(memory_bytes)) != 0 ||
        ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail_errno(errno, "size of the memory to share with a codec worker");
    return map(std::move(file));
}

Result<SharedMemory> SharedMemory::map(Descriptor file) {
    struct stat state {};
    if (::fstat(file.get(), &state) != 0)
        return fail_errno(errno, "shared memory");
    if (static_cast<std::uint64_t>(state.st_size) != memory_bytes)
        return fail(ErrorCode::mismatch, "shared memory is not of the expected size");
    void* base = ::mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (base == MAP_FAILED)
        return fail_errno(errno, "mapping of shared memory");
    SharedMemory memory;
    memory.file_ = std::move(file);
    memory.base_ = static_cast<std::byte*>(base);
    return memory;
}

std::span<std::byte> SharedMemory::stream() const {
    return {base_ + stream_at, max_stream_bytes};
}
std::span<std::byte> SharedMemory::pixels() const {
    return {base_ + pixels_at, codecs::max_frame_bytes};
}

bool SharedMemory::reserve(std::uint64_t stream_bytes, std::uint64_t pixel_bytes) {
    const auto provide = [&](std::uint64_t from, std::uint64_t wanted, std::uint64_t& reserved) {
        if (wanted <= reserved)
            return true;
        int result = 0;
        do
            result = ::fallocate(file_.get(), 0, static_cast<off_t>(from + reserved),
                                 static_cast<off_t>(wanted - reserved));
        while (result != 0 && errno == EINTR);
        if (result == 0)
            reserved = wanted;
        return result == 0;
    };
    return stream_bytes <= max_stream_bytes && pixel_bytes <= codecs::max_frame_bytes &&
           provide(stream_at, stream_bytes, stream_reserved_) &&
           provide(pixels_at, pixel_bytes, pixels_reserved_);
}

bool SharedMemory::give_back(std::uint64_t keep) {
    if (stream_reserved_ <= keep && pixels_reserved_ <= keep)
        return false;
    const auto hole = [&](std::uint64_t from, std::uint64_t size) {
        if (keep < size)
            ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        static_cast<off_t>(from + keep), static_cast<off_t>(size - keep));
    };
    hole(stream_at, max_stream_bytes);
    hole(pixels_at, codecs::max_frame_bytes);
    stream_reserved_ = std::min(stream_reserved_, keep);
    pixels_reserved_ = std::min(pixels_reserved_, keep);
    return true;
}

} // namespace dcmflow::worker
