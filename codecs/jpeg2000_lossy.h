// Jpeg2000LossyCodec: reads JPEG 2000 (1.2.840.10008.1.2.4.91) and HTJ2K (…203), whose streams may
// be lossy or not. It never writes: we never make an image lossy.
//
// Const, re-entrant, any thread; one thread per frame. Never throws.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class Jpeg2000LossyCodec final : public DecodingCodec {
  public:
    enum class Kind : std::uint8_t { part1, high_throughput };
    explicit Jpeg2000LossyCodec(Kind kind) : kind_(kind) {}

    [[nodiscard]] std::string_view name() const override;
    [[nodiscard]] PixelFormat decoded_format(const PixelFormat& coded) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;

  private:
    Kind kind_;
};

} // namespace dcmflow::codecs
