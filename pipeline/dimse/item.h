// Items and sub-items of the association PDUs (PS3.8 9.3.2, 9.3.3; PS3.7 D.3.3), and the big endian
// numbers that they are made of.
//
// Pure functions; any thread. Readers copy nothing: what they return refers to the PDU's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow::dimse {

enum class ItemType : std::uint8_t {
    application_context = 0x10,
    presentation_context_rq = 0x20,
    presentation_context_ac = 0x21,
    abstract_syntax = 0x30,
    transfer_syntax = 0x40,
    user_information = 0x50,
    maximum_length = 0x51,
    implementation_class_uid = 0x52,
    asynchronous_window = 0x53,
    implementation_version = 0x55,
};
inline constexpr std::size_t item_header_bytes = 4; // type, reserved byte, 16 bit length

// The bytes must be there.
[[nodiscard]] std::uint16_t get16(std::span<const std::byte> at);
[[nodiscard]] std::uint32_t get32(std::span<const std::byte> at);

void put8(std::vector<std::byte>& out, unsigned value);
void put16(std::vector<std::byte>& out, std::size_t value);
void put32(std::vector<std::byte>& out, std::size_t value);
void put_text(std::vector<std::byte>& out, std::string_view text);
void put_item(std::vector<std::byte>& out, ItemType type, std::string_view value);
void put_item(std::vector<std::byte>& out, ItemType type, std::span<const std::byte> value);

struct Item {
    ItemType type{}; // may be none of the above
    std::span<const std::byte> value;
};
// Takes one item off the front; nothing, and the rest as it was, if the item does not fit.
[[nodiscard]] std::optional<Item> take_item(std::span<const std::byte>& rest);

// A UID's text without the padding that some peers add; not yet checked.
[[nodiscard]] std::string_view unpadded(std::span<const std::byte> value);

} // namespace dcmflow::dimse
