// JPEG streams as others write them: 8-bit sequential by libjpeg, lossless by DCMTK's IJG library.
#pragma once

#include "tests/pitfalls/images.h"

#include <cstdio> // jpeglib.h needs it
#include <jpeglib.h>

#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djeijg12.h>
#include <dcmtk/dcmjpeg/djeijg16.h>
#include <dcmtk/dcmjpeg/djeijg8.h>

namespace dcmflow::pitfalls {

struct JpegMarks {
    bool jfif = false;
    int adobe = -1; // the transform in APP14, -1: no APP14
    bool rgb_ids = false;
    int horizontal = 1; // sampling of the first component
};

// What lies in the samples is for the marks to say: nothing is converted here.
inline Bytes write_jpeg(const Bytes& samples, const PixelFormat& format, const JpegMarks& marks) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* out = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &out, &size);
    info.image_width = format.columns;
    info.image_height = format.rows;
    info.input_components = format.samples;
    info.in_color_space = format.samples == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 95, TRUE);
    info.write_JFIF_header = marks.jfif ? TRUE : FALSE;
    info.write_Adobe_marker = FALSE;
    for (int i = 0; i < info.num_components; ++i) {
        info.comp_info[i].h_samp_factor = i == 0 ? marks.horizontal : 1;
        info.comp_info[i].v_samp_factor = 1;
        info.comp_info[i].component_id = marks.rgb_ids ? "RGB"[i] : i + 1;
    }
    jpeg_start_compress(&info, TRUE);
    if (marks.adobe >= 0) {
        const auto transform = static_cast<JOCTET>(marks.adobe);
        const JOCTET app14[]{'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, transform};
        jpeg_write_marker(&info, JPEG_APP0 + 14, app14, sizeof app14);
    }
    Bytes row(std::size_t{format.columns} * format.samples);
    for (std::size_t y = 0; y < format.rows; ++y) {
        std::copy_n(samples.begin() + static_cast<std::ptrdiff_t>(y * row.size()), row.size(),
                    row.begin());
        JSAMPROW line = row.data();
        jpeg_write_scanlines(&info, &line, 1);
    }
    jpeg_finish_compress(&info);
    Bytes stream(out, out + size);
    jpeg_destroy_compress(&info);
    std::free(out);
    stream.resize(stream.size() + stream.size() % 2);
    return stream;
}

// Lossless (T.81 process 14) of cells of 8 bits up to a precision of 8, of 16 above.
inline Bytes write_lossless_jpeg(Bytes cells, const PixelFormat& format, int predictor) {
    const DJCodecParameter parameters(ECC_lossyYCbCr, EDC_never, EUC_default, EPC_colorByPixel);
    const auto columns = static_cast<Uint16>(format.columns),
               rows = static_cast<Uint16>(format.rows);
    const auto colour = format.samples == 1                      ? EPI_Monochrome2
                        : format.photometric == Photometric::rgb ? EPI_RGB
                                                                 : EPI_YBR_Full;
    Uint8* out = nullptr;
    Uint32 size = 0;
    const auto encode = [&](auto&& encoder, auto* first) {
        if (encoder.encode(columns, rows, colour, format.samples, first, out, size).bad())
            throw std::runtime_error("IJG cannot encode");
    };
    auto* words = reinterpret_cast<Uint16*>(cells.data());
    if (format.bits_stored <= 8)
        encode(DJCompressIJG8Bit(parameters, EJM_lossless, predictor, 0), cells.data());
    else if (format.bits_stored <= 12)
        encode(DJCompressIJG12Bit(parameters, EJM_lossless, predictor, 0), words);
    else
        encode(DJCompressIJG16Bit(parameters, EJM_lossless, predictor, 0), words);
    Bytes stream(out, out + size);
    delete[] out;
    stream.resize(stream.size() + stream.size() % 2);
    return stream;
}

} // namespace dcmflow::pitfalls
