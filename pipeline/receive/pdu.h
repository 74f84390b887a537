// Upper layer PDUs (PS3.8 9.3) as an acceptor needs them, on top of what both sides share
// (pipeline/dimse): pure functions between bytes and values; any thread.
//
// Our own rather than DCMTK's, because DCMTK 3.6.7 reads an A-ASSOCIATE-RQ by blocking calls: a
// peer that sends one byte would cost a thread until the ARTIM timer ends, and with that the limit
// on associations. Here the door collects requests by poll, a rejection costs no thread, fragments
// pass through without a PDU-sized copy, and sanitizers and fuzzers see every line. Nothing here
// allocates by a length that a peer claims.
#pragma once

#include "pipeline/dimse/pdu.h"
#include "pipeline/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::scp {

// Of an A-ASSOCIATE-RQ's body; of an A-RELEASE's or A-ABORT's.
inline constexpr std::uint32_t max_associate_pdu = 1U << 20;
inline constexpr std::uint32_t max_short_pdu = 4;
// Of a P-DATA-TF's body: it is streamed, so this only tells nonsense from data.
inline constexpr std::uint32_t max_data_pdu = 64U << 20;
// DCMTK's senders use no more; more would not be faster, since reads do not follow PDUs.
inline constexpr std::uint32_t announced_max_pdu = 128U << 10;

struct ProposedContext {
    std::uint8_t id = 0;
    std::string_view abstract_syntax;                // empty if it was no UID
    std::vector<std::string_view> transfer_syntaxes; // in the order proposed; no UIDs are left out
};
// Views refer to the PDU's bytes.
struct AssociateRequest {
    std::uint16_t protocol_version = 0;
    std::string_view application_context;
    std::string called_aet; // trimmed; unprintable characters as '?'
    std::string calling_aet;
    std::array<std::byte, 64> echoed{}; // AE titles and reserved bytes, which the answer repeats
    std::vector<ProposedContext> contexts;
    std::uint32_t max_pdu = 0;          // 0: unlimited
    bool asynchronous_window = false;   // proposed: answered with one operation at a time
    std::string implementation_version; // printable, at most 16 characters
};
// Body of an A-ASSOCIATE-RQ; malformed with a sentence that quotes nothing of it.
[[nodiscard]] Result<AssociateRequest> parse_associate_rq(std::span<const std::byte> body);

enum class ContextResult : std::uint8_t {
    accepted = 0,
    abstract_syntax_not_supported = 3,
    transfer_syntaxes_not_supported = 4,
};
struct ContextAnswer {
    std::uint8_t id = 0;
    ContextResult result = ContextResult::accepted;
    std::string transfer_syntax; // when accepted
};
[[nodiscard]] std::vector<std::byte> make_associate_ac(const AssociateRequest& request,
                                                       std::span<const ContextAnswer> answers);

// PS3.8 table 9-21.
struct Rejection {
    std::uint8_t result = 1; // 1 permanent, 2 transient
    std::uint8_t source = 1; // 1 service user, 2 ACSE provider, 3 presentation provider
    std::uint8_t reason = 1;
    std::string_view text; // for the log
};
inline constexpr Rejection application_context_not_supported{
    1, 1, 2, "application context name not supported"};
inline constexpr Rejection calling_aet_not_recognised{1, 1, 3, "calling AE title not recognised"};
inline constexpr Rejection called_aet_not_recognised{1, 1, 7, "called AE title not recognised"};
inline constexpr Rejection protocol_not_supported{1, 2, 2, "protocol version not supported"};
inline constexpr Rejection local_limit_exceeded{2, 3, 2, "local limit exceeded"};

// PS3.8 table 9-26.
enum class AbortReason : std::uint8_t {
    not_specified = 0,
    unrecognized_pdu = 1,
    unexpected_pdu = 2,
    unrecognized_parameter = 4,
    unexpected_parameter = 5,
    invalid_parameter = 6,
};

[[nodiscard]] dimse::ShortPdu make_associate_rj(const Rejection& rejection);
[[nodiscard]] dimse::ShortPdu make_abort_by_provider(AbortReason reason);

// A whole command set as P-DATA-TF PDUs of at most `peer_max_pdu` bytes (0: any).
[[nodiscard]] std::vector<std::byte> make_command_pdus(std::uint8_t context_id,
                                                       std::span<const std::byte> command,
                                                       std::uint32_t peer_max_pdu);

// A peer's text as it may be logged: trimmed, unprintable characters as '?'.
[[nodiscard]] std::string printable(std::span<const std::byte> text);

} // namespace dcmflow::scp
