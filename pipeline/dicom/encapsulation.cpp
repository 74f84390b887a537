#include "pipeline/dicom/encapsulation.h"

#include <algorithm>
#include <cassert>
#include <initializer_list>
#include <limits>

namespace dcmflow {

namespace {

constexpr std::uint32_t item_tag = 0xE000'FFFE;     // (FFFE,E000) as it reads, little endian
constexpr std::uint32_t sequence_end = 0xE0DD'FFFE; // (FFFE,E0DD)
constexpr std::size_t item_header = 8;

std::uint64_t little_endian(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    return value;
}

bool begins_with(std::span<const std::byte> bytes, std::initializer_list<unsigned char> start) {
    return bytes.size() >= start.size() &&
           std::equal(start.begin(), start.end(), bytes.begin(),
                      [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

bool starts_frame(std::span<const std::byte> fragment, FrameStart start) {
    switch (start) {
    case FrameStart::unknown:
        return true;
    case FrameStart::soi:
        return begins_with(fragment, {0xFF, 0xD8, 0xFF});
    case FrameStart::soc:
        return begins_with(fragment, {0xFF, 0x4F, 0xFF, 0x51}) ||
               begins_with(fragment, {0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50, 0x20, 0x20});
    }
    return false;
}

void append(std::vector<std::byte>& out, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i)
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

} // namespace

std::string_view to_string(FragmentFault fault) {
    switch (fault) {
    case FragmentFault::not_items:
        return "not_items";
    case FragmentFault::bad_table:
        return "bad_table";
    case FragmentFault::wrong_count:
        return "wrong_count";
    case FragmentFault::too_many:
        return "too_many";
    }
    return "not_items";
}

tl::expected<FragmentReader, FragmentFault> FragmentReader::open(const Source& source) {
    FragmentReader reader;
    auto done = reader.read_items(source);
    if (!done)
        return tl::unexpected(done.error());
    if (source.frames == 0 || reader.fragments_.empty())
        return tl::unexpected(FragmentFault::wrong_count);
    if (!source.extended_offsets.empty() || !source.extended_lengths.empty())
        done = reader.by_extended_table(source);
    else if (!reader.table_.empty())
        done = reader.by_basic_table(source.frames);
    else
        done = reader.without_table(source);
    if (!done)
        return tl::unexpected(done.error());
    return reader;
}

tl::expected<void, FragmentFault> FragmentReader::read_items(const Source& source) {
    pixel_data_ = source.pixel_data;
    std::size_t at = 0;
    bool table_read = false;
    while (at < pixel_data_.size()) {
        if (pixel_data_.size() - at < item_header)
            return tl::unexpected(FragmentFault::not_items);
        const auto tag = little_endian(pixel_data_.subspan(at, 4));
        const auto length = little_endian(pixel_data_.subspan(at + 4, 4));
        if (tag == sequence_end && length == 0 && at + item_header == pixel_data_.size() &&
            table_read)
            break; // callers may or may not include the delimiter
        if (tag != item_tag || length > pixel_data_.size() - at - item_header)
            return tl::unexpected(FragmentFault::not_items);
        const auto value = pixel_data_.subspan(at + item_header, length);
        if (!table_read)
            table_ = value;
        else if (fragments_.size() >= source.max_fragments)
            return tl::unexpected(FragmentFault::too_many);
        else
            fragments_.push_back(value);
        table_read = true;
        at += item_header + value.size();
    }
    if (!table_read)
        return tl::unexpected(FragmentFault::not_items);
    return {};
}

// Tables count from the first byte of the item after the Basic Offset Table's.
std::uint64_t FragmentReader::item_offset(std::size_t fragment) const {
    return static_cast<std::uint64_t>(fragments_[fragment].data() - pixel_data_.data()) -
           item_header - (item_header + table_.size());
}

// One fragment per frame, 64-bit offsets, lengths without padding; no Basic Offset Table beside it
// (A.4).
tl::expected<void, FragmentFault> FragmentReader::by_extended_table(const Source& source) {
    const std::uint64_t wanted = std::uint64_t{source.frames} * 8;
    if (!table_.empty() || source.extended_offsets.size() != wanted ||
        source.extended_lengths.size() != wanted)
        return tl::unexpected(FragmentFault::bad_table);
    if (fragments_.size() != source.frames)
        return tl::unexpected(FragmentFault::wrong_count);
    first_.reserve(fragments_.size() + 1);
    for (std::size_t i = 0; i < fragments_.size(); ++i) {
        const auto offset = little_endian(source.extended_offsets.subspan(8 * i, 8));
        const auto length = little_endian(source.extended_lengths.subspan(8 * i, 8));
        const auto size = fragments_[i].size();
        if (offset != item_offset(i) || length > size || size - length > 1)
            return tl::unexpected(FragmentFault::bad_table);
        fragments_[i] = fragments_[i].first(length);
        first_.push_back(i);
    }
    first_.push_back(fragments_.size());
    return {};
}

tl::expected<void, FragmentFault> FragmentReader::by_basic_table(std::uint32_t frames) {
    if (table_.size() % 4 != 0)
        return tl::unexpected(FragmentFault::bad_table);
    if (table_.size() / 4 != frames)
        return tl::unexpected(FragmentFault::wrong_count);
    first_.reserve(std::size_t{frames} + 1);
    std::size_t fragment = 0;
    for (std::size_t i = 0; i < frames; ++i) {
        const auto offset = little_endian(table_.subspan(4 * i, 4));
        if (i > 0)
            ++fragment; // each frame has at least one
        while (fragment < fragments_.size() && item_offset(fragment) < offset)
            ++fragment;
        // The first frame begins with the first fragment, else bytes would belong to no frame.
        if (fragment == fragments_.size() || item_offset(fragment) != offset ||
            (i == 0 && offset != 0))
            return tl::unexpected(FragmentFault::bad_table);
        first_.push_back(fragment);
    }
    first_.push_back(fragments_.size());
    return {};
}

tl::expected<void, FragmentFault> FragmentReader::without_table(const Source& source) {
    if (fragments_.size() == source.frames) {
        for (std::size_t i = 0; i < source.frames; ++i)
            first_.push_back(i);
    } else if (source.start == FrameStart::unknown) {
        if (source.frames != 1)
            return tl::unexpected(FragmentFault::wrong_count);
        first_.push_back(0);
    } else {
        for (std::size_t i = 0; i < fragments_.size(); ++i)
            if (starts_frame(fragments_[i], source.start))
                first_.push_back(i);
        // More starts than frames are frames that the header does not know of: data, not junk.
        if (first_.size() != source.frames || first_.front() != 0)
            return tl::unexpected(FragmentFault::wrong_count);
    }
    first_.push_back(fragments_.size());
    return {};
}

std::span<const std::span<const std::byte>> FragmentReader::frame(std::uint32_t index) const {
    assert(index < frames());
    return std::span(fragments_).subspan(first_[index], first_[index + 1] - first_[index]);
}

std::span<const std::byte> FragmentReader::contiguous(std::uint32_t index,
                                                      std::vector<std::byte>& scratch) const {
    const auto parts = frame(index);
    if (parts.size() == 1)
        return parts.front();
    std::size_t total = 0;
    for (const auto& part : parts)
        total += part.size();
    scratch.clear();
    scratch.reserve(total);
    for (const auto& part : parts)
        scratch.insert(scratch.end(), part.begin(), part.end());
    return scratch;
}

FragmentWriter::FragmentWriter(Output& out, std::uint32_t frames, OffsetTable table)
    : out_(out), frames_(frames), table_(table) {}

OffsetTable FragmentWriter::table_for(std::uint32_t frames, std::uint64_t bytes,
                                      std::uint64_t basic_limit) {
    if (frames == 1)
        return OffsetTable::none;
    return bytes <= basic_limit ? OffsetTable::basic : OffsetTable::extended;
}

void FragmentWriter::begin() {
    const auto width = table_ == OffsetTable::extended ? 8U : 4U;
    const std::uint64_t room = std::uint64_t{frames_} * width;
    const auto extended = [&](std::uint16_t element) {
        out_.u16(0x7FE0);
        out_.u16(element);
        out_.text("OV");
        out_.u16(0);
        out_.u32(static_cast<std::uint32_t>(room));
        const auto at = out_.position();
        out_.zeros(room);
        return at;
    };
    if (table_ == OffsetTable::extended) {
        offsets_at_ = extended(0x0001);
        lengths_at_ = extended(0x0002);
    }
    out_.u16(0x7FE0);
    out_.u16(0x0010);
    out_.text("OB");
    out_.u16(0);
    out_.u32(0xFFFF'FFFF);
    out_.u32(item_tag);
    out_.u32(table_ == OffsetTable::basic ? static_cast<std::uint32_t>(room) : 0);
    if (table_ == OffsetTable::basic) {
        offsets_at_ = out_.position();
        out_.zeros(room);
    }
    first_item_at_ = out_.position();
}

void FragmentWriter::frame(std::span<const std::byte> data) {
    offsets_.push_back(out_.position() - first_item_at_);
    lengths_.push_back(data.size());
    out_.u32(item_tag);
    out_.u32(static_cast<std::uint32_t>(data.size() + data.size() % 2));
    out_.bytes(data);
    out_.zeros(data.size() % 2);
}

bool FragmentWriter::end() {
    out_.u32(sequence_end);
    out_.u32(0);
    constexpr std::uint64_t fits = std::numeric_limits<std::uint32_t>::max();
    if (offsets_.size() != frames_ || std::any_of(lengths_.begin(), lengths_.end(),
                                                  [](auto length) { return length >= fits - 1; }))
        return false;
    if (table_ == OffsetTable::none)
        return true;
    if (table_ == OffsetTable::basic && offsets_.back() > fits)
        return false;
    const std::size_t width = table_ == OffsetTable::extended ? 8 : 4;
    std::vector<std::byte> packed;
    packed.reserve(frames_ * width);
    for (const auto offset : offsets_)
        append(packed, offset, width);
    out_.patch(offsets_at_, packed);
    if (table_ == OffsetTable::extended) {
        packed.clear();
        for (const auto length : lengths_)
            append(packed, length, width);
        out_.patch(lengths_at_, packed);
    }
    return true;
}

} // namespace dcmflow
