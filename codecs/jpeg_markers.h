// Markers and marker segments of the JPEG family: T.81 B.1.1, which T.87 shares.
//
// Functions over a ByteReader; what is not there makes it fail. Any thread.
#pragma once

#include "codecs/byte_reader.h"

#include <cstdint>
#include <span>

namespace dcmflow::codecs {

// The code of the next marker, without the FF and the fill bytes before it (T.81 B.1.1.2).
inline std::uint8_t next_jpeg_marker(ByteReader& reader) {
    if (reader.u8() != 0xFF)
        reader.fail();
    std::uint8_t code = 0xFF;
    while (code == 0xFF && !reader.failed())
        code = reader.u8();
    return code;
}

// The parameters of the segment whose marker was just read (T.81 B.1.1.4).
inline std::span<const std::byte> take_jpeg_segment(ByteReader& reader) {
    const std::uint16_t length = reader.u16();
    if (length < 2)
        reader.fail();
    return reader.take(length - 2U);
}

} // namespace dcmflow::codecs
