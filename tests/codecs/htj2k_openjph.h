// OpenJPH's decoder called directly: the opinion of the implementation that wrote the stream.
#pragma once

#include "tests/codecs/frames.h"

#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_params.h>

namespace dcmflow::codecs::test {

// Colour by pixel; throws what OpenJPH throws.
inline FrameBuffer openjph_decode(const FrameBuffer& stream, const PixelFormat& format) {
    ojph::mem_infile file;
    file.open(reinterpret_cast<const ojph::ui8*>(stream.data()), stream.size());
    ojph::codestream codestream;
    codestream.read_headers(&file);
    codestream.set_planar(false);
    codestream.create();
    FrameBuffer out(format.frame_bytes());
    for (std::size_t row = 0; row < format.rows; ++row)
        for (std::size_t s = 0; s < format.samples; ++s) {
            ojph::ui32 component = 0;
            const ojph::line_buf* line = codestream.pull(component);
            for (std::size_t x = 0; x < format.columns; ++x)
                put_cell(out, (row * format.columns + x) * format.samples + component,
                         format.bytes_per_sample(),
                         static_cast<std::uint64_t>(std::int64_t{line->i32[x]}));
        }
    codestream.close();
    return out;
}

struct OjphOptions {
    float step = 0; // of the quantisation; 0: reversible
    bool transform = false;
    unsigned block_width = 64, block_height = 64, levels = 3;
    const char* order = "RPCL";
};

// Streams that other encoders might write. Cells of 8 or 16 bits, unsigned.
inline FrameBuffer openjph_encode(const FrameBuffer& frame, const PixelFormat& format,
                                  const OjphOptions& options) {
    ojph::codestream codestream;
    ojph::param_siz siz = codestream.access_siz();
    siz.set_image_extent(ojph::point(format.columns, format.rows));
    siz.set_tile_size(ojph::size(format.columns, format.rows));
    siz.set_num_components(format.samples);
    for (unsigned i = 0; i < format.samples; ++i)
        siz.set_component(i, ojph::point(1, 1), format.bits_stored, false);
    ojph::param_cod cod = codestream.access_cod();
    cod.set_num_decomposition(options.levels);
    cod.set_block_dims(options.block_width, options.block_height);
    cod.set_progression_order(options.order);
    cod.set_color_transform(options.transform);
    cod.set_reversible(options.step == 0);
    if (options.step != 0)
        codestream.access_qcd().set_irrev_quant(options.step);
    codestream.set_planar(false);
    ojph::mem_outfile file;
    file.open();
    codestream.write_headers(&file);
    ojph::ui32 component = 0;
    ojph::line_buf* line = codestream.exchange(nullptr, component);
    for (std::size_t row = 0; row < format.rows; ++row)
        for (unsigned s = 0; s < format.samples; ++s) {
            for (std::size_t x = 0; x < format.columns; ++x) {
                std::uint16_t cell = 0;
                const std::size_t index = (row * format.columns + x) * format.samples + component;
                std::memcpy(&cell, &frame[index * format.bytes_per_sample()],
                            format.bytes_per_sample());
                line->i32[x] = cell;
            }
            line = codestream.exchange(line, component);
        }
    codestream.flush();
    const auto* first = reinterpret_cast<const std::byte*>(file.get_data());
    FrameBuffer out(first, first + file.tell());
    codestream.close();
    return out;
}

} // namespace dcmflow::codecs::test
