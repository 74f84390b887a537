// Synthetic: frames that look like a modality's to a codec, for load generation, demo and bench.
//
// Pure functions of (kind, seed, index): the same bytes on every machine and compiler, so integers
// only. Any thread. Smooth anatomy, noise of a realistic strength and correlation, and a dead
// background, so that they compress about as real ones do. Nobody's anatomy, and no test of image
// quality.
#pragma once

#include "codecs/frame.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace dcmflow::codecs {

enum class SyntheticKind : std::uint8_t {
    ct, // 512×512, signed 16 of 16 bits, Hounsfield units, -2000 outside the scan circle
    mr, // 256×256, 12 of 16 bits, zero background
    us, // 480×640, RGB 8 bits, a grey fan on black with a coloured box
    cr, // 1760×2140, 10 of 16 bits, a smooth projection
};

[[nodiscard]] std::string_view to_string(SyntheticKind kind); // "ct"
[[nodiscard]] std::optional<SyntheticKind> synthetic_kind_from(std::string_view text);

[[nodiscard]] PixelFormat synthetic_format(SyntheticKind kind);

// One frame; `format` becomes synthetic_format(kind). `seed` is the patient, `index` the slice or
// the point in time: neighbours resemble each other, their noise does not.
[[nodiscard]] FrameBuffer synthetic_frame(SyntheticKind kind, PixelFormat& format,
                                          std::uint64_t seed, std::uint32_t index);

} // namespace dcmflow::codecs
