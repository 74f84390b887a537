// Jpeg2000Codec: JPEG 2000 Part 1 lossless (1.2.840.10008.1.2.4.90) over OpenJPEG.
//
// Const, re-entrant, any thread; one thread per frame. Never throws. Writes a bare codestream
// (never JP2): reversible 5/3, one tile, one layer, LRCP, 64×64 blocks, up to 6 resolutions.
//
// What we write is what viewers read, which is less than the standard allows (viewers.md):
// * RGB of 8 bits goes through the reversible colour transform and becomes YBR_RCT. 16-bit colour
//   stays RGB without it (item 7: clamped to 8 bits). YBR_FULL is never transformed.
// * Precision is Bits Stored, the sign bit is Pixel Representation. Up to 8 bits stored in 16-bit
//   cells are written at a precision of 16: GDCM 3.0.21 gives 8-bit cells back for less, and
//   viewers turn negatives to 0 (item 2). For that reason signed 8-bit cells are not written at
//   all.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class Jpeg2000Codec final : public Codec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg2000"; }
    [[nodiscard]] bool can_encode(const PixelFormat& format) const override;
    [[nodiscard]] CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                     FrameBuffer& out, AttributeChanges& changes) const override;
    [[nodiscard]] PixelFormat decoded_format(const PixelFormat& coded) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
