// JPEG streams for the tests, made and read by plain libjpeg with its own error handling (which
// ends the test program: these streams are right).
#pragma once

#include "codecs/frame.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <jpeglib.h>
#include <optional>
#include <stdexcept>

namespace dcmflow::codecs::test {

struct JpegMaking {
    J_COLOR_SPACE space = JCS_YCbCr; // of the coded components
    bool jfif = false;
    std::optional<int> adobe = std::nullopt; // transform flag
    bool rgb_ids = false;
    int horizontal = 1, vertical = 1; // sampling of the first component
    int quality = 95;
    int restart_rows = 0;
    int scans = 1;
    bool progressive = false;
    bool arithmetic = false;
};

// Where a marker stands (its FF), before any coded data.
inline std::size_t find_marker(const FrameBuffer& stream, int code) {
    std::size_t at = 2;
    while (at + 4 <= stream.size()) {
        if (std::to_integer<int>(stream[at + 1]) == code)
            return at;
        at += 2 + std::to_integer<std::size_t>(stream[at + 2]) * 256 +
              std::to_integer<std::size_t>(stream[at + 3]);
    }
    throw std::runtime_error("no such marker");
}

inline void set_marker(FrameBuffer& stream, int from, int to) {
    stream[find_marker(stream, from) + 1] = static_cast<std::byte>(to);
}

// Colour by pixel, RGB, or gray.
inline FrameBuffer jpeg_encode(const FrameBuffer& frame, const PixelFormat& format,
                               const JpegMaking& making) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = format.columns;
    info.image_height = format.rows;
    info.input_components = format.samples;
    info.in_color_space = format.samples == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    if (format.samples == 3)
        jpeg_set_colorspace(&info, making.space);
    jpeg_set_quality(&info, making.quality, TRUE);
    info.write_JFIF_header = making.jfif ? TRUE : FALSE;
    info.write_Adobe_marker = FALSE; // by hand below, for it refuses contradictions
    for (int i = 0; i < info.num_components && format.samples == 3; ++i) {
        info.comp_info[i].component_id = making.rgb_ids ? "RGB"[i] : i + 1;
        info.comp_info[i].h_samp_factor = i == 0 ? making.horizontal : 1;
        info.comp_info[i].v_samp_factor = i == 0 ? making.vertical : 1;
    }
    info.restart_in_rows = making.restart_rows;
    info.arith_code = making.arithmetic ? TRUE : FALSE;
    jpeg_scan_info scans[3]{};
    for (int i = 0; i < making.scans; ++i) {
        scans[i].comps_in_scan = 1;
        scans[i].component_index[0] = i;
        scans[i].Se = 63;
    }
    if (making.scans > 1) {
        info.scan_info = scans;
        info.num_scans = making.scans;
    }
    if (making.progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    if (making.adobe) {
        const unsigned char body[12] = {
            'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, static_cast<unsigned char>(*making.adobe)};
        jpeg_write_marker(&info, JPEG_APP0 + 14, body, sizeof body);
    }
    const std::size_t row_bytes = std::size_t{format.columns} * format.samples;
    while (info.next_scanline < info.image_height) {
        auto* row = reinterpret_cast<JSAMPROW>(
            const_cast<std::byte*>(frame.data() + info.next_scanline * row_bytes));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    const auto* bytes = reinterpret_cast<const std::byte*>(memory);
    FrameBuffer stream(bytes, bytes + size);
    std::free(memory);
    return stream;
}

// The components taken as `space`, as RGB or gray.
inline FrameBuffer jpeg_decode(const FrameBuffer& stream, J_COLOR_SPACE space) {
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(stream.data()), stream.size());
    jpeg_read_header(&info, TRUE);
    info.jpeg_color_space = space;
    info.out_color_space = space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info);
    const auto row_bytes = std::size_t{info.output_width} * static_cast<std::size_t>(info.output_components);
    FrameBuffer out(row_bytes * info.output_height);
    while (info.output_scanline < info.output_height) {
        auto* row = reinterpret_cast<JSAMPROW>(out.data() + info.output_scanline * row_bytes);
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return out;
}

inline double mean_difference(const FrameBuffer& one, const FrameBuffer& other) {
    if (one.size() != other.size() || one.empty())
        return 1e9;
    double sum = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
        sum += std::abs(std::to_integer<int>(one[i]) - std::to_integer<int>(other[i]));
    return sum / static_cast<double>(one.size());
}

} // namespace dcmflow::codecs::test
