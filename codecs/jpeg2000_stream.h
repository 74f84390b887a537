// Jpeg2000Header: what a JPEG 2000 codestream (ISO/IEC 15444-1, T.800) says about itself.
//
// Read by our own bounded parser before OpenJPEG may see the stream: Debian builds it with live
// asserts, and its memory follows what a stream claims. Pure; any thread. It walks the main header
// and every tile-part from SOC to EOC, decodes no packet, and allocates one small table.
#pragma once

#include "codecs/codec.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmflow::codecs {

struct Jpeg2000Header {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint16_t components = 0;
    std::uint8_t precision = 0; // bits per sample, the same in all components
    bool is_signed = false;
    bool component_transform = false;      // RCT or ICT: decodes to RGB
    bool high_throughput = false;          // HT code-blocks (T.814), all of them; else none
    bool reversible = false;               // 5/3 without quantisation; else 9/7
    std::span<const std::byte> codestream; // SOC … EOC: without JP2 boxes and pad bytes
};

// ok; corrupt: broken, truncated or not JPEG 2000; unsupported: legal, but Part 2, mixed in kind,
// subsampled, or in a form that is rare in DICOM and that OpenJPEG 2.5.0 is not trusted with.
[[nodiscard]] CodecStatus parse_jpeg2000(std::span<const std::byte> stream, Jpeg2000Header& header);

} // namespace dcmflow::codecs
