#include "codecs/jpeg.h"

#include "codecs/jpeg_stream.h"

#include <csetjmp>
#include <cstdio> // jpeglib.h needs it
#include <jerror.h>
#include <jpeglib.h>
#include <memory>
#include <new>

namespace dcmflow::codecs {

namespace {

// libjpeg's state and the way out of it. Errors and warnings leave by longjmp, so run() and
// everything below it hold nothing that has a destructor; what must be released is released by ~.
class Decompressor {
  public:
    Decompressor() {
        info_.err = jpeg_std_error(&errors_.base);
        errors_.base.error_exit = leave;
        errors_.base.emit_message = leave_on_warning;
        errors_.base.output_message = [](j_common_ptr) {};
    }
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;
    ~Decompressor() { jpeg_destroy_decompress(&info_); }

    // `out` takes exactly what the header, checked before, amounts to.
    CodecStatus run(std::span<const std::byte> stream, const JpegHeader& header, JpegColour colour,
                    std::span<std::byte> out) {
        if (setjmp(errors_.way_out) != 0)
            return errors_.base.msg_code == JERR_OUT_OF_MEMORY ? CodecStatus::unavailable
                                                               : CodecStatus::corrupt;
        jpeg_create_decompress(&info_);
        jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(stream.data()), stream.size());
        if (jpeg_read_header(&info_, TRUE) != JPEG_HEADER_OK)
            return CodecStatus::corrupt;
        // libjpeg must have read what we read, or its idea of the size is not ours.
        if (info_.image_width != header.width || info_.image_height != header.height ||
            info_.num_components != header.components || info_.data_precision != header.precision)
            return CodecStatus::corrupt;
        if (header.components == 1) {
            info_.jpeg_color_space = info_.out_color_space = JCS_GRAYSCALE;
        } else {
            info_.jpeg_color_space = colour == JpegColour::rgb ? JCS_RGB : JCS_YCbCr;
            info_.out_color_space = JCS_RGB;
        }
        info_.dct_method = JDCT_ISLOW; // the exact one of the two; what other readers use
        if (!jpeg_start_decompress(&info_))
            return CodecStatus::corrupt;
        const std::size_t row_bytes = std::size_t{header.width} * header.components;
        if (info_.output_width != header.width || info_.output_height != header.height ||
            info_.output_components != header.components || row_bytes * header.height != out.size())
            return CodecStatus::corrupt;
        while (info_.output_scanline < info_.output_height) {
            auto* row = reinterpret_cast<JSAMPROW>(out.data() + info_.output_scanline * row_bytes);
            if (jpeg_read_scanlines(&info_, &row, 1) != 1)
                return CodecStatus::corrupt;
        }
        return jpeg_finish_decompress(&info_) ? CodecStatus::ok : CodecStatus::corrupt;
    }

  private:
    struct Errors {
        jpeg_error_mgr base{}; // first: libjpeg hands back a pointer to it
        std::jmp_buf way_out{};
    };

    [[noreturn]] static void leave(j_common_ptr info) {
        std::longjmp(reinterpret_cast<Errors*>(info->err)->way_out, 1);
    }
    static void leave_on_warning(j_common_ptr info, int level) {
        if (level < 0)
            leave(info);
    }

    jpeg_decompress_struct info_{};
    Errors errors_;
};

bool is_decodable(const PixelFormat& format) {
    if (!format.problem().empty() || format.bits_allocated != 8 || format.bits_stored != 8 ||
        format.is_signed)
        return false;
    if (format.samples == 1)
        return true;
    // `other` may be anything (HSV, ARGB, CMYK): no way to tell what RGB would be.
    return format.samples == 3 && format.photometric != Photometric::other;
}

// Sizes and shape; processes of other transfer syntaxes are told apart by the parser.
CodecStatus compare(const JpegHeader& header, const PixelFormat& format) {
    if (header.process == JpegProcess::lossless)
        return CodecStatus::mismatch;
    if (header.width != format.columns || header.height != format.rows ||
        header.components != format.samples || header.precision != format.bits_stored)
        return CodecStatus::mismatch;
    return CodecStatus::ok;
}

CodecStatus decode_checked(std::span<const std::byte> stream, const PixelFormat& format,
                           const PixelFormat& native, FrameBuffer& out) {
    if (!is_decodable(format) || native.frame_bytes() > max_frame_bytes)
        return CodecStatus::unsupported;
    JpegHeader header;
    if (const CodecStatus status = parse_jpeg(stream, header); status != CodecStatus::ok)
        return status;
    if (const CodecStatus status = compare(header, format); status != CodecStatus::ok)
        return status;
    const auto colour =
        header.components == 3 ? coded_colour(header, format.photometric) : JpegColour::ycbcr;
    if (!colour || (*colour == JpegColour::rgb && header.subsampled()))
        return CodecStatus::mismatch;
    out.resize(native.frame_bytes());
    const auto decompressor = std::make_unique<Decompressor>();
    FrameBuffer copy;
    const auto checked = repaired(stream.first(header.end), header, copy);
    return decompressor->run(checked, header, *colour, out);
}

} // namespace

PixelFormat JpegCodec::decoded_format(const PixelFormat& coded) const {
    PixelFormat native = Codec::decoded_format(coded);
    if (coded.samples == 3)
        native.photometric = Photometric::rgb;
    return native;
}

CodecStatus JpegCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                              FrameBuffer& out) const {
    try {
        return decode_checked(stream, format, decoded_format(format), out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

} // namespace dcmflow::codecs
