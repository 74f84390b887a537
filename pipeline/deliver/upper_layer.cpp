#include "pipeline/deliver/upper_layer.h"

#include "pipeline/dicom/part10.h"
#include "pipeline/dimse/item.h"

#include <array>
#include <fmt/format.h>

namespace dcmflow::deliver {

namespace {

using dimse::ItemType;
using dimse::put16;
using dimse::put32;
using dimse::put8;

void put_ae_title(std::vector<std::byte>& out, std::string_view title) {
    std::string padded(title.substr(0, 16));
    padded.resize(16, ' ');
    dimse::put_text(out, padded);
}

// Items of a variable field, one after the other. False when a length runs past the end.
template <class Visit> bool for_each_item(std::span<const std::byte> bytes, Visit visit) {
    while (!bytes.empty()) {
        const auto item = dimse::take_item(bytes);
        if (!item) {
            return false;
        }
        visit(item->type, item->value);
    }
    return true;
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

std::vector<std::byte> make_associate_rq(std::string_view called_aet, std::string_view calling_aet,
                                         const PresentationContexts& contexts) {
    std::vector<std::byte> body;
    put16(body, 1); // protocol version
    put16(body, 0);
    put_ae_title(body, called_aet);
    put_ae_title(body, calling_aet);
    body.resize(dimse::associate_fixed_bytes); // reserved
    put_item(body, ItemType::application_context, dimse::dicom_application_context);
    for (const PresentationContext& context : contexts.all()) {
        std::vector<std::byte> item;
        put8(item, context.id);
        item.resize(4); // reserved
        put_item(item, ItemType::abstract_syntax, context.sop_class_uid);
        put_item(item, ItemType::transfer_syntax, context.transfer_syntax_uid);
        put_item(body, ItemType::presentation_context_rq, item);
    }
    std::vector<std::byte> length;
    put32(length, announced_max_pdu);
    std::vector<std::byte> user; // PS3.7 D.3.3
    put_item(user, ItemType::maximum_length, length);
    put_item(user, ItemType::implementation_class_uid, implementation_class_uid);
    put_item(user, ItemType::implementation_version, implementation_version_name);
    put_item(body, ItemType::user_information, user);
    return dimse::make_pdu(dimse::PduType::associate_rq, body);
}

Result<std::uint32_t> parse_associate_ac(std::span<const std::byte> body,
                                         PresentationContexts& contexts) {
    if (body.size() < dimse::associate_fixed_bytes) {
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
        const auto syntax_item = [&](ItemType type, std::span<const std::byte> sub) {
            syntax = type == ItemType::transfer_syntax ? dimse::unpadded(sub) : syntax;
        };
        sound = sound && for_each_item(value.subspan(4), syntax_item);
        contexts.answer(static_cast<std::uint8_t>(value[0]), static_cast<std::uint8_t>(value[2]),
                        syntax);
    };
    const auto user_item = [&](ItemType type, std::span<const std::byte> value) {
        max_pdu =
            type == ItemType::maximum_length && value.size() == 4 ? dimse::get32(value) : max_pdu;
    };
    const auto item = [&](ItemType type, std::span<const std::byte> value) {
        if (type == ItemType::presentation_context_ac) {
            context_item(value);
        } else if (type == ItemType::user_information) {
            sound = sound && for_each_item(value, user_item);
        }
    };
    sound = for_each_item(body.subspan(dimse::associate_fixed_bytes), item) && sound;
    if (!sound) {
        return fail(ErrorCode::malformed,
                    "the A-ASSOCIATE-AC has an item longer than what holds it");
    }
    // Two bytes of data are the least that a PDU must take, else nothing could ever be sent.
    if (max_pdu != 0 && max_pdu < dimse::pdv_header_bytes + 2) {
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

Result<std::vector<Pdv>> parse_data_pdu(std::span<const std::byte> body) {
    std::vector<Pdv> pdvs;
    while (!body.empty()) {
        if (body.size() < dimse::pdv_header_bytes) {
            return fail(ErrorCode::malformed, "a P-DATA-TF ends inside a PDV header");
        }
        const auto header = dimse::parse_pdv_header(body.first<dimse::pdv_header_bytes>());
        body = body.subspan(dimse::pdv_header_bytes);
        if (!header || header->length > body.size()) {
            return fail(ErrorCode::malformed, "a PDV is longer than its P-DATA-TF");
        }
        pdvs.push_back(
            {header->context_id, header->command, header->last, body.first(header->length)});
        body = body.subspan(header->length);
    }
    return pdvs;
}

} // namespace dcmflow::deliver
