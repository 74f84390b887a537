#include "pipeline/dicom/rewrite.h"

#include "pipeline/dicom/dictionary.h"

#include <algorithm>
#include <array>
#include <limits>

namespace dcmflow {

namespace {

constexpr std::uint32_t undefined = 0xFFFF'FFFF;
constexpr std::uint16_t item = 0xE000, item_end = 0xE00D, sequence_end = 0xE0DD;

bool is_one_of(std::string_view list, std::string_view vr) {
    for (std::size_t i = 0; i + 1 < list.size(); i += 2)
        if (list.substr(i, 2) == vr)
            return true;
    return false;
}

// PS3.5 7.1.2: two reserved bytes and a 32-bit length. So will have VRs of the future, which the
// scanner knows by their capitals.
bool has_long_form(std::string_view vr) {
    const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    return is_capital(vr[0]) && is_capital(vr[1]) &&
           !is_one_of("AEASATCSDADSDTFLFDISLOLTPNSHSLSSSTTMUIULUS", vr);
}

// US or SS by Pixel Representation (PS3.6).
bool follows_pixel_representation(std::uint32_t tag) {
    static constexpr std::array<std::uint32_t, 26> tags{
        0x00189810, 0x00221452, 0x00280071, 0x00280104, 0x00280105, 0x00280106, 0x00280107,
        0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00280120, 0x00280121, 0x00281100,
        0x00281101, 0x00281102, 0x00281103, 0x00281111, 0x00281112, 0x00281113, 0x00283002,
        0x00409211, 0x00409216, 0x00603004, 0x00603006};
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// Pixel Data of undefined length is fragments whatever its VR, as for the scanner.
bool is_fragments(const ElementRef& element) {
    return element.undefined_length && (element.tag() == 0x7FE0'0010 ||
                                        (element.vr_text() != "SQ" && element.vr_text() != "UN"));
}

bool is_group_length(const ElementRef& element) {
    return element.element == 0 && element.value_length == 4 && !element.undefined_length;
}

// The caller's scan set the limits; a second walk over the same bytes needs none.
constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();
constexpr ScanLimits scanned{.depth = std::numeric_limits<std::uint32_t>::max(),
                             .elements = no_limit,
                             .element_bytes = no_limit,
                             .object_bytes = no_limit};

class Nobody final : public DataSetVisitor {
    void element(const ElementRef&, Encoding, std::uint32_t) override {}
};

// Whether the value of an element that the dictionary calls a sequence is one in Implicit VR.
bool walks_as_sequence(const ElementRef& element, std::span<const std::byte> value,
                       std::uint32_t depth) {
    VectorSink sink;
    Output whole(&sink);
    whole.u16(element.group);
    whole.u16(element.element);
    whole.u32(static_cast<std::uint32_t>(value.size()));
    whole.bytes(value);
    whole.flush();
    Nobody nobody;
    ScanLimits limits;
    limits.depth -= std::min(limits.depth, depth);
    return walk(sink.bytes(), {.implicit_vr = true}, nobody, limits).has_value();
}

} // namespace

std::size_t swap_unit(std::string_view vr) {
    if (is_one_of("AEASCSDADSDTISLOLTPNSHSTTMUCUIURUTOB", vr))
        return 1;
    if (is_one_of("ATUSSSOW", vr))
        return 2;
    if (is_one_of("ULSLFLOFOL", vr))
        return 4;
    if (is_one_of("FDODOVSVUV", vr))
        return 8;
    return 0;
}

DataSetWriter::DataSetWriter(const DataSet& source, Encoding target, Output& out)
    : source_(source), target_(target), copies_(source.encoding() == target), out_(out),
      levels_(1) {
    levels_.front().bits_allocated = source.us(0x0028, 0x0100).value_or(16);
    levels_.front().signed_pixels = source.us(0x0028, 0x0103).value_or(0) == 1;
}

bool DataSetWriter::is_touched(std::uint16_t group) const {
    return std::find(touched_.begin(), touched_.end(), group) != touched_.end();
}

std::span<const std::byte> DataSetWriter::bytes_of(std::uint64_t from, std::uint64_t to) const {
    return source_.bytes().subspan(from + base_, to - from);
}

void DataSetWriter::keep(const ElementRef& kept) {
    if (fault_ != RewriteFault::none || out_.refused())
        return;
    const bool sequence =
        !is_fragments(kept) && (kept.vr_text() == "SQ" || kept.undefined_length);
    base_ = 0;
    if (copies_ && is_group_length(kept) && is_touched(kept.group)) {
        enter_group(levels_.front(), kept.group);
        write_group_length(kept);
    } else if (copies_) {
        enter_group(levels_.front(), kept.group);
        out_.bytes(bytes_of(kept.header_offset, kept.end_offset));
    } else if (!sequence) {
        element(kept, source_.encoding(), 0);
    } else {
        // The scan has proved this element; what it took for the whole it takes for the part.
        base_ = kept.header_offset;
        const auto whole = source_.bytes().subspan(base_, kept.end_offset - kept.header_offset);
        if (!walk(whole, source_.encoding(), *this, scanned))
            fail(RewriteFault::malformed);
        base_ = 0;
    }
}

void DataSetWriter::replace(const ElementRef& element, std::string_view vr,
                            std::span<const std::byte> value) {
    enter_group(levels_.front(), element.group);
    write_header(element.group, element.element, vr, static_cast<std::uint32_t>(value.size()));
    out_.bytes(value);
}

void DataSetWriter::finish() {
    enter_group(levels_.front(), 0);
    if (levels_.size() != 1)
        fail(RewriteFault::malformed);
    const auto& elements = source_.elements();
    const auto end = elements.empty() ? 0 : elements.back().end_offset;
    out_.bytes(bytes_of(end, source_.bytes().size()));
}

// Fills in the length of the group that ends here.
void DataSetWriter::enter_group(Level& level, std::uint16_t group) {
    if (level.group_length_at == 0 || level.group == group)
        return;
    const auto length = out_.position() - level.group_length_at - 4;
    if (length > std::numeric_limits<std::uint32_t>::max())
        fail(RewriteFault::too_long);
    out_.patch_u32(level.group_length_at, static_cast<std::uint32_t>(length));
    level.group_length_at = 0;
}

void DataSetWriter::write_group_length(const ElementRef& element) {
    write_header(element.group, element.element, "UL", 4);
    levels_.back().group_length_at = out_.position();
    levels_.back().group = element.group;
    out_.u32(0);
}

void DataSetWriter::write_header(std::uint16_t group, std::uint16_t element, std::string_view vr,
                                 std::uint32_t length) {
    out_.u16(group);
    out_.u16(element);
    if (target_.implicit_vr) {
        out_.u32(length);
        return;
    }
    out_.text(vr);
    if (has_long_form(vr)) {
        out_.u16(0);
        out_.u32(length);
    } else {
        out_.u16(static_cast<std::uint16_t>(length));
    }
}

// The VR to write. From implicit it is the dictionary's, where that leaves a choice the standard's.
std::string_view DataSetWriter::target_vr(const ElementRef& element, const Level& level) const {
    if (!source_.encoding().implicit_vr || target_.implicit_vr)
        return element.vr_text();
    auto vr = element.vr_text();
    if (vr == "US" && level.signed_pixels && follows_pixel_representation(element.tag()))
        vr = "SS";
    if (element.tag() == 0x7FE0'0010 && level.bits_allocated <= 8)
        vr = "OB"; // PS3.5 A.2 c
    // What a 16-bit length cannot hold is UN (PS3.5 6.2.2).
    return has_long_form(vr) || element.value_length <= 0xFFFE ? vr : "UN";
}

void DataSetWriter::element(const ElementRef& element, Encoding encoding, std::uint32_t depth) {
    if (raw_depth_ || fault_ != RewriteFault::none)
        return;
    Level& level = levels_.back();
    enter_group(level, element.group);
    if (is_fragments(element))
        return fail(RewriteFault::fragments);
    if (is_group_length(element))
        return write_group_length(element);
    const auto value = bytes_of(element.value_offset, element.value_offset + element.value_length);
    if (value.size() == 2 && (element.tag() == 0x0028'0100 || element.tag() == 0x0028'0103)) {
        const auto low = std::to_integer<std::uint16_t>(value[encoding.big_endian ? 1 : 0]);
        if (element.tag() == 0x0028'0100)
            level.bits_allocated = low;
        else
            level.signed_pixels = low == 1;
    }
    // Another VR than the dictionary's is lost in implicit. Where that is a sequence, readers would
    // trip over the value.
    if (target_.implicit_vr && !value.empty() &&
        dictionary_vr(element.group, element.element) == "SQ" &&
        !walks_as_sequence(element, value, depth))
        return fail(RewriteFault::unknown_vr);
    const auto vr = target_vr(element, level);
    write_header(element.group, element.element, vr, static_cast<std::uint32_t>(value.size()));
    if (encoding.big_endian)
        write_value(value, vr);
    else
        out_.bytes(value);
}

// Big endian to little.
void DataSetWriter::write_value(std::span<const std::byte> value, std::string_view vr) {
    const auto unit = swap_unit(vr);
    if (value.empty() || unit == 1)
        return out_.bytes(value);
    if (unit == 0 || value.size() % unit != 0)
        return fail(RewriteFault::unknown_vr);
    std::array<std::byte, 16U << 10> piece{};
    while (!value.empty() && !out_.refused()) {
        const auto some = value.first(std::min(value.size(), piece.size()));
        for (std::size_t i = 0; i < some.size(); i += unit)
            std::reverse_copy(some.begin() + static_cast<std::ptrdiff_t>(i),
                              some.begin() + static_cast<std::ptrdiff_t>(i + unit),
                              piece.begin() + static_cast<std::ptrdiff_t>(i));
        out_.bytes(std::span(piece).first(some.size()));
        value = value.subspan(some.size());
    }
}

// Writes the length of what begins and remembers where, unless it is undefined.
void DataSetWriter::open(bool undefined_length) {
    Level inner;
    inner.signed_pixels = levels_.back().signed_pixels;
    inner.bits_allocated = levels_.back().bits_allocated;
    inner.content_at = out_.position();
    inner.length_at = undefined_length ? 0 : out_.position() - 4;
    levels_.push_back(inner);
}

void DataSetWriter::close(bool undefined_length, std::uint16_t delimiter) {
    enter_group(levels_.back(), 0);
    const Level inner = levels_.back();
    levels_.pop_back();
    if (undefined_length) {
        out_.u16(0xFFFE);
        out_.u16(delimiter);
        out_.u32(0);
        return;
    }
    const auto length = out_.position() - inner.content_at;
    if (length >= undefined)
        return fail(RewriteFault::too_long);
    if (length > 0)
        out_.patch_u32(inner.length_at, static_cast<std::uint32_t>(length));
}

void DataSetWriter::begin_sequence(const ElementRef& sequence, Encoding encoding,
                                   std::uint32_t depth) {
    if (raw_depth_ || fault_ != RewriteFault::none)
        return;
    enter_group(levels_.back(), sequence.group);
    if (encoding != source_.encoding()) { // UN of undefined length: implicit inside, kept
        raw_depth_ = depth;
        if (source_.encoding().big_endian)
            return fail(RewriteFault::unknown_vr);
        return write_header(sequence.group, sequence.element, "UN", undefined);
    }
    write_header(sequence.group, sequence.element, "SQ", sequence.undefined_length ? undefined : 0);
    open(sequence.undefined_length);
}

void DataSetWriter::end_sequence(const ElementRef& sequence, std::uint32_t depth) {
    if (fault_ != RewriteFault::none)
        return;
    if (!raw_depth_)
        return close(sequence.undefined_length, sequence_end);
    if (*raw_depth_ != depth)
        return;
    raw_depth_.reset();
    out_.bytes(bytes_of(sequence.value_offset, sequence.end_offset));
}

void DataSetWriter::begin_item(const ItemRef& begun, std::uint32_t /*depth*/) {
    if (raw_depth_ || fault_ != RewriteFault::none)
        return;
    out_.u16(0xFFFE);
    out_.u16(item);
    out_.u32(begun.undefined_length ? undefined : 0);
    open(begun.undefined_length);
}

void DataSetWriter::end_item(const ItemRef& ended, std::uint32_t /*depth*/) {
    if (!raw_depth_ && fault_ == RewriteFault::none)
        close(ended.undefined_length, item_end);
}

namespace {

class FragmentFinder final : public DataSetVisitor {
  public:
    [[nodiscard]] bool found() const { return found_; }
    void element(const ElementRef& element, Encoding /*encoding*/, std::uint32_t depth) override {
        found_ = found_ || (depth > 0 && is_fragments(element));
    }

  private:
    bool found_ = false;
};

// Gathers Data Elements Signed (0400,0020) of the MAC Parameters Sequence (4FFE,0001).
class SignedElements final : public DataSetVisitor {
  public:
    SignedElements(const DataSet& source, std::span<const std::uint32_t> wanted)
        : source_(source), wanted_(wanted) {}
    // Whether one of the wanted is covered, or we cannot tell.
    [[nodiscard]] bool covered() const { return covered_ || !lists_; }

    void element(const ElementRef& element, Encoding encoding, std::uint32_t depth) override {
        if (depth != 1 || !inside_ || element.tag() != 0x0400'0020)
            return;
        lists_ = true;
        const auto list = source_.bytes().subspan(element.value_offset, element.value_length);
        for (std::size_t i = 0; i + 4 <= list.size(); i += 4) {
            const auto tag =
                u16(list.subspan(i), encoding) << 16 | u16(list.subspan(i + 2), encoding);
            covered_ = covered_ || std::find(wanted_.begin(), wanted_.end(), tag) != wanted_.end();
        }
    }
    void begin_sequence(const ElementRef& sequence, Encoding, std::uint32_t depth) override {
        if (depth == 0)
            inside_ = sequence.tag() == 0x4FFE'0001;
    }
    void end_sequence(const ElementRef&, std::uint32_t depth) override {
        if (depth == 0)
            inside_ = false;
    }

  private:
    static std::uint32_t u16(std::span<const std::byte> bytes, Encoding encoding) {
        const auto low = std::to_integer<std::uint32_t>(bytes[encoding.big_endian ? 1 : 0]);
        const auto high = std::to_integer<std::uint32_t>(bytes[encoding.big_endian ? 0 : 1]);
        return high << 8 | low;
    }
    const DataSet& source_;
    std::span<const std::uint32_t> wanted_;
    bool inside_ = false;
    bool lists_ = false;
    bool covered_ = false;
};

} // namespace

bool has_nested_fragments(const DataSet& source) {
    FragmentFinder finder;
    const auto& elements = source.elements();
    const bool sequences = std::any_of(elements.begin(), elements.end(), [](const auto& e) {
        return e.vr_text() == "SQ" || (e.undefined_length && e.vr_text() == "UN");
    });
    // A walk that fails where the scan did not cannot be; if it did, better not to touch the
    // object.
    return sequences &&
           (!walk(source.bytes(), source.encoding(), finder, scanned) || finder.found());
}

bool is_signed(const DataSet& source, std::span<const std::uint32_t> tags) {
    const ElementRef* signatures = source.find(0xFFFA, 0xFFFA);
    if (!signatures || signatures->value_length == 0)
        return false;
    SignedElements lists(source, tags);
    return !walk(source.bytes(), source.encoding(), lists, scanned) || lists.covered();
}

} // namespace dcmflow
