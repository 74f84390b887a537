// Walker: the scanner itself: one loop over the bytes with an explicit stack of open sequences and
// items.
//
// Internal to dataset_scan.cpp, which says what becomes of the things it meets (a Sink). One
// thread; never recurses, never reads past the bytes, never allocates more than a level per open
// sequence or item.
#pragma once

#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/dictionary.h"

#include <array>
#include <cstring>
#include <fmt/format.h>

namespace dcmflow::scanning {

inline constexpr std::uint32_t undefined = 0xFFFFFFFFU;
inline constexpr std::uint32_t item_tag = 0xFFFEE000U;
inline constexpr std::uint32_t item_end_tag = 0xFFFEE00DU;
inline constexpr std::uint32_t sequence_end_tag = 0xFFFEE0DDU;
inline constexpr std::uint32_t pixel_data_tag = 0x7FE00010U;

constexpr std::uint16_t pair(char a, char b) {
    return static_cast<std::uint16_t>((static_cast<unsigned char>(a) << 8) |
                                      static_cast<unsigned char>(b));
}

enum class VrKind : std::uint8_t { unknown, short_length, long_length };

// PS3.5 7.1.2. An unknown VR of two capitals is taken as a future one, which will have a 32-bit
// length; any other two characters are an old writer's mistake ("??", "  ") and come with a 16-bit
// one. DCMTK does the same.
inline constexpr auto vr_kinds = [] {
    std::array<VrKind, 26 * 26> kinds{};
    constexpr std::string_view short_ones = "AEASATCSDADSDTFLFDISLOLTPNSHSLSSSTTMUIULUS";
    constexpr std::string_view long_ones = "OBODOFOLOVOWSQSVUCUNURUTUV";
    const auto set = [&kinds](std::string_view list, VrKind kind) {
        for (std::size_t i = 0; i < list.size(); i += 2) {
            kinds[static_cast<std::size_t>((list[i] - 'A') * 26 + (list[i + 1] - 'A'))] = kind;
        }
    };
    set(short_ones, VrKind::short_length);
    set(long_ones, VrKind::long_length);
    return kinds;
}();

constexpr bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
constexpr bool is_printable(char c) {
    return c >= 0x20 && c < 0x7F;
}

inline bool may_be_large(std::uint32_t tag) {
    switch (tag) {
    case 0x7FE00001U: // extended offset table and its lengths
    case 0x7FE00002U:
    case 0x7FE00008U: // float, double float and integer pixel data
    case 0x7FE00009U:
    case pixel_data_tag:
    case 0x00420011U:
        return true; // encapsulated document
    default:
        return false;
    }
}

struct Level {
    bool is_item = false;
    bool undefined_length = false;
    Encoding encoding; // of what is inside
    std::uint64_t end = 0; // of the content; for undefined length that of the container
    ElementRef sequence; // if not an item
    ItemRef item;        // if an item
};

// Sink: element, begin_sequence, begin_item, end_item, end_sequence as in DataSetVisitor, and
// fragment.
template <class Sink> class Walker {
  public:
    Walker(std::span<const std::byte> bytes, Encoding encoding, const ScanLimits& limits,
           Sink& sink)
        : bytes_(bytes), limits_(limits), sink_(sink), encoding_(encoding), end_(bytes.size()) {}

    [[nodiscard]] bool run() {
        if (bytes_.size() > limits_.object_bytes) {
            return fail(ScanFault::object_too_large, 0,
                        fmt::format("the data set has {} bytes, at most {} are allowed",
                                    bytes_.size(), limits_.object_bytes));
        }
        while (true) {
            if (pos_ >= end_) {
                if (levels_.empty())
                    return true;
                if (!close_at_end())
                    return false;
            } else if (!levels_.empty() && !levels_.back().is_item) {
                if (!step_in_sequence())
                    return false;
            } else if (!step_element()) {
                return false;
            }
            if (done_)
                return true;
        }
    }
    // Walks one element only, the one at `offset`.
    [[nodiscard]] bool run_one(std::uint64_t offset) {
        pos_ = offset;
        single_ = true;
        return run();
    }
    // Walks the value of a UN element of defined length as if it were a sequence: private ones of
    // implicit syntaxes, and what gateways made of them, often are.
    [[nodiscard]] bool run_as_sequence(const ElementRef& element) {
        single_ = true;
        return open_sequence(element, Encoding{true, false}) && run();
    }
    [[nodiscard]] ScanError take_error() { return std::move(error_); }

  private:
    [[nodiscard]] std::uint16_t u16(std::uint64_t offset, bool big) const {
        std::uint16_t value = 0;
        std::memcpy(&value, bytes_.data() + offset, 2);
        return big ? __builtin_bswap16(value) : value;
    }
    [[nodiscard]] std::uint32_t u32(std::uint64_t offset, bool big) const {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes_.data() + offset, 4);
        return big ? __builtin_bswap32(value) : value;
    }
    [[nodiscard]] std::uint32_t depth() const { return sequences_; }

    // Garbage for a VR passes as long as the walk succeeds; if it does not, that is where it went
    // wrong: another syntax than the one announced, most likely.
    bool fail(ScanFault fault, std::uint64_t offset, std::string text) {
        if (bad_vr_) {
            const ElementRef& element = *bad_vr_;
            fault = ScanFault::bad_vr;
            offset = element.header_offset;
            text = fmt::format(
                "({:04X},{:04X}) at byte {}: the bytes {:02X} {:02X} are not a VR, and then {}",
                element.group, element.element, offset, static_cast<unsigned char>(element.vr[0]),
                static_cast<unsigned char>(element.vr[1]), text);
        }
        error_ = {fault, offset, std::move(text)};
        return false;
    }
    bool fail(ScanFault fault, const ElementRef& element, std::string_view what) {
        return fail(fault, element.header_offset,
                    fmt::format("({:04X},{:04X}) at byte {}: {}", element.group, element.element,
                                element.header_offset, what));
    }
    // Inside something of known length the length is wrong; at the end of all bytes some are
    // missing.
    [[nodiscard]] ScanFault past_end() const {
        return end_ == bytes_.size() ? ScanFault::truncated : ScanFault::bad_length;
    }

    bool step_element() {
        ElementRef element;
        if (!read_header(element))
            return false;
        const std::uint32_t tag = element.tag();
        if (element.group == 0xFFFE)
            return step_delimiter(tag);
        if (++elements_ > limits_.elements) {
            return fail(ScanFault::too_many_elements, element,
                        fmt::format("more than {} elements", limits_.elements));
        }
        if (element.group == 0x0002 || element.group == 0x0000) {
            if (levels_.empty() && element.group == 0 && rest_is_zero()) {
                pos_ = end_; // a writer that fills up its last block
                return true;
            }
            return fail(ScanFault::bad_group, element,
                        element.group == 0 ? "a command element in a data set"
                                           : "a file meta information element in a data set");
        }
        if (element.undefined_length)
            return step_undefined(element);
        if (element.value_length > end_ - element.value_offset) {
            return fail(past_end(), element,
                        fmt::format("its value has {} bytes, but {} are left", element.value_length,
                                    end_ - element.value_offset));
        }
        element.end_offset = element.value_offset + element.value_length;
        if (pair(element.vr[0], element.vr[1]) == pair('S', 'Q'))
            return open_sequence(element, encoding_);
        if (element.value_length > limits_.element_bytes && !may_be_large(tag)) {
            return fail(ScanFault::element_too_large, element,
                        fmt::format("its value has {} bytes, at most {} are allowed",
                                    element.value_length, limits_.element_bytes));
        }
        pos_ = element.end_offset;
        sink_.element(element, encoding_, depth());
        if (single_ && levels_.empty())
            done_ = true;
        return true;
    }

    bool read_header(ElementRef& element) {
        const std::uint64_t left = end_ - pos_;
        if (left < 8) {
            return fail(past_end(), pos_,
                        fmt::format("{} bytes at byte {} are not an element", left, pos_));
        }
        const bool big = encoding_.big_endian;
        element.header_offset = pos_;
        element.group = u16(pos_, big);
        element.element = u16(pos_ + 2, big);
        if (element.group == 0xFFFE)
            return true; // has no VR in any syntax (PS3.5 7.5)
        std::uint32_t length = 0;
        element.value_offset = pos_ + 8;
        if (encoding_.implicit_vr) {
            length = u32(pos_ + 4, big);
            const std::string_view vr = dictionary_vr(element.group, element.element);
            element.vr[0] = vr[0];
            element.vr[1] = vr[1];
        } else {
            std::memcpy(element.vr, bytes_.data() + pos_ + 4, 2);
            if (has_short_length(element)) {
                element.value_length = u16(pos_ + 6, big);
                return true;
            }
            if (left < 12)
                return fail(past_end(), element, "ends inside its length");
            length = u32(pos_ + 8, big);
            element.value_offset = pos_ + 12;
        }
        element.undefined_length = length == undefined;
        element.value_length = element.undefined_length ? 0 : length;
        return true;
    }

    bool has_short_length(const ElementRef& element) {
        const char a = element.vr[0];
        const char b = element.vr[1];
        if (is_upper(a) && is_upper(b)) {
            return vr_kinds[static_cast<std::size_t>((a - 'A') * 26 + (b - 'A'))] ==
                   VrKind::short_length;
        }
        if (!bad_vr_ && !(a == 0 && b == 0) && (!is_printable(a) || !is_printable(b)))
            bad_vr_ = element;
        return true;
    }

    bool step_undefined(ElementRef& element) {
        const std::uint16_t vr = pair(element.vr[0], element.vr[1]);
        const bool bytes_or_words = vr == pair('O', 'B') || vr == pair('O', 'W');
        if (element.tag() == pixel_data_tag || (bytes_or_words && !encoding_.implicit_vr)) {
            return skip_fragments(element);
        }
        if (encoding_.implicit_vr) {
            // Nothing but a sequence can be meant.
            element.vr[0] = 'S';
            element.vr[1] = 'Q';
            return open_sequence(element, encoding_);
        }
        if (vr == pair('S', 'Q'))
            return open_sequence(element, encoding_);
        if (vr == pair('U', 'N'))
            return open_sequence(element, Encoding{true, false});
        return fail(ScanFault::bad_length, element,
                    fmt::format("undefined length with VR {}", std::string_view(element.vr, 2)));
    }

    bool open_sequence(const ElementRef& element, Encoding inside) {
        if (sequences_ >= limits_.depth) {
            return fail(ScanFault::too_deep, element,
                        fmt::format("sequences nested deeper than {}", limits_.depth));
        }
        sink_.begin_sequence(element, inside, depth());
        Level level;
        level.undefined_length = element.undefined_length;
        level.encoding = inside;
        level.end = element.undefined_length ? end_ : element.end_offset;
        level.sequence = element;
        ++sequences_;
        pos_ = element.value_offset;
        push(level);
        return true;
    }

    bool step_in_sequence() {
        const Level& level = levels_.back();
        if (end_ - pos_ < 8) {
            return fail(past_end(), level.sequence,
                        fmt::format("its sequence ends inside an item at byte {}", pos_));
        }
        const bool big = encoding_.big_endian;
        const std::uint32_t tag = (std::uint32_t{u16(pos_, big)} << 16) | u16(pos_ + 2, big);
        const std::uint32_t length = u32(pos_ + 4, big);
        if (tag == item_tag)
            return open_item(length);
        if (tag == sequence_end_tag) {
            if (level.undefined_length) {
                close_sequence(pos_, pos_ + 8);
            } else {
                pos_ += 8; // needless in a sequence of defined length, but seen
            }
            return true;
        }
        return fail(ScanFault::bad_sequence, level.sequence,
                    fmt::format("({:04X},{:04X}) at byte {} where an item was expected", tag >> 16,
                                tag & 0xFFFFU, pos_));
    }

    bool open_item(std::uint32_t length) {
        Level level;
        level.is_item = true;
        level.undefined_length = length == undefined;
        level.encoding = encoding_;
        level.item = {level.undefined_length, pos_, pos_ + 8, 0, 0};
        // An item that claims more than its sequence has ends with it: seen in DICOMDIRs. Its
        // elements may not.
        const std::uint64_t left = end_ - pos_ - 8;
        level.end = level.undefined_length || length > left ? end_ : pos_ + 8 + length;
        if (!level.undefined_length) {
            level.item.value_length = level.end - level.item.value_offset;
            level.item.end_offset = level.end;
        }
        sink_.begin_item(level.item, depth());
        pos_ += 8;
        push(level);
        return true;
    }

    // A delimiter where an element was expected.
    bool step_delimiter(std::uint32_t tag) {
        if (tag == item_end_tag && !levels_.empty()) {
            if (levels_.back().undefined_length) {
                close_item(pos_, pos_ + 8);
                return true;
            }
            if (end_ - pos_ == 8) { // needless at the end of an item of defined length
                pos_ += 8;
                return true;
            }
        }
        return fail(ScanFault::bad_sequence, pos_,
                    fmt::format("({:04X},{:04X}) at byte {} where an element was expected",
                                tag >> 16, tag & 0xFFFFU, pos_));
    }

    bool close_at_end() {
        const Level& level = levels_.back();
        if (level.undefined_length) {
            const ElementRef& sequence =
                level.is_item ? levels_[levels_.size() - 2].sequence : level.sequence;
            return fail(past_end(), sequence,
                        level.is_item ? "an item of its has no end" : "its sequence has no end");
        }
        if (level.is_item) {
            close_item(pos_, pos_);
        } else {
            close_sequence(pos_, pos_);
        }
        return true;
    }
    void close_item(std::uint64_t value_end, std::uint64_t end) {
        ItemRef item = levels_.back().item;
        pop();
        item.value_length = value_end - item.value_offset;
        item.end_offset = end;
        pos_ = end;
        sink_.end_item(item, depth());
    }
    void close_sequence(std::uint64_t value_end, std::uint64_t end) {
        ElementRef sequence = levels_.back().sequence;
        pop();
        --sequences_;
        sequence.value_length = value_end - sequence.value_offset;
        sequence.end_offset = end;
        pos_ = end;
        sink_.end_sequence(sequence, depth());
        if (single_ && levels_.empty())
            done_ = true;
    }

    void push(const Level& level) {
        outer_.push_back({end_, encoding_});
        levels_.push_back(level);
        end_ = level.end;
        encoding_ = level.encoding;
    }
    void pop() {
        end_ = outer_.back().end;
        encoding_ = outer_.back().encoding;
        outer_.pop_back();
        levels_.pop_back();
    }

    // Encapsulated Pixel Data (PS3.5 A.4): items of opaque bytes and a delimiter.
    bool skip_fragments(ElementRef& element) {
        const bool big = encoding_.big_endian;
        std::uint64_t at = element.value_offset;
        while (true) {
            if (end_ - at < 8)
                return fail(past_end(), element, "its fragments have no end");
            const std::uint32_t tag = (std::uint32_t{u16(at, big)} << 16) | u16(at + 2, big);
            const std::uint32_t length = u32(at + 4, big);
            if (tag == sequence_end_tag)
                break;
            if (tag != item_tag || length == undefined) {
                return fail(ScanFault::bad_fragments, element,
                            fmt::format("({:04X},{:04X}) at byte {} where a fragment was expected",
                                        tag >> 16, tag & 0xFFFFU, at));
            }
            if (length > end_ - at - 8) {
                return fail(past_end(), element,
                            fmt::format("its fragment at byte {} has {} bytes, but {} are left", at,
                                        length, end_ - at - 8));
            }
            sink_.fragment({false, at, at + 8, length, at + 8 + length}, depth());
            at += 8 + std::uint64_t{length};
        }
        element.value_length = at - element.value_offset;
        element.end_offset = at + 8;
        pos_ = element.end_offset;
        sink_.element(element, encoding_, depth());
        if (single_ && levels_.empty())
            done_ = true;
        return true;
    }

    [[nodiscard]] bool rest_is_zero() const {
        for (std::uint64_t i = pos_; i < end_; ++i) {
            if (bytes_[i] != std::byte{0})
                return false;
        }
        return true;
    }

    struct Outer {
        std::uint64_t end = 0;
        Encoding encoding;
    };
    std::span<const std::byte> bytes_;
    const ScanLimits& limits_;
    Sink& sink_;
    Encoding encoding_;     // of the innermost level
    std::uint64_t end_ = 0; // of the innermost level
    std::uint64_t pos_ = 0;
    std::uint64_t elements_ = 0;
    std::uint32_t sequences_ = 0;
    bool single_ = false;
    bool done_ = false;
    std::optional<ElementRef> bad_vr_; // the first element whose VR is no text at all
    std::vector<Level> levels_;
    std::vector<Outer> outer_; // what push() put aside
    ScanError error_;
};

} // namespace dcmflow::scanning
