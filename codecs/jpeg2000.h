// Jpeg2000Codec: JPEG 2000 Part 1 lossless (1.2.840.10008.1.2.4.90) over OpenJPEG.
//
// Const, re-entrant, any thread; one thread per frame. Never throws. Writes a bare codestream
// (never JP2): reversible 5/3, one tile, one layer, LRCP, 64×64 blocks, up to 6 resolutions.
//
// What we write is what viewers read, which is less than the standard allows (viewers.md):
// * RGB of 8 bits goes through the reversible colour transform and becomes YBR_RCT. 16-bit colour
//   stays RGB without it (item 7: clamped to 8 bits). YBR_FULL is never transformed.
// * Precision is Bits Stored and the sign bit is Pixel Representation, but signed samples of up to
//   8 bits lose their negatives (item 2): in 16-bit cells they are written at a precision of 16, in
//   8-bit cells not at all.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class Jpeg2000Codec final : public Codec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg2000"; }
    [[nodiscard]] bool can_encode(const PixelFormat& format) const override;
    [[nodiscard]] CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                     FrameBuffer& out, AttributeChanges& changes) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
