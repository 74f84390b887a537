// Cells of native frames to the 32-bit samples that JPEG 2000 libraries work on, and back; and
// which formats these codecs write.
//
// Pure functions over the caller's memory; any thread. `format` has no problem() and cells of 8 or
// 16 bits; the frame holds frame_bytes(). Unaligned memory is fine.
#pragma once

#include "codecs/codec.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmflow::codecs {

// Neither subsampled nor too large, in cells of 8 or 16 bits: what these codecs handle at all.
[[nodiscard]] bool jpeg2000_codable(const PixelFormat& format);

// PS3.5 table 8.2.4-1, less what viewers misread (viewers.md; see jpeg2000.h).
[[nodiscard]] bool jpeg2000_writable(const PixelFormat& format);

// Whether the reversible colour transform is applied: RGB of 8 bits becomes YBR_RCT.
[[nodiscard]] bool jpeg2000_transforms(const PixelFormat& format, const EncodeOptions& options);

// Precision to write: Bits Stored, but 16 for up to 8 bits stored in 16-bit cells.
[[nodiscard]] unsigned jpeg2000_precision(const PixelFormat& format);

// Samples of component `sample` of samples.size() pixels from `first_pixel` on, in raster order.
void cells_to_samples(const FrameView& frame, std::uint16_t sample, std::size_t first_pixel,
                      std::span<std::int32_t> samples);

// A whole component into the cells of a colour-by-pixel frame.
void samples_to_cells(std::span<const std::int32_t> samples, const PixelFormat& format,
                      std::uint16_t sample, std::span<std::byte> cells);

} // namespace dcmflow::codecs
