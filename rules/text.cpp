#include "rules/text.h"

#include <algorithm>

namespace dcmflow::rules {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view padding(" \t\r\n\f\0", 6);
    const auto first = text.find_first_not_of(padding);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(padding) - first + 1);
}

std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (text.empty())
        return 0;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return follows(1) ? 2 : 0;
    if ((first & 0xF0U) == 0xE0U) {
        const bool overlong = first == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = first == 0xED && byte(1) > 0x9F;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const bool outside = (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
        return follows(1) && follows(2) && follows(3) && !outside ? 4 : 0;
    }
    return 0;
}

std::string quoted(std::string_view text, char quote, std::size_t limit) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out(1, quote);
    for (std::size_t i = 0; i < text.size();) {
        if (i >= limit) {
            out += "…";
            break;
        }
        const auto length = utf8_sequence(text.substr(i));
        const auto c = static_cast<unsigned char>(text[i]);
        if (length == 0 || c < 0x20 || c == 0x7F) {
            out += "\\x";
            out += hex[c >> 4U];
            out += hex[c & 15U];
            ++i;
        } else {
            out += text.substr(i, length);
            i += length;
        }
    }
    return out += quote;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

} // namespace dcmflow::rules
