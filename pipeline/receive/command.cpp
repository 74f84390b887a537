#include "pipeline/receive/command.h"

#include "pipeline/dicom/part10.h"
#include "pipeline/receive/pdu.h"

#include <algorithm>
#include <optional>

namespace dcmflow::scp {

namespace {

using dimse::Element;

constexpr std::size_t long_string = 64; // of a value with VR LO

struct Fields {
    std::optional<std::uint16_t> field, message_id, data_set_type;
    Command command;
};

Status keep_element(Element element, std::span<const std::byte> value, Fields& fields) {
    const auto number = [&](std::optional<std::uint16_t>& into) -> Status {
        if (value.size() != 2)
            return fail(ErrorCode::malformed, "a command element that should be two bytes is not");
        into = dimse::us_of(value);
        return {};
    };
    switch (element) {
    case Element::command_field:
        return number(fields.field);
    case Element::message_id:
        return number(fields.message_id);
    case Element::data_set_type:
        return number(fields.data_set_type);
    case Element::affected_sop_class_uid:
    case Element::requested_sop_class_uid:
        fields.command.sop_class_uid = printable(value);
        return {};
    case Element::affected_sop_instance_uid:
    case Element::requested_sop_instance_uid:
        fields.command.sop_instance_uid = printable(value);
        return {};
    default:
        return {};
    }
}

std::string_view text_of(dimse::CommandFault fault) {
    switch (fault) {
    case dimse::CommandFault::ends_inside_element:
        return "the command set ends inside an element";
    case dimse::CommandFault::other_group:
        return "the command set has an element outside group 0000";
    case dimse::CommandFault::longer_than_set:
        break;
    }
    return "the command set has an element longer than itself";
}

void put_uid(dimse::CommandSetWriter& set, Element element, std::string_view uid) {
    if (is_valid_uid(uid))
        set.put_uid(element, uid);
}

} // namespace

Result<Command> parse_command(std::span<const std::byte> bytes) {
    Fields fields;
    while (!bytes.empty()) {
        const auto element = dimse::take_element(bytes);
        if (!element)
            return fail(ErrorCode::malformed, std::string(text_of(element.error())));
        if (auto status = keep_element(element->element, element->value, fields); !status)
            return tl::unexpected(status.error());
    }
    if (!fields.field || (!fields.message_id && *fields.field != dimse::c_cancel_rq))
        return fail(ErrorCode::malformed, "the command set has no command field or message ID");
    fields.command.field = *fields.field;
    fields.command.message_id = fields.message_id.value_or(0);
    fields.command.has_data_set =
        fields.data_set_type.value_or(dimse::no_data_set) != dimse::no_data_set;
    return std::move(fields.command);
}

std::vector<std::byte> make_response(const Command& request, std::uint16_t status,
                                     std::string_view comment) {
    dimse::CommandSetWriter set;
    put_uid(set, Element::affected_sop_class_uid, request.sop_class_uid);
    set.put_us(Element::command_field, request.field | dimse::response_bit);
    set.put_us(Element::message_id_responded_to, request.message_id);
    set.put_us(Element::data_set_type, dimse::no_data_set);
    set.put_us(Element::status, status);
    if (!comment.empty()) {
        auto text = printable(std::as_bytes(std::span(comment.substr(0, long_string))));
        std::ranges::replace(text, '\\', '/'); // would make it two values
        set.put_text(Element::error_comment, text);
    }
    put_uid(set, Element::affected_sop_instance_uid, request.sop_instance_uid);
    return set.finished();
}

} // namespace dcmflow::scp
