#include "pipeline/receive/pdu.h"

#include "pipeline/dicom/part10.h"
#include "pipeline/dimse/item.h"

#include <algorithm>
#include <bitset>

namespace dcmflow::scp {

namespace {

using dimse::Item;
using dimse::ItemType;
using dimse::PduType;
using dimse::put16;
using dimse::put32;
using dimse::put8;

constexpr std::size_t most_syntaxes = 256; // kept of one context; a real peer proposes a few dozen

// Takes one item off the front; malformed if it does not fit.
Result<Item> take_item(std::span<const std::byte>& rest) {
    if (const auto item = dimse::take_item(rest))
        return *item;
    return fail(ErrorCode::malformed, rest.size() < dimse::item_header_bytes
                                          ? "A-ASSOCIATE-RQ ends inside an item's header"
                                          : "A-ASSOCIATE-RQ has an item longer than what holds it");
}

// A UID with the padding that some peers add; empty if it is none.
std::string_view uid_of(std::span<const std::byte> value) {
    const auto text = dimse::unpadded(value);
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
        if (item->type == ItemType::abstract_syntax)
            context.abstract_syntax = uid;
        else if (item->type == ItemType::transfer_syntax && !uid.empty() &&
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
        if (item->type == ItemType::maximum_length) {
            if (item->value.size() != 4)
                return fail(ErrorCode::malformed,
                            "A-ASSOCIATE-RQ has a maximum length that is not four bytes");
            request.max_pdu = dimse::get32(item->value);
        } else if (item->type == ItemType::asynchronous_window) {
            request.asynchronous_window = true;
        } else if (item->type == ItemType::implementation_version) {
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

Result<AssociateRequest> parse_associate_rq(std::span<const std::byte> body) {
    if (body.size() < dimse::associate_fixed_bytes)
        return fail(ErrorCode::malformed, "A-ASSOCIATE-RQ is shorter than its fixed fields");
    AssociateRequest request;
    request.protocol_version = dimse::get16(body);
    request.called_aet = printable(body.subspan(4, 16));
    request.calling_aet = printable(body.subspan(20, 16));
    std::ranges::copy(body.subspan(4, 64), request.echoed.begin());

    std::bitset<256> seen;
    auto rest = body.subspan(dimse::associate_fixed_bytes);
    while (!rest.empty()) {
        const auto item = take_item(rest);
        if (!item)
            return tl::unexpected(item.error());
        if (item->type == ItemType::application_context) {
            request.application_context = uid_of(item->value);
        } else if (item->type == ItemType::presentation_context_rq) {
            auto context = parse_context(item->value);
            if (!context)
                return tl::unexpected(context.error());
            if (seen.test(context->id))
                return fail(ErrorCode::malformed,
                            "A-ASSOCIATE-RQ uses a presentation context ID twice");
            seen.set(context->id); // odd and unique: at most 128 of them
            request.contexts.push_back(std::move(*context));
        } else if (item->type == ItemType::user_information) {
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
    put_item(body, ItemType::application_context, dimse::dicom_application_context);
    for (const auto& answer : answers) {
        std::vector<std::byte> context;
        put8(context, answer.id);
        put8(context, 0);
        put8(context, static_cast<unsigned>(answer.result));
        put8(context, 0);
        // Not significant for a refused context, but parsers want one (PS3.8 table 9-18).
        const bool accepted = answer.result == ContextResult::accepted;
        put_item(context, ItemType::transfer_syntax,
                 accepted ? answer.transfer_syntax : "1.2.840.10008.1.2");
        put_item(body, ItemType::presentation_context_ac, context);
    }
    std::vector<std::byte> user;
    std::vector<std::byte> length;
    put32(length, announced_max_pdu);
    put_item(user, ItemType::maximum_length, length);
    put_item(user, ItemType::implementation_class_uid, implementation_class_uid);
    if (request.asynchronous_window) {
        std::vector<std::byte> one_each;
        put16(one_each, 1);
        put16(one_each, 1);
        put_item(user, ItemType::asynchronous_window, one_each);
    }
    put_item(user, ItemType::implementation_version, implementation_version_name);
    put_item(body, ItemType::user_information, user);

    return dimse::make_pdu(PduType::associate_ac, body);
}

dimse::ShortPdu make_associate_rj(const Rejection& rejection) {
    return dimse::make_short_pdu(PduType::associate_rj, rejection.result, rejection.source,
                                 rejection.reason);
}

dimse::ShortPdu make_abort_by_provider(AbortReason reason) {
    return dimse::make_short_pdu(PduType::abort, 0, 2, static_cast<std::uint8_t>(reason));
}

std::vector<std::byte> make_command_pdus(std::uint8_t context_id,
                                         std::span<const std::byte> command,
                                         std::uint32_t peer_max_pdu) {
    constexpr std::size_t smallest =
        128; // a peer that claims less could not hold a response at all
    const std::size_t pdu = peer_max_pdu == 0 ? command.size() + dimse::pdv_header_bytes
                                              : std::max<std::size_t>(peer_max_pdu, smallest);
    std::vector<std::byte> out;
    do {
        const auto fragment =
            command.first(std::min(command.size(), pdu - dimse::pdv_header_bytes));
        command = command.subspan(fragment.size());
        const auto header =
            dimse::make_data_header(context_id, true, command.empty(), fragment.size());
        out.insert(out.end(), header.begin(), header.end());
        out.insert(out.end(), fragment.begin(), fragment.end());
    } while (!command.empty());
    return out;
}

} // namespace dcmflow::scp
