// How the input of a decoder target begins: eight bytes that become the PixelFormat of the object's
// header. make_seeds.py writes the same.
//
//   0-1 Rows, 2-3 Columns (little endian), 4 flags: bits 0-1 Samples per Pixel 1 3 4, bits 2-4 Bits
//   Allocated 8 16 1 32 64, bit 5 signed, bit 6 planar; 5 Bits Stored, 6 High Bit, 7 Photometric
#pragma once

#include "codecs/pixel_format.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace dcmflow::fuzz {

inline constexpr std::array<std::uint16_t, 3> sample_counts{1, 3, 4};
inline constexpr std::array<std::uint16_t, 5> allocations{8, 16, 1, 32, 64};
// Larger ones are slow and show nothing new.
inline constexpr std::uint64_t largest_frame = 2U << 20;

// None if the header is not one that a decoder may be given.
inline std::optional<codecs::PixelFormat> take_format(Input& input) {
    if (input.size() < 8)
        return std::nullopt;
    codecs::PixelFormat format;
    format.rows = take16(input);
    format.columns = take16(input);
    const unsigned flags = take8(input);
    format.samples = sample_counts[(flags & 3) % sample_counts.size()];
    format.bits_allocated = allocations[(flags >> 2 & 7) % allocations.size()];
    format.is_signed = (flags & 0x20) != 0;
    format.planar = (flags & 0x40) != 0;
    format.bits_stored = take8(input);
    format.high_bit = take8(input);
    format.photometric = static_cast<codecs::Photometric>(
        take8(input) % (static_cast<unsigned>(codecs::Photometric::other) + 1));
    if (!format.problem().empty() || format.frame_bytes() > largest_frame)
        return std::nullopt;
    return format;
}

inline std::vector<std::byte> format_bytes(const codecs::PixelFormat& format) {
    const auto index = [](const auto& list, std::uint16_t value) {
        return static_cast<unsigned>(std::ranges::find(list, value) - list.begin());
    };
    const unsigned flags = index(sample_counts, format.samples) |
                           index(allocations, format.bits_allocated) << 2 |
                           (format.is_signed ? 0x20U : 0U) | (format.planar ? 0x40U : 0U);
    std::vector<std::byte> bytes;
    for (const unsigned value :
         {format.rows & 0xFFU, format.rows >> 8, format.columns & 0xFFU, format.columns >> 8, flags,
          unsigned{format.bits_stored}, unsigned{format.high_bit},
          static_cast<unsigned>(format.photometric)})
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

} // namespace dcmflow::fuzz
