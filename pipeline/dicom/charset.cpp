#include "pipeline/dicom/charset.h"

#include <algorithm>
#include <array>
#include <iconv.h>
#include <optional>
#include <utility>

namespace dcmflow {
namespace {

using Set = Charset::Set;

constexpr char escape = '\x1B';

// Letters and digits of a name only: "ISO-IR 100", "ISO_IR_100" and "ISO_IR 100" are one.
std::string plain_name(std::string_view name) {
    std::string plain;
    for (char c : name) {
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
        if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            plain += c;
    }
    return plain;
}

// Number of an ISO registration, as in "ISO_IR 100" and "ISO 2022 IR 100".
std::optional<Set> by_registration(std::string_view number) {
    constexpr std::array<std::pair<std::string_view, Set>, 19> sets{{{"6", Set::ascii},
                                                                     {"100", Set::latin1},
                                                                     {"101", Set::latin2},
                                                                     {"109", Set::latin3},
                                                                     {"110", Set::latin4},
                                                                     {"144", Set::cyrillic},
                                                                     {"127", Set::arabic},
                                                                     {"126", Set::greek},
                                                                     {"138", Set::hebrew},
                                                                     {"148", Set::latin5},
                                                                     {"203", Set::latin9},
                                                                     {"166", Set::thai},
                                                                     {"13", Set::katakana},
                                                                     {"14", Set::katakana},
                                                                     {"87", Set::kanji},
                                                                     {"159", Set::extra_kanji},
                                                                     {"149", Set::korean},
                                                                     {"58", Set::chinese},
                                                                     {"192", Set::utf8}}};
    for (const auto& [name, set] : sets) {
        if (name == number)
            return set;
    }
    return std::nullopt;
}

Set by_name(std::string_view name) {
    const std::string plain = plain_name(name);
    std::string_view rest = plain;
    if (rest == "GB18030")
        return Set::gb18030;
    if (rest == "GBK" || rest == "GB2312")
        return Set::gbk;
    if (rest == "UTF8")
        return Set::utf8;
    if (rest.substr(0, 9) == "ISO2022IR") {
        rest.remove_prefix(9);
    } else if (rest.substr(0, 5) == "ISOIR") {
        rest.remove_prefix(5);
    } else if (rest == "ISO88591") { // not a DICOM name, but seen
        rest = "100";
    } else {
        return Set::ascii;
    }
    return by_registration(rest).value_or(Set::ascii);
}

// Sets of bytes from 0x80 on; the others are reached by escapes only or are no parts of a code
// extension.
bool has_high_bytes(Set set) {
    switch (set) {
    case Set::ascii:
    case Set::kanji:
    case Set::extra_kanji:
    case Set::utf8:
    case Set::gb18030:
    case Set::gbk:
        return false;
    default:
        return true;
    }
}

const char* iconv_name(Set set) {
    switch (set) {
    case Set::latin2:
        return "ISO-8859-2";
    case Set::latin3:
        return "ISO-8859-3";
    case Set::latin4:
        return "ISO-8859-4";
    case Set::cyrillic:
        return "ISO-8859-5";
    case Set::arabic:
        return "ISO-8859-6";
    case Set::greek:
        return "ISO-8859-7";
    case Set::hebrew:
        return "ISO-8859-8";
    case Set::latin5:
        return "ISO-8859-9";
    case Set::latin9:
        return "ISO-8859-15";
    case Set::thai:
        return "TIS-620";
    case Set::katakana:
    case Set::kanji:
    case Set::extra_kanji:
        return "EUC-JP";
    case Set::korean:
        return "EUC-KR";
    case Set::chinese:
        return "EUC-CN";
    case Set::gb18030:
        return "GB18030";
    case Set::gbk:
        return "GBK";
    case Set::latin1:
        return "ISO-8859-1";
    case Set::ascii:
    case Set::utf8:
        break;
    }
    return "UTF-8";
}

class Converter {
  public:
    explicit Converter(Set set) : handle_(iconv_open("UTF-8", iconv_name(set))) {}
    Converter(const Converter&) = delete;
    Converter& operator=(const Converter&) = delete;
    ~Converter() {
        if (handle_ != invalid())
            iconv_close(handle_);
    }
    void append(std::string_view bytes, std::string& out) {
        if (handle_ == invalid()) {
            for (const char c : bytes)
                out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
            return;
        }
        iconv(handle_, nullptr, nullptr, nullptr, nullptr);
        char* in = const_cast<char*>(bytes.data()); // NOLINT: iconv reads it
        std::size_t left = bytes.size();
        std::array<char, 512> buffer{};
        while (left > 0) {
            char* to = buffer.data();
            std::size_t room = buffer.size();
            const std::size_t before = left;
            const std::size_t status = iconv(handle_, &in, &left, &to, &room);
            out.append(buffer.data(), buffer.size() - room);
            if (status == static_cast<std::size_t>(-1) && (errno != E2BIG || before == left)) {
                out += '?';
                ++in;
                --left;
            }
        }
    }

  private:
    static iconv_t invalid() { return reinterpret_cast<iconv_t>(-1); } // NOLINT
    iconv_t handle_;
};

// Length of the UTF-8 character at the start (Unicode table 3-7), 0 if it is none.
std::size_t utf8_length(std::string_view text) {
    const auto at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[i])) : 0U;
    };
    const auto tail = [&at](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
    const unsigned first = at(0);
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return tail(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F))
            return 0;
        return tail(1) && tail(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if ((first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F))
            return 0;
        return tail(1) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

void append_utf8(std::string_view bytes, std::string& out) {
    while (!bytes.empty()) {
        const std::size_t length = utf8_length(bytes);
        if (length == 0)
            out += '?';
        else
            out += bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

void append_latin1(std::string_view bytes, std::string& out) {
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xC0 | (byte >> 6));
            out += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
}

// Text with code extensions (PS3.5 6.1.2.5): G0 holds bytes below 0x80, G1 those above.
class Iso2022 {
  public:
    Iso2022(Set initial_g1, std::string& out) : initial_g1_(initial_g1), out_(out) { reset(); }

    void append(std::string_view bytes) {
        std::size_t i = 0;
        while (i < bytes.size()) {
            const char c = bytes[i];
            if (c == escape) {
                i += switch_set(bytes.substr(i));
            } else if (static_cast<unsigned char>(c) >= 0x80) {
                i += take(g1_, bytes.substr(i));
            } else if (is_two_byte(g0_) && c > 0x20 && c < 0x7F) {
                i += take(g0_, bytes.substr(i));
            } else {
                flush();
                out_ += c;
                ++i;
                if (ends_extension(c))
                    reset();
            }
        }
        flush();
    }

  private:
    static bool is_two_byte(Set set) {
        return set == Set::kanji || set == Set::extra_kanji || set == Set::korean ||
               set == Set::chinese;
    }
    // Before these the initial sets are back in force (PS3.5 6.1.2.5.3), '^' and '=' being those of
    // names.
    static bool ends_extension(char c) {
        return c == '\\' || c == '\r' || c == '\n' || c == '\f' || c == '\t' || c == '^' ||
               c == '=';
    }
    void reset() {
        g0_ = Set::ascii;
        g1_ = initial_g1_;
    }

    // Handles the escape sequence at the start; returns its length. Unknown ones are left out.
    std::size_t switch_set(std::string_view text) {
        struct Sequence {
            std::string_view bytes;
            Set set;
            bool g1;
        };
        static constexpr std::array<Sequence, 18> sequences{{
            {"(B", Set::ascii, false},
            {"(J", Set::ascii, false},
            {")I", Set::katakana, true},
            {"-A", Set::latin1, true},
            {"-B", Set::latin2, true},
            {"-C", Set::latin3, true},
            {"-D", Set::latin4, true},
            {"-F", Set::greek, true},
            {"-G", Set::arabic, true},
            {"-H", Set::hebrew, true},
            {"-L", Set::cyrillic, true},
            {"-M", Set::latin5, true},
            {"-T", Set::thai, true},
            {"-b", Set::latin9, true},
            {"$B", Set::kanji, false},
            {"$(D", Set::extra_kanji, false},
            {"$)C", Set::korean, true},
            {"$)A", Set::chinese, true},
        }};
        for (const Sequence& sequence : sequences) {
            if (text.substr(1, sequence.bytes.size()) != sequence.bytes)
                continue;
            flush();
            (sequence.g1 ? g1_ : g0_) = sequence.set;
            return 1 + sequence.bytes.size();
        }
        return 1;
    }

    // Takes one character of `set` at the start; returns its length.
    std::size_t take(Set set, std::string_view text) {
        if (set != run_set_)
            flush();
        run_set_ = set;
        const auto high = [](char c) { return static_cast<char>(c | '\x80'); };
        if (!is_two_byte(set)) {
            if (set == Set::katakana)
                run_ += '\x8E'; // single shift two of EUC-JP
            run_ += text[0];
            return 1;
        }
        if (text.size() < 2 || text[1] == escape) {
            flush();
            out_ += '?';
            return 1;
        }
        if (set == Set::extra_kanji)
            run_ += '\x8F'; // single shift three
        run_ += high(text[0]);
        run_ += high(text[1]);
        return 2;
    }

    void flush() {
        if (run_.empty())
            return;
        if (run_set_ == Set::ascii)
            out_.append(run_.size(), '?');
        else if (run_set_ == Set::latin1)
            append_latin1(run_, out_);
        else
            Converter(run_set_).append(run_, out_);
        run_.clear();
    }

    Set initial_g1_;
    std::string& out_;
    Set g0_ = Set::ascii;
    Set g1_ = Set::ascii;
    Set run_set_ = Set::ascii;
    std::string run_;
};

} // namespace

Charset::Charset(std::string_view specific_character_set) {
    std::size_t begin = 0;
    for (bool first = true; begin <= specific_character_set.size(); first = false) {
        const std::size_t end =
            std::min(specific_character_set.find('\\', begin), specific_character_set.size());
        const Set set = by_name(specific_character_set.substr(begin, end - begin));
        begin = end + 1;
        if (first && (set == Set::utf8 || set == Set::gb18030 || set == Set::gbk)) {
            initial_ = set; // without code extensions (PS3.3 C.12.1.1.2)
            return;
        }
        // Escapes speak for themselves, announced or not. But where the first value is plain ASCII,
        // writers forget them: high bytes can then only be meant for the first set announced that
        // has some.
        if (high_ == Set::ascii && has_high_bytes(set))
            high_ = set;
    }
}

std::string Charset::to_utf8(std::string_view bytes) const {
    const bool plain = std::all_of(bytes.begin(), bytes.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80 && c != escape;
    });
    if (plain)
        return std::string(bytes);
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 2);
    switch (initial_) {
    case Set::utf8:
        append_utf8(bytes, out);
        break;
    case Set::gb18030:
    case Set::gbk:
        Converter(initial_).append(bytes, out);
        break;
    default:
        Iso2022(high_, out).append(bytes);
        break;
    }
    return out;
}

bool uses_charset(std::string_view vr) {
    constexpr std::array<std::string_view, 8> vrs{"LO", "PN", "SH", "LT", "ST", "UT", "UC", "UN"};
    return std::find(vrs.begin(), vrs.end(), vr) != vrs.end();
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || (text.back() >= 0 && text.back() < ' ')))
        text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    return text;
}

} // namespace dcmflow
