// Command sets (PS3.7 6.3, E.1), element by element: what SCP and SCU have in common.
//
// Command sets are Implicit VR Little Endian without sequences: a bounded loop reads them. DCMTK's
// reader is not used, because it parses them like any data set, by recursion and without a bound.
// Which elements a message needs is for each side to say. Any thread; a writer belongs to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow::dimse {

// Of one command set, however many fragments it comes in.
inline constexpr std::size_t max_command_bytes = 64U << 10;

// Values of Command Field.
inline constexpr std::uint16_t response_bit = 0x8000;
inline constexpr std::uint16_t c_store_rq = 0x0001;
inline constexpr std::uint16_t c_store_rsp = c_store_rq | response_bit;
inline constexpr std::uint16_t c_echo_rq = 0x0030;
inline constexpr std::uint16_t c_echo_rsp = c_echo_rq | response_bit;
inline constexpr std::uint16_t c_cancel_rq = 0x0FFF;
// Of Command Data Set Type: any other value says that a data set follows.
inline constexpr std::uint16_t no_data_set = 0x0101;

inline constexpr std::string_view verification_sop_class = "1.2.840.10008.1.1";

enum class Element : std::uint16_t { // of group 0000
    group_length = 0x0000,
    affected_sop_class_uid = 0x0002,
    requested_sop_class_uid = 0x0003,
    command_field = 0x0100,
    message_id = 0x0110,
    message_id_responded_to = 0x0120,
    priority = 0x0700,
    data_set_type = 0x0800,
    status = 0x0900,
    error_comment = 0x0902,
    affected_sop_instance_uid = 0x1000,
    requested_sop_instance_uid = 0x1001,
};

struct CommandElement {
    Element element{}; // may be none of the above
    std::span<const std::byte> value;
};
enum class CommandFault : std::uint8_t { ends_inside_element, other_group, longer_than_set };
// Takes one element off the front; the rest stays as it was if there is a fault.
[[nodiscard]] tl::expected<CommandElement, CommandFault>
take_element(std::span<const std::byte>& rest);
// Value of VR US; the two bytes must be there.
[[nodiscard]] std::uint16_t us_of(std::span<const std::byte> value);

// Elements are added in the order of their tags, without the group length, which finished() puts
// first.
class CommandSetWriter {
  public:
    void put_us(Element element, std::uint16_t value);
    void put_uid(Element element, std::string_view uid);   // padded with a zero byte
    void put_text(Element element, std::string_view text); // padded with a space
    [[nodiscard]] std::vector<std::byte> finished() const;

  private:
    void put_padded(Element element, std::string_view value, char padding);
    std::vector<std::byte> elements_;
};

} // namespace dcmflow::dimse
