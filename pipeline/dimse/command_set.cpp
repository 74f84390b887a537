#include "pipeline/dimse/command_set.h"

namespace dcmflow::dimse {

namespace {

constexpr std::size_t element_header_bytes = 8; // group, element, length

void put_little16(std::vector<std::byte>& out, std::size_t value) {
    out.push_back(static_cast<std::byte>(value & 0xFF));
    out.push_back(static_cast<std::byte>((value >> 8) & 0xFF));
}

void put_little32(std::vector<std::byte>& out, std::size_t value) {
    put_little16(out, value);
    put_little16(out, value >> 16);
}

void put_header(std::vector<std::byte>& out, Element element, std::size_t length) {
    put_little16(out, 0);
    put_little16(out, static_cast<std::uint16_t>(element));
    put_little32(out, length);
}

} // namespace

std::uint16_t us_of(std::span<const std::byte> value) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(value[0]) |
                                      (std::to_integer<unsigned>(value[1]) << 8));
}

tl::expected<CommandElement, CommandFault> take_element(std::span<const std::byte>& rest) {
    if (rest.size() < element_header_bytes)
        return tl::unexpected(CommandFault::ends_inside_element);
    if (us_of(rest) != 0)
        return tl::unexpected(CommandFault::other_group);
    const std::size_t length = us_of(rest.subspan(4)) | (std::size_t{us_of(rest.subspan(6))} << 16);
    if (length > rest.size() - element_header_bytes)
        return tl::unexpected(CommandFault::longer_than_set);
    const CommandElement element{static_cast<Element>(us_of(rest.subspan(2))),
                                 rest.subspan(element_header_bytes, length)};
    rest = rest.subspan(element_header_bytes + length);
    return element;
}

void CommandSetWriter::put_us(Element element, std::uint16_t value) {
    put_header(elements_, element, 2);
    put_little16(elements_, value);
}

void CommandSetWriter::put_uid(Element element, std::string_view uid) {
    put_padded(element, uid, '\0');
}

void CommandSetWriter::put_text(Element element, std::string_view text) {
    put_padded(element, text, ' ');
}

void CommandSetWriter::put_padded(Element element, std::string_view value, char padding) {
    put_header(elements_, element, value.size() + value.size() % 2);
    const auto bytes = std::as_bytes(std::span(value));
    elements_.insert(elements_.end(), bytes.begin(), bytes.end());
    if (value.size() % 2 != 0)
        elements_.push_back(static_cast<std::byte>(padding));
}

std::vector<std::byte> CommandSetWriter::finished() const {
    std::vector<std::byte> set;
    set.reserve(elements_.size() + element_header_bytes + 4);
    put_header(set, Element::group_length, 4);
    put_little32(set, elements_.size());
    set.insert(set.end(), elements_.begin(), elements_.end());
    return set;
}

} // namespace dcmflow::dimse
