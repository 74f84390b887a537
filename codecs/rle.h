// RleCodec: RLE Lossless (1.2.840.10008.1.2.5, PS3.5 Annex G), encoder and decoder of our own.
//
// Const, re-entrant, any thread; scratch memory is per thread. Never throws. Whole cells are coded,
// byte plane by byte plane, so unused bits, overlays in them and any High Bit survive.
//
// Each sample's planes follow one another, the most significant byte first, whatever Planar
// Configuration says. We write 0 for it (G.2 note 2), and readers ignore it.
// We write what others read back (tests/codecs/peer_readers_test.cpp): gray and palette in cells of
// 8 to 32 bits, colour in cells of 8. GDCM 3.0.21 garbles 16-bit colour, and Debian's aborts when
// a byte has unused bits. We read every cell size; PS3.5 table 8.2.2-1 lists 1, 8 and 16.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class RleCodec final : public Codec {
  public:
    [[nodiscard]] std::string_view name() const override { return "rle"; }
    [[nodiscard]] bool can_encode(const PixelFormat& format) const override;
    [[nodiscard]] bool keeps_unused_bits(const EncodeOptions& /*options*/) const override {
        return true; // whole cells, whatever is in them
    }
    [[nodiscard]] CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                     FrameBuffer& out, AttributeChanges& changes) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
