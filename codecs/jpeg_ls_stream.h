// JpegLsHeader: what a JPEG-LS codestream (ISO/IEC 14495-1, T.87) says about itself.
//
// Read by our own bounded parser before CharLS may see the stream, because CharLS 2.4.1 trusts
// dimensions (GHSA-mqrg-gfc8-73ff) and Debian builds it with live asserts. Pure; any thread. It
// walks every marker from SOI to EOI, decodes no sample and allocates nothing.
#pragma once

#include "codecs/codec.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmflow::codecs {

struct JpegLsHeader {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint8_t components = 0;
    std::uint8_t precision = 0;  // bits per sample, 2 … 16
    std::uint8_t near = 0;       // 0: lossless
    std::uint8_t interleave = 0; // 0 by plane, 1 by line, 2 by sample
    std::size_t end = 0;         // one past EOI; only pad bytes follow
};

// ok; corrupt: broken, truncated or not JPEG-LS; unsupported: legal, but nothing that the libraries
// at hand decode exactly (mapping tables, point transform, mixed interleave, oversize dimensions).
[[nodiscard]] CodecStatus parse_jpeg_ls(std::span<const std::byte> stream, JpegLsHeader& header);

} // namespace dcmflow::codecs
