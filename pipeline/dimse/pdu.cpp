#include "pipeline/dimse/pdu.h"

#include "pipeline/dimse/item.h"

namespace dcmflow::dimse {

PduHeader parse_pdu_header(std::span<const std::byte, pdu_header_bytes> bytes) {
    return {std::to_integer<std::uint8_t>(bytes[0]), get32(bytes.subspan(2))};
}

Result<PdvHeader> parse_pdv_header(std::span<const std::byte, pdv_header_bytes> bytes) {
    const auto length = get32(bytes);
    if (length < 2)
        return fail(ErrorCode::malformed, "a PDV without a context ID and control header");
    const auto control = std::to_integer<unsigned>(bytes[5]); // PS3.8 E.2
    return PdvHeader{length - 2, std::to_integer<std::uint8_t>(bytes[4]), (control & 1U) != 0,
                     (control & 2U) != 0};
}

DataHeader make_data_header(std::uint8_t context_id, bool command, bool last,
                            std::size_t fragment_bytes) {
    DataHeader header{};
    header[0] = static_cast<std::byte>(PduType::data);
    const std::size_t pdu_length = fragment_bytes + pdv_header_bytes;
    const std::size_t pdv_length = fragment_bytes + 2;
    for (std::size_t i = 0; i < 4; ++i) {
        header[2 + i] = static_cast<std::byte>(pdu_length >> (24 - 8 * i));
        header[6 + i] = static_cast<std::byte>(pdv_length >> (24 - 8 * i));
    }
    header[10] = static_cast<std::byte>(context_id);
    header[11] = static_cast<std::byte>((command ? 1U : 0U) | (last ? 2U : 0U)); // PS3.8 E.2
    return header;
}

std::vector<std::byte> make_pdu(PduType type, std::span<const std::byte> body) {
    std::vector<std::byte> pdu;
    pdu.reserve(pdu_header_bytes + body.size());
    put8(pdu, static_cast<unsigned>(type));
    put8(pdu, 0);
    put32(pdu, body.size());
    pdu.insert(pdu.end(), body.begin(), body.end());
    return pdu;
}

ShortPdu make_short_pdu(PduType type, std::uint8_t second, std::uint8_t third,
                        std::uint8_t fourth) {
    return {std::byte(type), std::byte{0}, std::byte{0},      std::byte{0},     std::byte{0},
            std::byte{4},    std::byte{0}, std::byte{second}, std::byte{third}, std::byte{fourth}};
}

ShortPdu make_release_rq() {
    return make_short_pdu(PduType::release_rq);
}

ShortPdu make_release_rp() {
    return make_short_pdu(PduType::release_rp);
}

ShortPdu make_abort_by_user() {
    return make_short_pdu(PduType::abort);
}

} // namespace dcmflow::dimse
