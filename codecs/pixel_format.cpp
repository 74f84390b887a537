#include "codecs/pixel_format.h"

#include <array>
#include <utility>

namespace dcmflow::codecs {

namespace {
using enum Photometric;
constexpr std::array<std::pair<Photometric, std::string_view>, 9> names{{
    {monochrome1, "MONOCHROME1"},
    {monochrome2, "MONOCHROME2"},
    {palette_color, "PALETTE COLOR"},
    {rgb, "RGB"},
    {ybr_full, "YBR_FULL"},
    {ybr_full_422, "YBR_FULL_422"},
    {ybr_partial_420, "YBR_PARTIAL_420"},
    {ybr_ict, "YBR_ICT"},
    {ybr_rct, "YBR_RCT"},
}};
} // namespace

std::string_view to_string(Photometric photometric) {
    for (const auto& [value, name] : names)
        if (value == photometric)
            return name;
    return "OTHER";
}

Photometric photometric_from(std::string_view text) {
    for (const auto& [value, name] : names)
        if (name == text)
            return value;
    return other;
}

namespace {

// Samples per Pixel that a Photometric Interpretation implies (PS3.3 C.7.6.3.1.2); 0: any.
std::uint16_t implied_samples(Photometric photometric) {
    switch (photometric) {
    case monochrome1:
    case monochrome2:
    case palette_color:
        return 1;
    case other:
        return 0;
    default:
        return 3;
    }
}

std::string wrong(std::string_view attribute, std::uint64_t value, std::string_view expected) {
    std::string text{attribute};
    text += " is ";
    text += std::to_string(value);
    text += ", expected ";
    text += expected;
    return text;
}

} // namespace

std::string PixelFormat::problem() const {
    if (rows < 1 || rows > 65535)
        return wrong("Rows (0028,0010)", rows, "1 to 65535");
    if (columns < 1 || columns > 65535)
        return wrong("Columns (0028,0011)", columns, "1 to 65535");
    if (samples != 1 && samples != 3 && samples != 4)
        return wrong("Samples per Pixel (0028,0002)", samples, "1, 3 or 4");
    if (bits_allocated != 1 && bits_allocated != 8 && bits_allocated != 16 &&
        bits_allocated != 32 && bits_allocated != 64)
        return wrong("Bits Allocated (0028,0100)", bits_allocated, "1, 8, 16, 32 or 64");
    if (bits_stored < 1 || bits_stored > bits_allocated)
        return wrong("Bits Stored (0028,0101)", bits_stored,
                     "1 to Bits Allocated, " + std::to_string(bits_allocated));
    if (high_bit + 1 < bits_stored || high_bit >= bits_allocated)
        return wrong("High Bit (0028,0102)", high_bit,
                     std::to_string(bits_stored - 1) + " to " + std::to_string(bits_allocated - 1));
    const std::uint16_t implied = implied_samples(photometric);
    if (implied != 0 && implied != samples)
        return wrong("Samples per Pixel (0028,0002)", samples,
                     std::to_string(implied) + " for " + std::string{to_string(photometric)});
    return {};
}

std::uint64_t PixelFormat::frame_bits() const {
    const std::uint64_t pixels = std::uint64_t{rows} * columns;
    // Chrominance is shared by two neighbours (422) or by a square of four (420), at odd edges by
    // fewer.
    const std::uint64_t pairs = (std::uint64_t{columns} + 1) / 2;
    if (photometric == ybr_full_422)
        return rows * pairs * 4 * bits_allocated;
    if (photometric == ybr_partial_420)
        return (std::uint64_t{rows} + 1) / 2 * pairs * 6 * bits_allocated;
    return pixels * samples * bits_allocated; // at most 2^32 * 4 * 64: no overflow
}

std::uint64_t PixelFormat::frame_bytes() const {
    return (frame_bits() + 7) / 8;
}

} // namespace dcmflow::codecs
