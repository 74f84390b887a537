// DIMSE commands (PS3.7 9.3, E.1) that an SCU sends and reads: pure functions; any thread.
//
// Nothing in a response is trusted. No data set is touched here.
#pragma once

#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::deliver {

[[nodiscard]] std::vector<std::byte> make_store_rq(std::uint16_t message_id,
                                                   std::string_view sop_class_uid,
                                                   std::string_view sop_instance_uid);
[[nodiscard]] std::vector<std::byte> make_echo_rq(std::uint16_t message_id);

struct DimseResponse {
    std::uint16_t command = 0;    // c_store_rsp, c_echo_rsp, …
    std::uint16_t message_id = 0; // being responded to
    std::uint16_t status = 0;
    bool has_data_set = false;
    std::string sop_instance_uid; // may be absent (PS3.7 9.1.1.1: U)
    std::string error_comment;    // (0000,0902): printable ASCII, at most 64 characters
};
[[nodiscard]] Result<DimseResponse> parse_response(std::span<const std::byte> command_set);

} // namespace dcmflow::deliver
