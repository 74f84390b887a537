// Decoding of every JPEG 2000 syntax, Part 1 and HTJ2K, by OpenJPEG: what the codecs share.
//
// Pure; any thread; one thread per frame. OpenJPEG sees a stream only after our own parser has
// walked it and found it to be what the syntax and the data set's header say.
//
// Colour (codecs.md §4 rows 2 to 4): a stream that uses the multiple component transform decodes
// to RGB, and the header must say RGB, YBR_RCT or YBR_ICT. Many encoders leave RGB there. Without
// the transform, samples are what the header says, and YBR_RCT or YBR_ICT is a mismatch: whether
// the transform was done outside the stream or never, nobody can tell.
#pragma once

#include "codecs/codec.h"

#include <cstddef>
#include <span>

namespace dcmflow::codecs {

// What a transfer syntax lets its streams be. Others are `unsupported`: a lossy stream in a
// lossless syntax must not pass as the original.
struct Jpeg2000Syntax {
    bool high_throughput = false; // HT code-blocks (T.814), all of them; else none
    bool lossy = false;           // also 9/7 and quantised; reversible streams always
};

[[nodiscard]] CodecStatus decode_jpeg2000(std::span<const std::byte> stream,
                                          const PixelFormat& format, const Jpeg2000Syntax& syntax,
                                          FrameBuffer& out);

// Colour by pixel; YBR_RCT and YBR_ICT as RGB.
[[nodiscard]] PixelFormat jpeg2000_decoded_format(const PixelFormat& coded);

} // namespace dcmflow::codecs
