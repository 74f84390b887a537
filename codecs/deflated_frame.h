// DeflatedFrameCodec: Deflated Image Frame Compression (1.2.840.10008.1.2.8.1, PS3.5 8.2.16 and
// A.4.13), decode only, over zlib.
//
// Const, re-entrant, any thread; never throws. Each frame is a raw deflate stream (RFC 1951) of the
// native frame's bytes, whatever its attributes; one 00 may pad it. What inflates to another size
// than the header's is refused, so no stream can ask for memory.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class DeflatedFrameCodec final : public DecodingCodec {
  public:
    [[nodiscard]] std::string_view name() const override { return "deflated-frame"; }
    // Here alone Planar Configuration means something: colour by plane is put by pixel.
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
