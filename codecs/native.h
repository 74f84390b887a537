// Native: what can be done to uncompressed pixels without looking at what they show.
//
// Pure functions over the caller's memory; any thread. They allocate nothing and trust the caller's
// sizes: a frame holds frame_bytes() and `format` has no problem(). Unaligned memory is fine.
#pragma once

#include "codecs/frame.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmflow::codecs {

// Whether the bits outside Bits Stored carry nothing (PS3.5 8.1.1): zero in unsigned samples, the
// sign repeated in signed ones. False also when High Bit is not Bits Stored - 1, for then a codec
// that keeps the low Bits Stored would drop data. 1-bit frames are always clean.
[[nodiscard]] bool unused_bits_clean(const FrameView& frame);

// Colour by plane (RRR…GGG…BBB…) to colour by pixel (RGBRGB…) and back; `out` is another buffer of
// the same size. Samples of 8 to 64 bits; one sample per pixel is a copy. Not for subsampled
// colour.
void interleave(std::span<const std::byte> planes, const PixelFormat& format,
                std::span<std::byte> out);
void deinterleave(std::span<const std::byte> pixels, const PixelFormat& format,
                  std::span<std::byte> out);

// Swaps the bytes of every 16- or 32-bit cell in place; a rest shorter than a cell is left alone.
void swap_bytes_16(std::span<std::byte> bytes);
void swap_bytes_32(std::span<std::byte> bytes);

// Repeats bit `bits` - 1 of every 8- or 16-bit cell into the bits above it.
void sign_extend_8(std::span<std::byte> bytes, unsigned bits);
void sign_extend_16(std::span<std::byte> bytes, unsigned bits);

} // namespace dcmflow::codecs
