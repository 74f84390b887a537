// Upper layer PDUs (PS3.8 9.3) as a requestor needs them: pure functions, bytes from and to values.
//
// Any thread. Parsers never trust a length and never allocate by one: they take the bytes that were
// read and give a fault's text for whatever does not fit.
#pragma once

#include "pipeline/deliver/presentation_contexts.h"
#include "pipeline/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::deliver {

enum class PduType : std::uint8_t {
    associate_rq = 1,
    associate_ac = 2,
    associate_rj = 3,
    data = 4,
    release_rq = 5,
    release_rp = 6,
    abort = 7,
};

inline constexpr std::size_t pdu_header_bytes = 6;
inline constexpr std::size_t pdv_header_bytes = 6;            // length, context ID, control header
inline constexpr std::uint32_t max_incoming_pdu = 1U << 20;   // as DCMTK's dcmAssociatePDUSizeLimit
inline constexpr std::uint32_t announced_max_pdu = 64U << 10; // what we say that we take

struct PduHeader {
    std::uint8_t type = 0;
    std::uint32_t length = 0; // of the body
};
[[nodiscard]] PduHeader parse_pdu_header(std::span<const std::byte, pdu_header_bytes> bytes);

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

using PdvHeader = std::array<std::byte, pdu_header_bytes + pdv_header_bytes>;
// PDU and PDV header of one P-DATA-TF with one fragment.
[[nodiscard]] PdvHeader make_pdv_header(std::uint8_t context_id, bool command, bool last,
                                        std::size_t fragment_bytes);

struct Pdv {
    std::uint8_t context_id = 0;
    bool command = false;
    bool last = false;
    std::span<const std::byte> fragment;
};
[[nodiscard]] Result<std::vector<Pdv>> parse_data_pdu(std::span<const std::byte> body);

[[nodiscard]] std::array<std::byte, 10> make_release_rq();
[[nodiscard]] std::array<std::byte, 10> make_release_rp();
[[nodiscard]] std::array<std::byte, 10> make_abort(); // service user

} // namespace dcmflow::deliver
