#include "pipeline/cli/element_writer.h"

#include <algorithm>
#include <array>
#include <string>

namespace dcmflow::cli {

namespace {

using Bytes = ElementWriter::Bytes;

void put(Bytes& out, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i)
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put_tag(Bytes& out, std::uint32_t tag) {
    put(out, tag >> 16, 2);
    put(out, tag & 0xFFFFU, 2);
}

bool has_long_header(std::string_view vr) {
    constexpr std::array<std::string_view, 12> long_ones{"OB", "OD", "OF", "OL", "OV", "OW",
                                                         "SQ", "UC", "UN", "UR", "UT", "SV"};
    return std::find(long_ones.begin(), long_ones.end(), vr) != long_ones.end();
}

void put_header(Bytes& out, std::uint32_t tag, std::string_view vr, std::uint32_t length) {
    put_tag(out, tag);
    out.push_back(static_cast<std::byte>(vr[0]));
    out.push_back(static_cast<std::byte>(vr[1]));
    if (has_long_header(vr)) {
        put(out, 0, 2);
        put(out, length, 4);
    } else {
        put(out, length, 2);
    }
}

constexpr std::uint32_t undefined = 0xFFFFFFFF;

} // namespace

ElementWriter& ElementWriter::bytes(std::uint32_t tag, std::string_view vr,
                                    std::span<const std::byte> value) {
    Bytes element;
    element.reserve(value.size() + 13);
    put_header(element, tag, vr, static_cast<std::uint32_t>(value.size() + value.size() % 2));
    element.insert(element.end(), value.begin(), value.end());
    if (value.size() % 2 != 0)
        element.push_back(std::byte{0});
    elements_[tag] = std::move(element);
    return *this;
}

ElementWriter& ElementWriter::text(std::uint32_t tag, std::string_view vr, std::string_view value) {
    std::string padded(value);
    if (padded.size() % 2 != 0)
        padded.push_back(vr == "UI" ? '\0' : ' ');
    return bytes(tag, vr, std::as_bytes(std::span(padded.data(), padded.size())));
}

ElementWriter& ElementWriter::us(std::uint32_t tag, std::uint16_t value) {
    Bytes both;
    put(both, value, 2);
    return bytes(tag, "US", both);
}

ElementWriter& ElementWriter::at(std::uint32_t tag, std::uint32_t value) {
    Bytes both;
    put_tag(both, value);
    return bytes(tag, "AT", both);
}

ElementWriter& ElementWriter::sequence(std::uint32_t tag, const std::vector<ElementWriter>& items,
                                       bool undefined_length) {
    Bytes content;
    for (const auto& item : items) {
        const Bytes inner = item.finish();
        put_tag(content, 0xFFFEE000);
        put(content, undefined_length ? undefined : inner.size(), 4);
        content.insert(content.end(), inner.begin(), inner.end());
        if (undefined_length) {
            put_tag(content, 0xFFFEE00D);
            put(content, 0, 4);
        }
    }
    Bytes element;
    put_header(element, tag, "SQ",
               undefined_length ? undefined : static_cast<std::uint32_t>(content.size()));
    element.insert(element.end(), content.begin(), content.end());
    if (undefined_length) {
        put_tag(element, 0xFFFEE0DD);
        put(element, 0, 4);
    }
    elements_[tag] = std::move(element);
    return *this;
}

Bytes ElementWriter::finish() const {
    std::size_t size = 0;
    for (const auto& [tag, element] : elements_)
        size += element.size();
    Bytes out;
    out.reserve(size);
    for (const auto& [tag, element] : elements_)
        out.insert(out.end(), element.begin(), element.end());
    return out;
}

} // namespace dcmflow::cli
