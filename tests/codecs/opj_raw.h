// OpenJPEG called directly, independent of our codec: the second opinion of the tests.
#pragma once

#include "codecs/frame.h"

#include <cstring>
#include <openjpeg.h>
#include <stdexcept>
#include <vector>

namespace dcmflow::codecs::test {

struct RawImage {
    std::vector<std::vector<int>> components;
    bool mct = false; // the codestream uses a component transform
};

struct RawBuffer {
    std::vector<std::byte> bytes;
    std::size_t at = 0;
};

inline OPJ_SIZE_T raw_read(void* data, OPJ_SIZE_T count, void* user) {
    auto& buffer = *static_cast<RawBuffer*>(user);
    const std::size_t part = std::min<std::size_t>(count, buffer.bytes.size() - buffer.at);
    if (part == 0)
        return static_cast<OPJ_SIZE_T>(-1);
    std::memcpy(data, buffer.bytes.data() + buffer.at, part);
    buffer.at += part;
    return part;
}

inline OPJ_SIZE_T raw_write(void* data, OPJ_SIZE_T count, void* user) {
    auto& buffer = *static_cast<RawBuffer*>(user);
    buffer.bytes.resize(std::max(buffer.bytes.size(), buffer.at + count));
    std::memcpy(buffer.bytes.data() + buffer.at, data, count);
    buffer.at += count;
    return count;
}

inline OPJ_BOOL raw_seek(OPJ_OFF_T to, void* user) {
    static_cast<RawBuffer*>(user)->at = static_cast<std::size_t>(to);
    return OPJ_TRUE;
}

inline OPJ_OFF_T raw_skip(OPJ_OFF_T count, void* user) {
    static_cast<RawBuffer*>(user)->at += static_cast<std::size_t>(count);
    return count;
}

inline opj_stream_t* raw_stream(RawBuffer& buffer, bool input) {
    opj_stream_t* stream = opj_stream_default_create(input ? OPJ_TRUE : OPJ_FALSE);
    opj_stream_set_user_data(stream, &buffer, nullptr);
    opj_stream_set_user_data_length(stream, buffer.bytes.size());
    opj_stream_set_read_function(stream, raw_read);
    opj_stream_set_write_function(stream, raw_write);
    opj_stream_set_seek_function(stream, raw_seek);
    opj_stream_set_skip_function(stream, raw_skip);
    return stream;
}

inline RawImage opj_raw_decode(const FrameBuffer& bytes) {
    RawBuffer buffer{{bytes.begin(), bytes.end()}};
    opj_codec_t* codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    opj_setup_decoder(codec, &parameters);
    opj_stream_t* stream = raw_stream(buffer, true);
    opj_image_t* image = nullptr;
    RawImage result;
    const bool done = opj_read_header(stream, codec, &image) && opj_decode(codec, stream, image) &&
                      opj_end_decompress(codec, stream);
    if (done) {
        for (OPJ_UINT32 i = 0; i < image->numcomps; ++i) {
            const auto& comp = image->comps[i];
            result.components.emplace_back(comp.data, comp.data + std::size_t{comp.w} * comp.h);
        }
        opj_codestream_info_v2_t* info = opj_get_cstr_info(codec);
        result.mct = info->m_default_tile_info.mct != 0;
        opj_destroy_cstr_info(&info);
    }
    opj_image_destroy(image);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    if (!done)
        throw std::runtime_error("OpenJPEG cannot decode the stream");
    return result;
}

struct RawOptions {
    bool irreversible = false;
    int tile = 0;
    int layers = 1;
    int progression = 0;
    int block = 64;
    bool tile_parts = false; // one for each resolution
};

// Streams that other encoders might write: unsigned mono, 16-bit cells.
inline FrameBuffer opj_raw_encode(const FrameBuffer& frame, const PixelFormat& format,
                                  const RawOptions& options) {
    opj_image_cmptparm_t component{};
    component.dx = component.dy = 1;
    component.w = format.columns;
    component.h = format.rows;
    component.prec = format.bits_stored;
    opj_image_t* image = opj_image_create(1, &component, OPJ_CLRSPC_GRAY);
    image->x1 = format.columns;
    image->y1 = format.rows;
    for (std::size_t i = 0; i < frame.size() / 2; ++i) {
        std::uint16_t cell;
        std::memcpy(&cell, &frame[2 * i], 2);
        image->comps[0].data[i] = cell;
    }
    opj_cparameters_t parameters;
    opj_set_default_encoder_parameters(&parameters);
    parameters.irreversible = options.irreversible ? 1 : 0;
    parameters.numresolution = 4;
    parameters.cblockw_init = parameters.cblockh_init = options.block;
    parameters.prog_order = static_cast<OPJ_PROG_ORDER>(options.progression);
    parameters.cp_disto_alloc = 1;
    parameters.tcp_numlayers = options.layers;
    for (int i = 0; i < options.layers; ++i) // the last layer: everything
        parameters.tcp_rates[i] = static_cast<float>(4 * (options.layers - 1 - i));
    if (options.tile != 0) {
        parameters.tile_size_on = OPJ_TRUE;
        parameters.cp_tdx = parameters.cp_tdy = options.tile;
    }
    if (options.tile_parts) {
        parameters.tp_on = 1;
        parameters.tp_flag = 'R';
    }
    RawBuffer buffer;
    opj_codec_t* codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t* stream = raw_stream(buffer, false);
    const bool done = opj_setup_encoder(codec, &parameters, image) &&
                      opj_start_compress(codec, image, stream) && opj_encode(codec, stream) &&
                      opj_end_compress(codec, stream);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(image);
    if (!done)
        throw std::runtime_error("OpenJPEG cannot encode the frame");
    return {buffer.bytes.begin(), buffer.bytes.end()};
}

} // namespace dcmflow::codecs::test
