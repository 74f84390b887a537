// DIMSE commands (PS3.7 9.3, E.1) that an SCU sends and reads: pure functions; any thread.
//
// Command sets are Implicit VR Little Endian without sequences: a bounded loop reads them, and
// nothing in them is trusted. No data set is touched here.
#pragma once

#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::deliver {

inline constexpr std::string_view verification_sop_class = "1.2.840.10008.1.1";

[[nodiscard]] std::vector<std::byte> make_store_rq(std::uint16_t message_id,
                                                   std::string_view sop_class_uid,
                                                   std::string_view sop_instance_uid);
[[nodiscard]] std::vector<std::byte> make_echo_rq(std::uint16_t message_id);

inline constexpr std::uint16_t store_rsp = 0x8001;
inline constexpr std::uint16_t echo_rsp = 0x8030;
inline constexpr std::uint16_t no_data_set = 0x0101;

struct DimseResponse {
    std::uint16_t command = 0;    // store_rsp, echo_rsp, …
    std::uint16_t message_id = 0; // being responded to
    std::uint16_t status = 0;
    bool has_data_set = false;
    std::string sop_instance_uid; // may be absent (PS3.7 9.1.1.1: U)
    std::string error_comment;    // (0000,0902): printable ASCII, at most 64 characters
};
[[nodiscard]] Result<DimseResponse> parse_response(std::span<const std::byte> command_set);

} // namespace dcmflow::deliver
