// The JPEG processes that DCMTK's JPEG library decodes: JPEG lossless (1.2.840.10008.1.2.4.57, …70)
// and the 12-bit side of JPEG extended (…51), whose 8-bit side is libjpeg-turbo's.
//
// Codecs as in codecs/codec.h: const, re-entrant, any thread, decode only. Never throws, never
// logs. The stream is parsed and compared with the data set's header first; any warning of the
// library means corrupt. Nothing converts colours here: lossless components are what they are
// (codecs.md §4 row 31).
//
// Precision of a lossless stream is Bits Stored, the sign extended, or Bits Allocated, as it is.
#pragma once

#include "codecs/jpeg.h"

#include <string_view>

namespace dcmflow {

class JpegLosslessCodec final : public codecs::DecodingCodec {
  public:
    enum class Predictors : bool { first, all }; // …70 allows selection value 1 only
    explicit JpegLosslessCodec(Predictors predictors) : predictors_(predictors) {}

    [[nodiscard]] std::string_view name() const override;
    [[nodiscard]] codecs::CodecStatus decode(std::span<const std::byte> stream,
                                             const codecs::PixelFormat& format,
                                             codecs::FrameBuffer& out) const override;

  private:
    Predictors predictors_;
};

// 8 bits as JpegCodec does; 12 bits of one sample in 16-bit cells.
class JpegExtendedCodec final : public codecs::DecodingCodec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg-extended"; }
    [[nodiscard]] codecs::PixelFormat
    decoded_format(const codecs::PixelFormat& coded) const override;
    [[nodiscard]] codecs::CodecStatus decode(std::span<const std::byte> stream,
                                             const codecs::PixelFormat& format,
                                             codecs::FrameBuffer& out) const override;

  private:
    codecs::JpegCodec eight_bits_;
};

} // namespace dcmflow
