// Confinement: what a codec worker can not do any more: open, connect, start, write, grow.
//
// Called by the worker on itself, in this order; neither can be undone. Under AddressSanitizer and
// ThreadSanitizer the limits on memory and the filter are left out: their run-times need more
// system calls and address space than a codec does.
#pragma once

#include "codecs/pixel_format.h"
#include "pipeline/result.h"

#include <cstdint>

namespace dcmflow::worker {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif
#else
inline constexpr bool is_sanitized = false;
#endif

// Private memory (RLIMIT_DATA) that decoding one frame may take. The router sets it from outside
// before each frame: a small image's stream can not claim a large one's memory.
[[nodiscard]] std::uint64_t data_limit(const codecs::PixelFormat& format,
                                       std::uint64_t stream_bytes);
[[nodiscard]] std::uint64_t largest_data_limit();

// Resource limits, no core dump, no tracing by others, first to go when memory is out.
[[nodiscard]] Status limit_resources();

// seccomp: what decoding needs is allowed; a little that libraries try, and live without, is
// refused; any other system call ends the process.
[[nodiscard]] Status install_filter();

} // namespace dcmflow::worker
