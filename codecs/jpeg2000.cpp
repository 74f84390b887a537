#include "codecs/jpeg2000.h"

#include "codecs/jpeg2000_stream.h"
#include "codecs/native.h"

#include <openjpeg.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

namespace dcmflow::codecs {

namespace {

struct DestroyCodec {
    void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct DestroyImage {
    void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};
struct DestroyStream {
    void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
using OpjCodec = std::unique_ptr<opj_codec_t, DestroyCodec>;
using Image = std::unique_ptr<opj_image_t, DestroyImage>;
using Stream = std::unique_ptr<opj_stream_t, DestroyStream>;

constexpr OPJ_SIZE_T chunk_bytes = 64U << 10; // OpenJPEG's default of 1 MiB is cleared per frame
constexpr auto end_of_stream = static_cast<OPJ_SIZE_T>(-1);

// Messages go nowhere: what matters is the status, and hostile streams must not fill a log. Only
// one tells more than the status does: OpenJPEG sizes its output from the precision, and noise of a
// few bits per sample can outgrow that.
void ignore_message(const char* /*text*/, void* /*data*/) {}

void note_outgrown(const char* text, void* data) {
    if (text != nullptr && std::strstr(text, "remaining in output buffer") != nullptr)
        *static_cast<bool*>(data) = true;
}

void silence(opj_codec_t* codec, bool* outgrown = nullptr) {
    opj_set_info_handler(codec, ignore_message, nullptr);
    opj_set_warning_handler(codec, ignore_message, nullptr);
    opj_set_error_handler(codec, outgrown != nullptr ? note_outgrown : ignore_message, outgrown);
}

// --- Memory as OpenJPEG streams. Called from C: nothing here may throw, so sinks do not grow.

struct Sink {
    std::span<std::byte> memory;
    std::size_t position = 0;
    std::size_t size = 0;
    bool full = false;
};

OPJ_SIZE_T sink_write(void* data, OPJ_SIZE_T count, void* user) {
    Sink& sink = *static_cast<Sink*>(user);
    if (count > sink.memory.size() - sink.position) {
        sink.full = true;
        return end_of_stream;
    }
    std::memcpy(sink.memory.data() + sink.position, data, count);
    sink.position += count;
    sink.size = std::max(sink.size, sink.position);
    return count;
}

OPJ_BOOL sink_seek(OPJ_OFF_T offset, void* user) {
    Sink& sink = *static_cast<Sink*>(user);
    if (offset < 0 || static_cast<std::uint64_t>(offset) > sink.size)
        return OPJ_FALSE;
    sink.position = static_cast<std::size_t>(offset);
    return OPJ_TRUE;
}

OPJ_OFF_T sink_skip(OPJ_OFF_T count, void* user) {
    const Sink& sink = *static_cast<Sink*>(user);
    const bool done = sink_seek(static_cast<OPJ_OFF_T>(sink.position) + count, user) == OPJ_TRUE;
    return done ? count : -1;
}

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

Stream sink_stream(Sink& sink) {
    Stream stream{opj_stream_create(chunk_bytes, OPJ_FALSE)};
    if (stream) {
        opj_stream_set_user_data(stream.get(), &sink, nullptr);
        opj_stream_set_write_function(stream.get(), sink_write);
        opj_stream_set_seek_function(stream.get(), sink_seek);
        opj_stream_set_skip_function(stream.get(), sink_skip);
    }
    return stream;
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

// --- Cells and OpenJPEG's int32 planes.

template <typename Cell>
void cells_to_plane(const std::byte* first, std::size_t step, std::size_t count, OPJ_INT32* plane) {
    for (std::size_t i = 0; i < count; ++i) {
        Cell cell;
        std::memcpy(&cell, first + i * step * sizeof(Cell), sizeof cell);
        plane[i] = cell;
    }
}

void fill_plane(const FrameView& frame, std::uint16_t sample, OPJ_INT32* plane) {
    const PixelFormat& format = frame.format;
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    const std::size_t step = format.planar ? 1 : format.samples;
    const std::size_t offset =
        (format.planar ? sample * pixels : sample) * format.bytes_per_sample();
    const std::byte* first = frame.bytes.data() + offset;
    if (format.bits_allocated == 8)
        format.is_signed ? cells_to_plane<std::int8_t>(first, step, pixels, plane)
                         : cells_to_plane<std::uint8_t>(first, step, pixels, plane);
    else
        format.is_signed ? cells_to_plane<std::int16_t>(first, step, pixels, plane)
                         : cells_to_plane<std::uint16_t>(first, step, pixels, plane);
}

template <typename Cell>
void plane_to_cells(const OPJ_INT32* plane, std::size_t count, std::size_t step, std::byte* first) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto cell = static_cast<Cell>(plane[i]);
        std::memcpy(first + i * step * sizeof(Cell), &cell, sizeof cell);
    }
}

// --- Encoding.

OPJ_UINT32 precision_for(const PixelFormat& format) {
    return format.bits_allocated == 16 && format.bits_stored <= 8 ? 16 : format.bits_stored;
}

bool uses_transform(const PixelFormat& format, const EncodeOptions& options) {
    return options.colour_transform && format.photometric == Photometric::rgb &&
           format.bits_allocated == 8;
}

Image make_image(const FrameView& frame) {
    const PixelFormat& format = frame.format;
    std::array<opj_image_cmptparm_t, 4> parameters{};
    for (auto& parameter : parameters) {
        parameter.dx = 1;
        parameter.dy = 1;
        parameter.w = format.columns;
        parameter.h = format.rows;
        parameter.prec = precision_for(format);
        parameter.sgnd = format.is_signed ? 1 : 0;
    }
    Image image{opj_image_create(format.samples, parameters.data(),
                                 format.samples == 1 ? OPJ_CLRSPC_GRAY : OPJ_CLRSPC_SRGB)};
    if (image) {
        image->x1 = format.columns;
        image->y1 = format.rows;
        for (std::uint16_t sample = 0; sample < format.samples; ++sample)
            fill_plane(frame, sample, image->comps[sample].data);
    }
    return image;
}

opj_cparameters_t parameters_for(const PixelFormat& format, bool transform) {
    opj_cparameters_t parameters;
    opj_set_default_encoder_parameters(&parameters);
    parameters.tcp_numlayers = 1;
    parameters.tcp_rates[0] = 0; // every coding pass: lossless
    parameters.cp_disto_alloc = 1;
    parameters.irreversible = 0;
    parameters.prog_order = OPJ_LRCP;
    parameters.cblockw_init = 64;
    parameters.cblockh_init = 64;
    parameters.tcp_mct = transform ? 1 : 0;
    // OpenJPEG refuses more resolutions than the shorter side can be halved.
    const std::uint32_t side = std::min(format.rows, format.columns);
    parameters.numresolution = 1;
    while (parameters.numresolution < 6 && side >> parameters.numresolution != 0)
        ++parameters.numresolution;
    return parameters;
}

// Guard bits (T.800 equation E-2) keep the largest wavelet coefficient representable. OpenJPEG's
// two do not for all images: the chrominance of the reversible transform has a bit more than the
// samples, 5/3 low-pass of five levels can grow it by 2.93, and rounding adds to that where samples
// have one or two bits. Beyond, coefficients lose their top bit silently. Four cost a few bytes.
constexpr std::array<const char*, 2> guard_bits{"GUARD_BITS=4", nullptr};

CodecStatus run_encoder(const FrameView& frame, bool transform, FrameBuffer& out) {
    bool outgrown = false; // outlives the codec
    const Image image = make_image(frame);
    const OpjCodec codec{opj_create_compress(OPJ_CODEC_J2K)};
    out.resize(encoded_limit(frame.format));
    Sink sink{.memory = std::span{out}.first(out.size() - 1)}; // one for the pad byte
    const Stream stream = sink_stream(sink);
    if (!image || !codec || !stream)
        return CodecStatus::failed;
    silence(codec.get(), &outgrown);
    opj_cparameters_t parameters = parameters_for(frame.format, transform);
    const bool done = opj_setup_encoder(codec.get(), &parameters, image.get()) == OPJ_TRUE &&
                      opj_encoder_set_extra_options(codec.get(), guard_bits.data()) == OPJ_TRUE &&
                      opj_start_compress(codec.get(), image.get(), stream.get()) == OPJ_TRUE &&
                      opj_encode(codec.get(), stream.get()) == OPJ_TRUE &&
                      opj_end_compress(codec.get(), stream.get()) == OPJ_TRUE;
    if (sink.full || outgrown)
        return CodecStatus::incompressible;
    if (!done)
        return CodecStatus::failed;
    out.resize(sink.size + sink.size % 2);
    if (sink.size % 2 != 0)
        out.back() = std::byte{0}; // after EOC (PS3.5 A.4.4)
    return CodecStatus::ok;
}

// --- Decoding.

bool codable(const PixelFormat& format) {
    return format.problem().empty() && format.frame_bytes() <= max_frame_bytes &&
           (format.bits_allocated == 8 || format.bits_allocated == 16) &&
           format.photometric != Photometric::ybr_full_422 &&
           format.photometric != Photometric::ybr_partial_420;
}

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
    const OpjCodec codec{opj_create_decompress(OPJ_CODEC_J2K)};
    const Stream stream = source_stream(source);
    if (!codec || !stream)
        return CodecStatus::failed;
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

CodecStatus decode_checked(std::span<const std::byte> stream, const PixelFormat& format,
                           FrameBuffer& out) {
    if (!codable(format))
        return CodecStatus::unsupported;
    Jpeg2000Header header;
    if (const CodecStatus status = parse_jpeg2000(stream, header); status != CodecStatus::ok)
        return status;
    if (header.width != format.columns || header.height != format.rows ||
        header.components != format.samples)
        return CodecStatus::mismatch;
    const Mapping how = mapping(header, format);
    if (how == Mapping::none)
        return CodecStatus::mismatch;
    Image image;
    if (const CodecStatus status = run_decoder(header, image); status != CodecStatus::ok)
        return status;

    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    out.resize(format.frame_bytes());
    for (std::uint16_t sample = 0; sample < format.samples; ++sample) {
        const OPJ_INT32* plane = image->comps[sample].data;
        // A negative value in an unsigned object: nobody can say what it means there.
        if (header.is_signed && !format.is_signed && *std::min_element(plane, plane + pixels) < 0)
            return CodecStatus::mismatch;
        std::byte* first = out.data() + std::size_t{sample} * format.bytes_per_sample();
        if (format.bits_allocated == 8)
            plane_to_cells<std::uint8_t>(plane, pixels, format.samples, first);
        else
            plane_to_cells<std::uint16_t>(plane, pixels, format.samples, first);
    }
    if (how == Mapping::sign_of_stored) {
        if (format.bits_allocated == 8)
            sign_extend_8(out, header.precision);
        else
            sign_extend_16(out, header.precision);
    }
    return CodecStatus::ok;
}

} // namespace

// PS3.5 table 8.2.4-1, less what viewers misread (see the header).
bool Jpeg2000Codec::can_encode(const PixelFormat& format) const {
    if (!codable(format))
        return false;
    const bool monochrome = format.photometric == Photometric::monochrome1 ||
                            format.photometric == Photometric::monochrome2;
    if (monochrome)
        return !format.is_signed || format.bits_allocated == 16;
    return !format.is_signed &&
           (format.photometric == Photometric::palette_color ||
            format.photometric == Photometric::rgb || format.photometric == Photometric::ybr_full);
}

CodecStatus Jpeg2000Codec::encode(const FrameView& frame, const EncodeOptions& options,
                                  FrameBuffer& out, AttributeChanges& changes) const {
    const PixelFormat& format = frame.format;
    if (!can_encode(format) || frame.bytes.size() != format.frame_bytes())
        return CodecStatus::unsupported;
    if (!unused_bits_clean(frame))
        return CodecStatus::dirty_bits;
    const bool transform = uses_transform(format, options);
    changes = {.photometric = transform ? Photometric::ybr_rct : format.photometric,
               .planar = false};
    try {
        return run_encoder(frame, transform, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::failed;
    }
}

CodecStatus Jpeg2000Codec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                  FrameBuffer& out) const {
    try {
        return decode_checked(stream, format, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::failed;
    }
}

} // namespace dcmflow::codecs
