// FrameView and FrameBuffer: one frame's bytes, lent and owned.
//
// Native bytes are little endian, rows top to bottom, samples laid out as PixelFormat::planar says.
#pragma once

#include "codecs/pixel_format.h"

#include <cstddef>
#include <span>
#include <vector>

namespace dcmflow::codecs {

struct FrameView {
    PixelFormat format;
    std::span<const std::byte> bytes; // exactly format.frame_bytes()
};

// Grows only; reuse one per thread so that the hot path does not allocate.
using FrameBuffer = std::vector<std::byte>;

} // namespace dcmflow::codecs
