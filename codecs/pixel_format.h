// PixelFormat: the shape of one frame of native pixels, as the DICOM header states it.
//
// A value, validated on creation: whoever holds one may multiply its fields in 64 bits without
// checking again. Any thread. It never looks at pixel bytes and never guesses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dcmflow::codecs {

// Photometric Interpretation (0028,0004), PS3.3 C.7.6.3.1.2.
enum class Photometric : std::uint8_t {
    monochrome1,
    monochrome2,
    palette_color,
    rgb,
    ybr_full,
    ybr_full_422,
    ybr_partial_420,
    ybr_ict,
    ybr_rct,
    other,
};

[[nodiscard]] std::string_view to_string(Photometric photometric); // "MONOCHROME2", ...
[[nodiscard]] Photometric
photometric_from(std::string_view text); // trimmed text; `other` if unknown

struct PixelFormat {
    std::uint32_t rows = 0;           // 1 … 65535 (0028,0010)
    std::uint32_t columns = 0;        // 1 … 65535 (0028,0011)
    std::uint16_t samples = 1;        // 1, 3 or 4 (0028,0002)
    std::uint16_t bits_allocated = 8; // 1, 8, 16, 32, 64 (0028,0100)
    std::uint16_t bits_stored = 8;    // 1 … bits_allocated (0028,0101)
    std::uint16_t high_bit = 7;       // bits_stored-1 … bits_allocated-1 (0028,0102)
    bool is_signed = false;           // Pixel Representation (0028,0103)
    Photometric photometric = Photometric::monochrome2;
    bool planar = false; // Planar Configuration (0028,0006) = 1: colour by plane

    // The empty string if the fields are consistent, else what is wrong, for a log line.
    [[nodiscard]] std::string problem() const;

    // Bytes of one native frame. 1-bit frames are bit-packed: use frame_bits() for those.
    // YBR_FULL_422 native counts two bytes a pixel (PS3.3 C.7.6.3.1.2).
    [[nodiscard]] std::uint64_t frame_bytes() const;
    [[nodiscard]] std::uint64_t frame_bits() const;
    [[nodiscard]] std::uint16_t bytes_per_sample() const {
        return static_cast<std::uint16_t>((bits_allocated + 7) / 8);
    }

    friend bool operator==(const PixelFormat&, const PixelFormat&) = default;
};

// The ceiling of one decoded frame; larger images pass untouched (reason frame_too_large).
inline constexpr std::uint64_t max_frame_bytes = 512ULL << 20;

} // namespace dcmflow::codecs
