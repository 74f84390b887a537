#include "pipeline/dimse/item.h"

namespace dcmflow::dimse {

std::uint16_t get16(std::span<const std::byte> at) {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(at[0]) << 8) |
                                      std::to_integer<unsigned>(at[1]));
}

std::uint32_t get32(std::span<const std::byte> at) {
    return (std::uint32_t{get16(at)} << 16) | get16(at.subspan(2));
}

void put8(std::vector<std::byte>& out, unsigned value) {
    out.push_back(static_cast<std::byte>(value & 0xFF));
}

void put16(std::vector<std::byte>& out, std::size_t value) {
    put8(out, static_cast<unsigned>(value >> 8));
    put8(out, static_cast<unsigned>(value));
}

void put32(std::vector<std::byte>& out, std::size_t value) {
    put16(out, value >> 16);
    put16(out, value);
}

void put_text(std::vector<std::byte>& out, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_item(std::vector<std::byte>& out, ItemType type, std::string_view value) {
    put_item(out, type, std::as_bytes(std::span(value)));
}

void put_item(std::vector<std::byte>& out, ItemType type, std::span<const std::byte> value) {
    put8(out, static_cast<unsigned>(type));
    put8(out, 0);
    put16(out, value.size());
    out.insert(out.end(), value.begin(), value.end());
}

std::optional<Item> take_item(std::span<const std::byte>& rest) {
    if (rest.size() < item_header_bytes)
        return std::nullopt;
    const std::size_t length = get16(rest.subspan(2));
    if (length > rest.size() - item_header_bytes)
        return std::nullopt;
    const Item item{static_cast<ItemType>(rest[0]), rest.subspan(item_header_bytes, length)};
    rest = rest.subspan(item_header_bytes + length);
    return item;
}

std::string_view unpadded(std::span<const std::byte> value) {
    std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
    while (!text.empty() && (text.back() == '\0' || text.back() == ' '))
        text.remove_suffix(1);
    return text;
}

} // namespace dcmflow::dimse
