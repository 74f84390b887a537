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

} // namespace dcmflow::codecs
