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

} // namespace dcmflow::codecs::test
