#include "codecs/jpeg2000_lossy.h"

#include "codecs/jpeg2000_decode.h"

namespace dcmflow::codecs {

std::string_view Jpeg2000LossyCodec::name() const {
    return kind_ == Kind::part1 ? "jpeg2000-lossy" : "htj2k-lossy";
}

PixelFormat Jpeg2000LossyCodec::decoded_format(const PixelFormat& coded) const {
    return jpeg2000_decoded_format(coded);
}

CodecStatus Jpeg2000LossyCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                       FrameBuffer& out) const {
    return decode_jpeg2000(stream, format,
                           {.high_throughput = kind_ == Kind::high_throughput, .lossy = true}, out);
}

} // namespace dcmflow::codecs
