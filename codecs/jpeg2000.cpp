#include "codecs/jpeg2000.h"

#include "codecs/jpeg2000_cells.h"
#include "codecs/jpeg2000_decode.h"
#include "codecs/jpeg2000_openjpeg.h"
#include "codecs/native.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace dcmflow::codecs {

namespace {

using namespace openjpeg;

// The one message that tells more than the status does: OpenJPEG sizes its output from the
// precision, and noise of a few bits per sample can outgrow that.
void note_outgrown(const char* text, void* data) {
    if (text != nullptr && std::strstr(text, "remaining in output buffer") != nullptr)
        *static_cast<bool*>(data) = true;
}

// --- Memory as an OpenJPEG stream. Called from C: nothing here may throw, so it does not grow.

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

// --- Encoding.

Image make_image(const FrameView& frame) {
    const PixelFormat& format = frame.format;
    std::array<opj_image_cmptparm_t, 4> parameters{};
    for (auto& parameter : parameters) {
        parameter.dx = 1;
        parameter.dy = 1;
        parameter.w = format.columns;
        parameter.h = format.rows;
        parameter.prec = jpeg2000_precision(format);
        parameter.sgnd = format.is_signed ? 1 : 0;
    }
    Image image{opj_image_create(format.samples, parameters.data(),
                                 format.samples == 1 ? OPJ_CLRSPC_GRAY : OPJ_CLRSPC_SRGB)};
    if (image) {
        image->x1 = format.columns;
        image->y1 = format.rows;
        for (std::uint16_t sample = 0; sample < format.samples; ++sample)
            cells_to_samples(
                frame, sample, 0,
                {image->comps[sample].data, std::size_t{format.rows} * format.columns});
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
    const Coder codec{opj_create_compress(OPJ_CODEC_J2K)};
    out.resize(encoded_limit(frame.format));
    Sink sink{.memory = std::span{out}.first(out.size() - 1)}; // one for the pad byte
    const Stream stream = sink_stream(sink);
    if (!image || !codec || !stream)
        return CodecStatus::failed;
    silence(codec.get());
    opj_set_error_handler(codec.get(), note_outgrown, &outgrown);
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

} // namespace

bool Jpeg2000Codec::can_encode(const PixelFormat& format) const {
    return jpeg2000_writable(format);
}

CodecStatus Jpeg2000Codec::encode(const FrameView& frame, const EncodeOptions& options,
                                  FrameBuffer& out, AttributeChanges& changes) const {
    const PixelFormat& format = frame.format;
    if (!can_encode(format) || frame.bytes.size() != format.frame_bytes())
        return CodecStatus::unsupported;
    if (!unused_bits_clean(frame))
        return CodecStatus::dirty_bits;
    const bool transform = jpeg2000_transforms(format, options);
    changes = {.photometric = transform ? Photometric::ybr_rct : format.photometric,
               .planar = false};
    try {
        return run_encoder(frame, transform, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::failed;
    }
}

PixelFormat Jpeg2000Codec::decoded_format(const PixelFormat& coded) const {
    return jpeg2000_decoded_format(coded);
}

CodecStatus Jpeg2000Codec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                  FrameBuffer& out) const {
    return decode_jpeg2000(stream, format, {.high_throughput = false, .lossy = false}, out);
}

} // namespace dcmflow::codecs
