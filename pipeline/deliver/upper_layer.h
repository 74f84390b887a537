// Upper layer PDUs (PS3.8 9.3) as a requestor needs them, on top of what both sides share
// (pipeline/dimse): pure functions, bytes from and to values.
//
// Any thread. Parsers never trust a length and never allocate by one: they take the bytes that were
// read and give a fault's text for whatever does not fit.
#pragma once

#include "pipeline/deliver/presentation_contexts.h"
#include "pipeline/dimse/pdu.h"
#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::deliver {

inline constexpr std::uint32_t max_incoming_pdu = 1U << 20;   // as DCMTK's dcmAssociatePDUSizeLimit
inline constexpr std::uint32_t announced_max_pdu = 64U << 10; // what we say that we take

// The whole A-ASSOCIATE-RQ. AE titles: at most 16 characters, padded here.
[[nodiscard]] std::vector<std::byte> make_associate_rq(std::string_view called_aet,
                                                       std::string_view calling_aet,
                                                       const PresentationContexts& contexts);
// Body of an A-ASSOCIATE-AC. Fills in the contexts' answers; returns the peer's Maximum Length (0:
// any).
[[nodiscard]] Result<std::uint32_t> parse_associate_ac(std::span<const std::byte> body,
                                                       PresentationContexts& contexts);

struct Rejection {
    bool permanent = false;
    std::string text; // "rejected (permanent): called AE title not recognised"
};
[[nodiscard]] Rejection parse_associate_rj(std::span<const std::byte> body);
[[nodiscard]] std::string
describe_abort(std::span<const std::byte> body); // "service provider: unexpected PDU"

struct Pdv {
    std::uint8_t context_id = 0;
    bool command = false;
    bool last = false;
    std::span<const std::byte> fragment;
};
[[nodiscard]] Result<std::vector<Pdv>> parse_data_pdu(std::span<const std::byte> body);

} // namespace dcmflow::deliver
