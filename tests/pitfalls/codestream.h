// The main header of a JPEG 2000 or HTJ2K codestream (T.800 A), as far as the pitfalls need it.
#pragma once

#include "tests/pitfalls/images.h"

namespace dcmflow::pitfalls {

struct Codestream {
    unsigned precision = 0; // of the first component
    bool is_signed = false;
    unsigned progression = 0, levels = 0, wavelet = 0; // 2: RPCL; 1: reversible 5/3
    bool component_transform = false;
    bool high_throughput = false;   // CAP
    bool tile_part_lengths = false; // TLM
};

inline unsigned be16(const Bytes& bytes, std::size_t at) {
    return bytes[at] * 256U + bytes.at(at + 1);
}

inline Codestream read_main_header(const Bytes& bytes) {
    if (be16(bytes, 0) != 0xFF4F)
        throw std::runtime_error("no SOC at the start");
    Codestream found;
    for (std::size_t at = 2; be16(bytes, at) != 0xFF90; at += 2 + be16(bytes, at + 2)) {
        const std::size_t value = at + 4;
        switch (be16(bytes, at)) {
        case 0xFF51: // SIZ
            found.precision = (bytes.at(value + 36) & 0x7FU) + 1;
            found.is_signed = bytes[value + 36] >= 0x80;
            break;
        case 0xFF50:
            found.high_throughput = true;
            break;
        case 0xFF52: // COD
            found.progression = bytes.at(value + 1);
            found.component_transform = bytes.at(value + 4) != 0;
            found.levels = bytes.at(value + 5);
            found.wavelet = bytes.at(value + 9);
            break;
        case 0xFF55:
            found.tile_part_lengths = true;
            break;
        default:
            break;
        }
    }
    return found;
}

// Precision in the frame header of a JPEG-LS stream (T.87 C.2.2).
inline unsigned jpeg_ls_precision(const Bytes& stream) {
    for (std::size_t at = 2; at + 4 < stream.size(); at += 2 + be16(stream, at + 2))
        if (be16(stream, at) == 0xFFF7)
            return stream[at + 4];
    return 0;
}

} // namespace dcmflow::pitfalls
