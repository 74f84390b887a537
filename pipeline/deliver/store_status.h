// DIMSE status of a C-STORE-RSP → Outcome (reliability 2.3): the one table. Pure; any thread.
#pragma once

#include "pipeline/deliver/destination.h"

#include <cstdint>
#include <string_view>

namespace dcmflow::deliver {

// `comment` is the peer's Error Comment, already cleaned; may be empty.
[[nodiscard]] SendResult store_result(std::uint16_t status, std::string_view comment);

} // namespace dcmflow::deliver
