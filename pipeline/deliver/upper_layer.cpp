#include "pipeline/deliver/upper_layer.h"

#include "pipeline/dicom/part10.h"

#include <algorithm>
#include <fmt/format.h>

namespace dcmflow::deliver {

namespace {

constexpr std::string_view application_context = "1.2.840.10008.3.1.1.1"; // PS3.7 A.2.1

void put(std::vector<std::byte>& out, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::byte>(value >> shift));
    }
}

void put_text(std::vector<std::byte>& out, std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    out.insert(out.end(), bytes, bytes + text.size());
}

// Item type, reserved byte, 16 bit length, value (PS3.8 9.3.2).
void put_item(std::vector<std::byte>& out, std::uint8_t type, std::string_view value) {
    put(out, type, 1);
    put(out, 0, 1);
    put(out, value.size(), 2);
    put_text(out, value);
}

void put_ae_title(std::vector<std::byte>& out, std::string_view title) {
    std::string padded(title.substr(0, 16));
    padded.resize(16, ' ');
    put_text(out, padded);
}

std::uint32_t get(std::span<const std::byte> bytes, std::size_t offset, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        value = (value << 8) | std::to_integer<std::uint32_t>(bytes[offset + i]);
    }
    return value;
}

// Items of a variable field, one after the other. False when a length runs past the end.
template <class Visit> bool for_each_item(std::span<const std::byte> bytes, Visit visit) {
    while (!bytes.empty()) {
        if (bytes.size() < 4) {
            return false;
        }
        const std::size_t length = get(bytes, 2, 2);
        if (length > bytes.size() - 4) {
            return false;
        }
        visit(static_cast<std::uint8_t>(bytes[0]), bytes.subspan(4, length));
        bytes = bytes.subspan(4 + length);
    }
    return true;
}

std::string_view as_uid(std::span<const std::byte> value) {
    std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
    while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    return text;
}

std::array<std::byte, 10> make_short_pdu(PduType type) {
    std::array<std::byte, 10> pdu{};
    pdu[0] = static_cast<std::byte>(type);
    pdu[5] = std::byte{4};
    return pdu;
}

std::string_view rejection_reason(unsigned source, unsigned reason) {
    switch (source * 16 + reason) { // PS3.8 table 9-21
    case 0x12:
        return "application context not supported";
    case 0x13:
        return "calling AE title not recognised: does the PACS know our AE title?";
    case 0x17:
        return "called AE title not recognised: is the AE title in the config right?";
    case 0x22:
        return "protocol version not supported";
    case 0x31:
        return "temporary congestion";
    case 0x32:
        return "local limit exceeded";
    default:
        return "no reason given";
    }
}

} // namespace

PduHeader parse_pdu_header(std::span<const std::byte, pdu_header_bytes> bytes) {
    return {static_cast<std::uint8_t>(bytes[0]), get(bytes, 2, 4)};
}

std::vector<std::byte> make_associate_rq(std::string_view called_aet, std::string_view calling_aet,
                                         const PresentationContexts& contexts) {
    std::vector<std::byte> pdu;
    put(pdu, static_cast<std::uint8_t>(PduType::associate_rq), 1);
    put(pdu, 0, 5); // reserved, and the length, known at the end
    put(pdu, 1, 2); // protocol version
    put(pdu, 0, 2);
    put_ae_title(pdu, called_aet);
    put_ae_title(pdu, calling_aet);
    pdu.resize(pdu.size() + 32);
    put_item(pdu, 0x10, application_context);
    for (const PresentationContext& context : contexts.all()) {
        std::vector<std::byte> item;
        put(item, std::uint64_t{context.id} << 24, 4);
        put_item(item, 0x30, context.sop_class_uid);
        put_item(item, 0x40, context.transfer_syntax_uid);
        put_item(pdu, 0x20, {reinterpret_cast<const char*>(item.data()), item.size()});
    }
    std::vector<std::byte> user; // PS3.7 D.3.3
    put(user, 0x51000004, 4);
    put(user, announced_max_pdu, 4);
    put_item(user, 0x52, implementation_class_uid);
    put_item(user, 0x55, implementation_version_name);
    put_item(pdu, 0x50, {reinterpret_cast<const char*>(user.data()), user.size()});

    const std::size_t length = pdu.size() - pdu_header_bytes;
    for (std::size_t i = 0; i < 4; ++i) {
        pdu[2 + i] = static_cast<std::byte>(length >> (24 - 8 * i));
    }
    return pdu;
}

Result<std::uint32_t> parse_associate_ac(std::span<const std::byte> body,
                                         PresentationContexts& contexts) {
    constexpr std::size_t fixed = 68; // version, reserved, AE titles, reserved
    if (body.size() < fixed) {
        return fail(ErrorCode::malformed, "the A-ASSOCIATE-AC is too short");
    }
    std::uint32_t max_pdu = 0;
    bool sound = true;
    const auto context_item = [&](std::span<const std::byte> value) {
        if (value.size() < 4) {
            sound = false;
            return;
        }
        std::string_view syntax;
        sound = sound && for_each_item(value.subspan(4),
                                       [&](std::uint8_t type, std::span<const std::byte> sub) {
                                           syntax = type == 0x40 ? as_uid(sub) : syntax;
                                       });
        contexts.answer(static_cast<std::uint8_t>(value[0]), static_cast<std::uint8_t>(value[2]),
                        syntax);
    };
    const auto item = [&](std::uint8_t type, std::span<const std::byte> value) {
        if (type == 0x21) {
            context_item(value);
        } else if (type == 0x50) {
            sound = sound && for_each_item(value, [&](std::uint8_t sub_type,
                                                      std::span<const std::byte> sub) {
                        max_pdu = sub_type == 0x51 && sub.size() == 4 ? get(sub, 0, 4) : max_pdu;
                    });
        }
    };
    sound = for_each_item(body.subspan(fixed), item) && sound;
    if (!sound) {
        return fail(ErrorCode::malformed,
                    "the A-ASSOCIATE-AC has an item longer than what holds it");
    }
    // Two bytes of data are the least that a PDU must take, else nothing could ever be sent.
    if (max_pdu != 0 && max_pdu < pdv_header_bytes + 2) {
        return fail(ErrorCode::malformed,
                    fmt::format("the peer's maximum PDU length is {}", max_pdu));
    }
    return max_pdu;
}

Rejection parse_associate_rj(std::span<const std::byte> body) {
    if (body.size() < 4) {
        return {false, "rejected, with a malformed A-ASSOCIATE-RJ"};
    }
    const auto result = std::to_integer<unsigned>(body[1]);
    const auto source = std::to_integer<unsigned>(body[2]);
    const auto reason = std::to_integer<unsigned>(body[3]);
    // Source 3 is congestion and limits: passing by nature, whatever the result says.
    const bool permanent = result == 1 && source != 3;
    return {permanent,
            fmt::format("association rejected ({}): {}", permanent ? "permanent" : "transient",
                        rejection_reason(source & 15U, reason & 15U))};
}

std::string describe_abort(std::span<const std::byte> body) {
    constexpr std::array<std::string_view, 7> reasons{"no reason given",
                                                      "unrecognised PDU",
                                                      "unexpected PDU",
                                                      "reserved",
                                                      "unrecognised PDU parameter",
                                                      "unexpected PDU parameter",
                                                      "invalid PDU parameter"}; // PS3.8 table 9-26
    if (body.size() < 4 || body[2] != std::byte{2}) {
        return "by its application";
    }
    const auto reason = std::to_integer<std::size_t>(body[3]);
    return fmt::format("by its network layer: {}", reasons[reason < reasons.size() ? reason : 0]);
}

PdvHeader make_pdv_header(std::uint8_t context_id, bool command, bool last,
                          std::size_t fragment_bytes) {
    PdvHeader header{};
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

Result<std::vector<Pdv>> parse_data_pdu(std::span<const std::byte> body) {
    std::vector<Pdv> pdvs;
    while (!body.empty()) {
        if (body.size() < pdv_header_bytes) {
            return fail(ErrorCode::malformed, "a P-DATA-TF ends inside a PDV header");
        }
        const std::size_t length = get(body, 0, 4);
        if (length < 2 || length > body.size() - 4) {
            return fail(ErrorCode::malformed, "a PDV is longer than its P-DATA-TF");
        }
        const auto control = std::to_integer<unsigned>(body[5]);
        pdvs.push_back({static_cast<std::uint8_t>(body[4]), (control & 1U) != 0,
                        (control & 2U) != 0, body.subspan(6, length - 2)});
        body = body.subspan(4 + length);
    }
    return pdvs;
}

std::array<std::byte, 10> make_release_rq() {
    return make_short_pdu(PduType::release_rq);
}
std::array<std::byte, 10> make_release_rp() {
    return make_short_pdu(PduType::release_rp);
}
std::array<std::byte, 10> make_abort() {
    return make_short_pdu(PduType::abort);
}

} // namespace dcmflow::deliver
