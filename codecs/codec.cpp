#include "codecs/codec.h"

namespace dcmflow::codecs {

std::string_view to_string(CodecStatus status) {
    switch (status) {
    case CodecStatus::ok:
        return "ok";
    case CodecStatus::unsupported:
        return "unsupported";
    case CodecStatus::dirty_bits:
        return "dirty_bits";
    case CodecStatus::incompressible:
        return "incompressible";
    case CodecStatus::corrupt:
        return "corrupt";
    case CodecStatus::mismatch:
        return "mismatch";
    case CodecStatus::failed:
        return "failed";
    case CodecStatus::died:
        return "died";
    case CodecStatus::unavailable:
        return "unavailable";
    }
    return "failed";
}

std::uint64_t encoded_limit(const PixelFormat& format) {
    const std::uint64_t bytes = format.frame_bytes();
    return bytes + bytes / 8 + 1024; // 1024: the headers of a frame of a few pixels
}

PixelFormat Codec::decoded_format(const PixelFormat& coded) const {
    PixelFormat native = coded;
    native.planar = false;
    if (coded.photometric == Photometric::ybr_rct)
        native.photometric = Photometric::rgb;
    return native;
}

} // namespace dcmflow::codecs
