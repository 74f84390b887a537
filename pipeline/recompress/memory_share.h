// What a file takes of the memory while it is worked on, beside its own bytes: by its image header,
// since a well compressed file says nothing by its size.
//
// Functions; any thread.
#pragma once

#include "pipeline/dicom/transcode.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dcmflow::recompress {

// Bounds of one object's work.
struct WorkBounds {
    std::size_t most_frames_at_once = 16;
    std::uint64_t frame_memory = 64ULL << 20; // for the frames while they are coded; one at least
    std::uint64_t result_in_memory = 32ULL << 20;
};

// Of one frame from `source` to `target` (empty: any): native, encoded and decoded again, with the
// integer planes of a JPEG 2000 coder.
[[nodiscard]] std::uint64_t frame_work(const codecs::PixelFormat& format, std::string_view source,
                                       std::string_view target);
[[nodiscard]] std::size_t frames_at_once(const PixelDescription& pixels, std::string_view source,
                                         std::string_view target, const WorkBounds& bounds);
// `file` is a whole Part 10 file, or something else.
[[nodiscard]] std::uint64_t file_work(std::span<const std::byte> file, std::string_view target,
                                      const WorkBounds& bounds) noexcept;

} // namespace dcmflow::recompress
