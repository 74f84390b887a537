// Text helpers of the rules: trimming, UTF-8, and quoting for messages. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dcmflow::rules {

// Without the padding that DICOM ignores at both ends: spaces, NULs, and line ends of text VRs.
[[nodiscard]] std::string_view trimmed(std::string_view text);

// Bytes of the UTF-8 sequence that `text` begins with; 0 if it is empty or not valid UTF-8.
[[nodiscard]] std::size_t utf8_sequence(std::string_view text);

// In quotes, cut after about `limit` bytes, control characters and bad UTF-8 written as \xNN:
// safe on a terminal and in JSON.
[[nodiscard]] std::string quoted(std::string_view text, char quote = '\'', std::size_t limit = 64);

// ASCII lower case; no locale.
[[nodiscard]] std::string lower(std::string_view text);

[[nodiscard]] constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

} // namespace dcmflow::rules
