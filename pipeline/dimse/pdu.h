// Upper layer PDUs (PS3.8 9.3): what an acceptor and a requestor have in common.
//
// Pure functions between bytes and values; any thread. It never waits, never allocates by a length
// that a peer claims, and sets no bound on a PDU: how much is too much is for each side to say.
#pragma once

#include "pipeline/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow::dimse {

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
// Length, context ID, message control header.
inline constexpr std::size_t pdv_header_bytes = 6;
// Before an association's items: protocol version, AE titles, reserved (PS3.8 tables 9-11, 9-17).
inline constexpr std::size_t associate_fixed_bytes = 68;
inline constexpr std::string_view dicom_application_context =
    "1.2.840.10008.3.1.1.1"; // PS3.7 A.2.1

struct PduHeader {
    std::uint8_t type = 0;
    std::uint32_t length = 0; // of the body
};
[[nodiscard]] PduHeader parse_pdu_header(std::span<const std::byte, pdu_header_bytes> bytes);

struct PdvHeader {
    std::uint32_t length = 0; // of the fragment that follows
    std::uint8_t context_id = 0;
    bool command = false;
    bool last = false;
};
// malformed: a length field below 2 has no room for the context ID and the message control header.
[[nodiscard]] Result<PdvHeader>
parse_pdv_header(std::span<const std::byte, pdv_header_bytes> bytes);

// The headers of PDU and PDV of a P-DATA-TF that holds one fragment.
using DataHeader = std::array<std::byte, pdu_header_bytes + pdv_header_bytes>;
[[nodiscard]] DataHeader make_data_header(std::uint8_t context_id, bool command, bool last,
                                          std::size_t fragment_bytes);

// A PDU of any length: the header, then the body.
[[nodiscard]] std::vector<std::byte> make_pdu(PduType type, std::span<const std::byte> body);

// A-ASSOCIATE-RJ, A-RELEASE-RQ and -RP, A-ABORT: a reserved byte, then three that may mean
// something.
using ShortPdu = std::array<std::byte, pdu_header_bytes + 4>;
[[nodiscard]] ShortPdu make_short_pdu(PduType type, std::uint8_t second = 0, std::uint8_t third = 0,
                                      std::uint8_t fourth = 0);
[[nodiscard]] ShortPdu make_release_rq();
[[nodiscard]] ShortPdu make_release_rp();
[[nodiscard]] ShortPdu make_abort_by_user();

} // namespace dcmflow::dimse
