#include "codecs/deflated_frame.h"

#include "codecs/native.h"
#include "codecs/scratch.h"

#include <limits>
#include <new>
#include <zlib.h>

namespace dcmflow::codecs {

namespace {

class Inflater { // owns zlib's state
  public:
    Inflater() : ready_(inflateInit2(&stream_, -MAX_WBITS) == Z_OK) {} // negative: no zlib header
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() {
        if (ready_)
            inflateEnd(&stream_);
    }

    CodecStatus run(std::span<const std::byte> in, std::span<std::byte> out) {
        if (!ready_)
            return CodecStatus::unavailable;
        if (in.size() > std::numeric_limits<uInt>::max())
            return CodecStatus::corrupt;
        // zlib's next_in is not const, but zlib does not write to it.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
        stream_.avail_in = static_cast<uInt>(in.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size()); // at most max_frame_bytes
        const int result = inflate(&stream_, Z_FINISH);
        if (result == Z_MEM_ERROR)
            return CodecStatus::unavailable;
        if (result != Z_STREAM_END)
            // Room is gone and the stream goes on: another size than the header's. Else it is cut.
            return result == Z_BUF_ERROR && stream_.avail_out == 0 && stream_.avail_in > 0
                       ? CodecStatus::mismatch
                       : CodecStatus::corrupt;
        if (stream_.avail_out != 0)
            return CodecStatus::mismatch;
        const bool pad = stream_.avail_in == 1 && *stream_.next_in == 0;
        return stream_.avail_in == 0 || pad ? CodecStatus::ok : CodecStatus::corrupt;
    }

  private:
    z_stream stream_{};
    bool ready_;
};

bool is_decodable(const PixelFormat& format) {
    if (!format.problem().empty() || format.frame_bytes() > max_frame_bytes)
        return false;
    if (format.photometric == Photometric::ybr_ict || format.photometric == Photometric::ybr_rct)
        return false; // exist in codestreams only
    if (format.frame_bits() % 8 != 0)
        return false; // native 1-bit frames follow one another without padding; this one has some
    const bool whole = format.bits_allocated != 1 &&
                       format.photometric != Photometric::ybr_full_422 &&
                       format.photometric != Photometric::ybr_partial_420;
    return !format.planar || format.samples == 1 || whole;
}

CodecStatus decode_checked(std::span<const std::byte> stream, const PixelFormat& format,
                           FrameBuffer& out) {
    if (!is_decodable(format))
        return CodecStatus::unsupported;
    out.resize(format.frame_bytes());
    if (!format.planar || format.samples == 1)
        return Inflater{}.run(stream, out);
    Scratch scratch;
    const std::span<std::byte> planes = scratch.of_size(out.size());
    const CodecStatus status = Inflater{}.run(stream, planes);
    if (status == CodecStatus::ok)
        interleave(planes, format, out);
    return status;
}

} // namespace

CodecStatus DeflatedFrameCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                       FrameBuffer& out) const {
    try {
        return decode_checked(stream, format, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

} // namespace dcmflow::codecs
