// DIMSE command sets (PS3.7 6.3, 9.3, E.1) as an SCP reads and answers them: pure functions; any
// thread.
#pragma once

#include "pipeline/dimse/command_set.h"
#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::scp {

inline constexpr std::uint16_t status_success = 0x0000;
inline constexpr std::uint16_t status_sop_class_not_supported = 0x0122;
inline constexpr std::uint16_t status_unrecognized_operation = 0x0211;

struct Command {
    std::uint16_t field = 0; // (0000,0100)
    std::uint16_t message_id = 0;
    bool has_data_set = false;
    std::string sop_class_uid;    // (0000,0002) or (0000,0003), padding trimmed; not yet checked
    std::string sop_instance_uid; // (0000,1000) or (0000,1001)
};
// malformed if it is no command set, or has no command field or message ID to answer to.
[[nodiscard]] Result<Command> parse_command(std::span<const std::byte> bytes);

// A response without a data set. UIDs that are none are left out; the comment is cut to 64
// printable characters and left out when empty.
[[nodiscard]] std::vector<std::byte> make_response(const Command& request, std::uint16_t status,
                                                   std::string_view comment);

} // namespace dcmflow::scp
