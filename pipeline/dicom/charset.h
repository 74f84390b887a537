// Charset: text of a data set to UTF-8 by Specific Character Set (0008,0005; PS3.3 C.12.1.1.2,
// PS3.5 6.1).
//
// A value, cheap to make; const: any thread. Knows single-byte sets, code extensions (ISO 2022
// escapes), UTF-8, GB18030 and GBK, and the common misspellings of their names. Never fails: what
// it cannot decode becomes '?', so an unknown set name leaves the ASCII part of a text readable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dcmflow {

class Charset {
  public:
    // The value of (0008,0005), backslashes and all; empty: the default repertoire (ASCII).
    explicit Charset(std::string_view specific_character_set = {});
    // Whole values: split at backslashes only afterwards, for bytes of multi-byte characters may
    // look like one.
    [[nodiscard]] std::string to_utf8(std::string_view bytes) const;

    enum class Set : std::uint8_t {
        ascii,
        latin1,
        latin2,
        latin3,
        latin4,
        cyrillic,
        arabic,
        greek,
        hebrew,
        latin5,
        latin9,
        thai,
        katakana,
        kanji,
        extra_kanji,
        korean,
        chinese, // two bytes each, by escape only
        utf8,
        gb18030,
        gbk, // whole texts, no escapes
    };

  private:
    Set initial_ = Set::ascii;
    Set high_ = Set::ascii; // of bytes from 0x80 on, until an escape says otherwise
};

// VRs whose text is subject to the character set (PS3.5 6.1.2.2), UN included.
[[nodiscard]] bool uses_charset(std::string_view vr);

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// Without leading spaces, and without trailing spaces, NULs and other padding.
[[nodiscard]] std::string_view trimmed(std::string_view text);

} // namespace dcmflow
