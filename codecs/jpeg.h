// JpegCodec: 8-bit JPEG baseline and extended sequential (1.2.840.10008.1.2.4.50, …51), decode
// only, over the libjpeg interface of libjpeg-turbo.
//
// Const, re-entrant, any thread; never throws, never writes to stderr. The stream is parsed and
// compared with the data set's header first; any warning of the library means corrupt, for it then
// fills the frame with what it guesses.
//
// Three components always become RGB, by what the stream says of its colours rather than by
// Photometric Interpretation, which is often wrong (codecs.md §4 row 30): see coded_colour(). What
// is left to guess is a mismatch.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class JpegCodec final : public DecodingCodec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg-baseline"; }
    [[nodiscard]] PixelFormat decoded_format(const PixelFormat& coded) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
