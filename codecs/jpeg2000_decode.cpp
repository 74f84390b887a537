#include "codecs/jpeg2000_decode.h"

#include "codecs/jpeg2000_cells.h"
#include "codecs/jpeg2000_openjpeg.h"
#include "codecs/jpeg2000_stream.h"
#include "codecs/native.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace dcmflow::codecs {

namespace {

using namespace openjpeg;

// --- Memory as an OpenJPEG stream. Called from C: nothing here may throw.

struct Source {
    std::span<const std::byte> bytes;
    std::size_t position = 0;
};

OPJ_SIZE_T source_read(void* data, OPJ_SIZE_T count, void* user) {
    Source& source = *static_cast<Source*>(user);
    const std::size_t part = std::min<std::size_t>(count, source.bytes.size() - source.position);
    if (part == 0)
        return end_of_stream;
    std::memcpy(data, source.bytes.data() + source.position, part);
    source.position += part;
    return part;
}

OPJ_BOOL source_seek(OPJ_OFF_T offset, void* user) {
    Source& source = *static_cast<Source*>(user);
    if (offset < 0 || static_cast<std::uint64_t>(offset) > source.bytes.size())
        return OPJ_FALSE;
    source.position = static_cast<std::size_t>(offset);
    return OPJ_TRUE;
}

OPJ_OFF_T source_skip(OPJ_OFF_T count, void* user) {
    Source& source = *static_cast<Source*>(user);
    const auto left = static_cast<OPJ_OFF_T>(source.bytes.size() - source.position);
    if (count < 0)
        return -1;
    const OPJ_OFF_T part = std::min(count, left);
    source.position += static_cast<std::size_t>(part);
    return part > 0 || count == 0 ? part : -1;
}

Stream source_stream(Source& source) {
    Stream stream{opj_stream_create(chunk_bytes, OPJ_TRUE)};
    if (stream) {
        opj_stream_set_user_data(stream.get(), &source, nullptr);
        opj_stream_set_user_data_length(stream.get(), source.bytes.size());
        opj_stream_set_read_function(stream.get(), source_read);
        opj_stream_set_seek_function(stream.get(), source_seek);
        opj_stream_set_skip_function(stream.get(), source_skip);
    }
    return stream;
}

// --- What must hold before OpenJPEG may run.

// How the stream's samples become the header's cells (codecs.md §4 row 9): the values are the
// stream's. Where it lost the sign, the bits are re-read if it is clear which bit was the sign.
enum class Mapping : std::uint8_t { value, sign_of_stored, none };

Mapping mapping(const Jpeg2000Header& header, const PixelFormat& format) {
    const bool low_bits = format.high_bit + 1 == format.bits_stored;
    if (header.precision > format.bits_allocated ||
        (header.precision < format.bits_allocated && !low_bits))
        return Mapping::none;
    if (header.is_signed || !format.is_signed || header.precision == format.bits_allocated)
        return Mapping::value;
    return header.precision == format.bits_stored ? Mapping::sign_of_stored : Mapping::none;
}

bool colour_agrees(const Jpeg2000Header& header, const PixelFormat& format) {
    const bool transformed =
        format.photometric == Photometric::ybr_rct || format.photometric == Photometric::ybr_ict;
    if (!header.component_transform)
        return !transformed;
    return transformed || format.photometric == Photometric::rgb;
}

CodecStatus check(const Jpeg2000Header& header, const PixelFormat& format,
                  const Jpeg2000Syntax& syntax) {
    if (header.high_throughput != syntax.high_throughput || (!header.reversible && !syntax.lossy))
        return CodecStatus::unsupported;
    if (header.width != format.columns || header.height != format.rows ||
        header.components != format.samples || !colour_agrees(header, format) ||
        mapping(header, format) == Mapping::none)
        return CodecStatus::mismatch;
    return CodecStatus::ok;
}

// --- Decoding.

bool as_announced(const opj_image_t& image, const Jpeg2000Header& header) {
    if (image.numcomps != header.components)
        return false;
    for (OPJ_UINT32 i = 0; i < image.numcomps; ++i) {
        const opj_image_comp_t& component = image.comps[i];
        if (component.w != header.width || component.h != header.height || component.dx != 1 ||
            component.dy != 1 || component.prec != header.precision ||
            (component.sgnd != 0) != header.is_signed)
            return false;
    }
    return true;
}

CodecStatus run_decoder(const Jpeg2000Header& header, Image& image) {
    Source source{.bytes = header.codestream};
    const Coder codec{opj_create_decompress(OPJ_CODEC_J2K)};
    const Stream stream = source_stream(source);
    if (!codec || !stream)
        return CodecStatus::unavailable;
    silence(codec.get());
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (opj_setup_decoder(codec.get(), &parameters) != OPJ_TRUE ||
        opj_decoder_set_strict_mode(codec.get(), OPJ_TRUE) != OPJ_TRUE)
        return CodecStatus::failed;
    opj_image_t* read = nullptr;
    const bool begun = opj_read_header(stream.get(), codec.get(), &read) == OPJ_TRUE;
    image.reset(read);
    if (!begun || !image || !as_announced(*image, header))
        return CodecStatus::corrupt;
    if (opj_decode(codec.get(), stream.get(), image.get()) != OPJ_TRUE ||
        opj_end_decompress(codec.get(), stream.get()) != OPJ_TRUE || !as_announced(*image, header))
        return CodecStatus::corrupt;
    for (OPJ_UINT32 i = 0; i < image->numcomps; ++i)
        if (image->comps[i].data == nullptr)
            return CodecStatus::corrupt;
    return CodecStatus::ok;
}

CodecStatus to_cells(const Jpeg2000Header& header, const opj_image_t& image,
                     const PixelFormat& format, FrameBuffer& out) {
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    out.resize(format.frame_bytes());
    for (std::uint16_t sample = 0; sample < format.samples; ++sample) {
        const std::span<const OPJ_INT32> plane{image.comps[sample].data, pixels};
        // A negative value in an unsigned object: nobody can say what it means there.
        if (header.is_signed && !format.is_signed &&
            *std::min_element(plane.begin(), plane.end()) < 0)
            return CodecStatus::mismatch;
        samples_to_cells(plane, format, sample, out);
    }
    if (mapping(header, format) == Mapping::sign_of_stored) {
        if (format.bits_allocated == 8)
            sign_extend_8(out, header.precision);
        else
            sign_extend_16(out, header.precision);
    }
    return CodecStatus::ok;
}

CodecStatus decode_checked(std::span<const std::byte> stream, const PixelFormat& format,
                           const Jpeg2000Syntax& syntax, FrameBuffer& out) {
    if (!jpeg2000_codable(format))
        return CodecStatus::unsupported;
    Jpeg2000Header header;
    if (const CodecStatus status = parse_jpeg2000(stream, header); status != CodecStatus::ok)
        return status;
    if (const CodecStatus status = check(header, format, syntax); status != CodecStatus::ok)
        return status;
    Image image;
    if (const CodecStatus status = run_decoder(header, image); status != CodecStatus::ok)
        return status;
    return to_cells(header, *image, format, out);
}

} // namespace

CodecStatus decode_jpeg2000(std::span<const std::byte> stream, const PixelFormat& format,
                            const Jpeg2000Syntax& syntax, FrameBuffer& out) {
    try {
        return decode_checked(stream, format, syntax, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

PixelFormat jpeg2000_decoded_format(const PixelFormat& coded) {
    PixelFormat native = coded;
    native.planar = false;
    if (coded.photometric == Photometric::ybr_rct || coded.photometric == Photometric::ybr_ict)
        native.photometric = Photometric::rgb;
    return native;
}

} // namespace dcmflow::codecs
