#include "pipeline/receive/pdu.h"

#include "pipeline/dicom/part10.h"

#include <algorithm>
#include <bitset>

namespace dcmflow::scp {

namespace {

enum class Item : std::uint8_t {
    application_context = 0x10,
    presentation_context_rq = 0x20,
    presentation_context_ac = 0x21,
    abstract_syntax = 0x30,
    transfer_syntax = 0x40,
    user_information = 0x50,
    maximum_length = 0x51,
    implementation_class_uid = 0x52,
    asynchronous_window = 0x53,
    implementation_version = 0x55,
};
constexpr std::size_t fixed_fields = 68; // protocol version, AE titles, reserved (PS3.8 table 9-11)
constexpr std::size_t item_header_bytes = 4;
constexpr std::size_t most_syntaxes = 256; // kept of one context; a real peer proposes a few dozen

std::uint16_t get16(std::span<const std::byte> at) {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(at[0]) << 8) |
                                      std::to_integer<unsigned>(at[1]));
}

std::uint32_t get32(std::span<const std::byte> at) {
    return (std::uint32_t{get16(at)} << 16) | get16(at.subspan(2));
}

void put8(std::vector<std::byte>& out, unsigned value) {
    out.push_back(static_cast<std::byte>(value & 0xFF));
}

void put16(std::vector<std::byte>& out, std::size_t value) {
    put8(out, static_cast<unsigned>(value >> 8));
    put8(out, static_cast<unsigned>(value));
}

void put32(std::vector<std::byte>& out, std::size_t value) {
    put16(out, value >> 16);
    put16(out, value);
}

void put_text(std::vector<std::byte>& out, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_item(std::vector<std::byte>& out, Item type, std::string_view value) {
    put8(out, static_cast<unsigned>(type));
    put8(out, 0);
    put16(out, value.size());
    put_text(out, value);
}

void put_item(std::vector<std::byte>& out, Item type, std::span<const std::byte> value) {
    put8(out, static_cast<unsigned>(type));
    put8(out, 0);
    put16(out, value.size());
    out.insert(out.end(), value.begin(), value.end());
}

struct RawItem {
    Item type{};
    std::span<const std::byte> value;
};

// Takes one item off the front; malformed if it does not fit.
Result<RawItem> take_item(std::span<const std::byte>& rest) {
    if (rest.size() < item_header_bytes)
        return fail(ErrorCode::malformed, "A-ASSOCIATE-RQ ends inside an item's header");
    const std::size_t length = get16(rest.subspan(2));
    if (length > rest.size() - item_header_bytes)
        return fail(ErrorCode::malformed, "A-ASSOCIATE-RQ has an item longer than what holds it");
    const RawItem item{static_cast<Item>(rest[0]), rest.subspan(item_header_bytes, length)};
    rest = rest.subspan(item_header_bytes + length);
    return item;
}

// A UID with the padding that some peers add; empty if it is none.
std::string_view uid_of(std::span<const std::byte> value) {
    std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
    while (!text.empty() && (text.back() == '\0' || text.back() == ' '))
        text.remove_suffix(1);
    return is_valid_uid(text) ? text : std::string_view{};
}

Result<ProposedContext> parse_context(std::span<const std::byte> value) {
    if (value.size() < 4)
        return fail(ErrorCode::malformed,
                    "A-ASSOCIATE-RQ has a presentation context without an ID");
    ProposedContext context;
    context.id = std::to_integer<std::uint8_t>(value[0]);
    if (context.id % 2 == 0)
        return fail(ErrorCode::malformed, "A-ASSOCIATE-RQ has an even presentation context ID");
    auto rest = value.subspan(4);
    while (!rest.empty()) {
        const auto item = take_item(rest);
        if (!item)
            return tl::unexpected(item.error());
        const auto uid = uid_of(item->value);
        if (item->type == Item::abstract_syntax)
            context.abstract_syntax = uid;
        else if (item->type == Item::transfer_syntax && !uid.empty() &&
                 context.transfer_syntaxes.size() < most_syntaxes)
            context.transfer_syntaxes.push_back(uid);
    }
    return context;
}

Status parse_user_information(std::span<const std::byte> rest, AssociateRequest& request) {
    while (!rest.empty()) {
        const auto item = take_item(rest);
        if (!item)
            return tl::unexpected(item.error());
        if (item->type == Item::maximum_length) {
            if (item->value.size() != 4)
                return fail(ErrorCode::malformed,
                            "A-ASSOCIATE-RQ has a maximum length that is not four bytes");
            request.max_pdu = get32(item->value);
        } else if (item->type == Item::asynchronous_window) {
            request.asynchronous_window = true;
        } else if (item->type == Item::implementation_version) {
            request.implementation_version =
                printable(item->value.first(std::min<std::size_t>(item->value.size(), 16)));
        }
        // Roles, extended negotiation and user identity: not answered, so the defaults hold (PS3.7
        // D.3.3).
    }
    return {};
}

} // namespace

std::string printable(std::span<const std::byte> text) {
    std::string out(reinterpret_cast<const char*>(text.data()), text.size());
    const auto end = out.find_last_not_of(std::string_view(" \0", 2));
    out.erase(end == std::string::npos ? 0 : end + 1);
    out.erase(0, out.find_first_not_of(' '));
    std::ranges::replace_if(
        out, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
    return out;
}

PduHeader parse_pdu_header(std::span<const std::byte, pdu_header_bytes> bytes) {
    return {std::to_integer<std::uint8_t>(bytes[0]), get32(bytes.subspan(2))};
}

Result<PdvHeader> parse_pdv_header(std::span<const std::byte, pdv_header_bytes> bytes) {
    const auto length = get32(bytes);
    if (length < 2)
        return fail(ErrorCode::malformed, "a PDV without a context ID and control header");
    const auto control = std::to_integer<unsigned>(bytes[5]);
    return PdvHeader{length - 2, std::to_integer<std::uint8_t>(bytes[4]), (control & 1) != 0,
                     (control & 2) != 0};
}

Result<AssociateRequest> parse_associate_rq(std::span<const std::byte> body) {
    if (body.size() < fixed_fields)
        return fail(ErrorCode::malformed, "A-ASSOCIATE-RQ is shorter than its fixed fields");
    AssociateRequest request;
    request.protocol_version = get16(body);
    request.called_aet = printable(body.subspan(4, 16));
    request.calling_aet = printable(body.subspan(20, 16));
    std::ranges::copy(body.subspan(4, 64), request.echoed.begin());

    std::bitset<256> seen;
    auto rest = body.subspan(fixed_fields);
    while (!rest.empty()) {
        const auto item = take_item(rest);
        if (!item)
            return tl::unexpected(item.error());
        if (item->type == Item::application_context) {
            request.application_context = uid_of(item->value);
        } else if (item->type == Item::presentation_context_rq) {
            auto context = parse_context(item->value);
            if (!context)
                return tl::unexpected(context.error());
            if (seen.test(context->id))
                return fail(ErrorCode::malformed,
                            "A-ASSOCIATE-RQ uses a presentation context ID twice");
            seen.set(context->id); // odd and unique: at most 128 of them
            request.contexts.push_back(std::move(*context));
        } else if (item->type == Item::user_information) {
            if (auto status = parse_user_information(item->value, request); !status)
                return tl::unexpected(status.error());
        } // items that we do not know are to be ignored (PS3.8 9.3.1)
    }
    if (request.contexts.empty())
        return fail(ErrorCode::malformed, "A-ASSOCIATE-RQ proposes no presentation context");
    return request;
}

std::vector<std::byte> make_associate_ac(const AssociateRequest& request,
                                         std::span<const ContextAnswer> answers) {
    std::vector<std::byte> body;
    put16(body, 1); // protocol version
    put16(body, 0);
    body.insert(body.end(), request.echoed.begin(), request.echoed.end());
    put_item(body, Item::application_context, dicom_application_context);
    for (const auto& answer : answers) {
        std::vector<std::byte> context;
        put8(context, answer.id);
        put8(context, 0);
        put8(context, static_cast<unsigned>(answer.result));
        put8(context, 0);
        // Not significant for a refused context, but parsers want one (PS3.8 table 9-18).
        const bool accepted = answer.result == ContextResult::accepted;
        put_item(context, Item::transfer_syntax,
                 accepted ? answer.transfer_syntax : "1.2.840.10008.1.2");
        put_item(body, Item::presentation_context_ac, context);
    }
    std::vector<std::byte> user;
    std::vector<std::byte> length;
    put32(length, announced_max_pdu);
    put_item(user, Item::maximum_length, length);
    put_item(user, Item::implementation_class_uid, implementation_class_uid);
    if (request.asynchronous_window) {
        std::vector<std::byte> one_each;
        put16(one_each, 1);
        put16(one_each, 1);
        put_item(user, Item::asynchronous_window, one_each);
    }
    put_item(user, Item::implementation_version, implementation_version_name);
    put_item(body, Item::user_information, user);

    std::vector<std::byte> pdu;
    put8(pdu, static_cast<unsigned>(PduType::associate_ac));
    put8(pdu, 0);
    put32(pdu, body.size());
    pdu.insert(pdu.end(), body.begin(), body.end());
    return pdu;
}

namespace {

ShortPdu short_pdu(PduType type, std::uint8_t second, std::uint8_t third, std::uint8_t fourth) {
    return {std::byte(type), std::byte{0}, std::byte{0},      std::byte{0},     std::byte{0},
            std::byte{4},    std::byte{0}, std::byte{second}, std::byte{third}, std::byte{fourth}};
}

} // namespace

ShortPdu make_associate_rj(const Rejection& rejection) {
    return short_pdu(PduType::associate_rj, rejection.result, rejection.source, rejection.reason);
}

ShortPdu make_release_rp() {
    return short_pdu(PduType::release_rp, 0, 0, 0);
}

ShortPdu make_abort_by_user() {
    return short_pdu(PduType::abort, 0, 0, 0);
}

ShortPdu make_abort_by_provider(AbortReason reason) {
    return short_pdu(PduType::abort, 0, 2, static_cast<std::uint8_t>(reason));
}

std::vector<std::byte> make_command_pdus(std::uint8_t context_id,
                                         std::span<const std::byte> command,
                                         std::uint32_t peer_max_pdu) {
    constexpr std::size_t smallest =
        128; // a peer that claims less could not hold a response at all
    const std::size_t pdu = peer_max_pdu == 0 ? command.size() + pdv_header_bytes
                                              : std::max<std::size_t>(peer_max_pdu, smallest);
    std::vector<std::byte> out;
    do {
        const auto fragment = command.first(std::min(command.size(), pdu - pdv_header_bytes));
        command = command.subspan(fragment.size());
        put8(out, static_cast<unsigned>(PduType::data));
        put8(out, 0);
        put32(out, fragment.size() + pdv_header_bytes);
        put32(out, fragment.size() + 2);
        put8(out, context_id);
        put8(out, command.empty() ? 3U : 1U);
        out.insert(out.end(), fragment.begin(), fragment.end());
    } while (!command.empty());
    return out;
}

} // namespace dcmflow::scp
