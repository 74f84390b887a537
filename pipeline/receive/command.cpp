#include "pipeline/receive/command.h"

#include "pipeline/dicom/part10.h"
#include "pipeline/receive/pdu.h"

#include <algorithm>
#include <optional>

namespace dcmflow::scp {

namespace {

constexpr std::uint16_t no_data_set = 0x0101;
constexpr std::size_t element_header_bytes = 8;
constexpr std::size_t long_string = 64; // of a value with VR LO

enum Element : std::uint16_t { // of group 0000
    group_length = 0x0000,
    affected_sop_class_uid = 0x0002,
    requested_sop_class_uid = 0x0003,
    command_field = 0x0100,
    message_id = 0x0110,
    message_id_responded_to = 0x0120,
    data_set_type = 0x0800,
    status_element = 0x0900,
    error_comment = 0x0902,
    affected_sop_instance_uid = 0x1000,
    requested_sop_instance_uid = 0x1001,
};

std::uint32_t little(std::span<const std::byte> bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = (value << 8) | std::to_integer<std::uint32_t>(bytes[i]);
    return value;
}

struct Fields {
    std::optional<std::uint16_t> field, message_id, data_set_type;
    Command command;
};

Status take_element(std::uint16_t element, std::span<const std::byte> value, Fields& fields) {
    const auto number = [&](std::optional<std::uint16_t>& into) -> Status {
        if (value.size() != 2)
            return fail(ErrorCode::malformed, "a command element that should be two bytes is not");
        into = static_cast<std::uint16_t>(little(value));
        return {};
    };
    switch (element) {
    case command_field:
        return number(fields.field);
    case message_id:
        return number(fields.message_id);
    case data_set_type:
        return number(fields.data_set_type);
    case affected_sop_class_uid:
    case requested_sop_class_uid:
        fields.command.sop_class_uid = printable(value);
        return {};
    case affected_sop_instance_uid:
    case requested_sop_instance_uid:
        fields.command.sop_instance_uid = printable(value);
        return {};
    default:
        return {};
    }
}

void put_element(std::vector<std::byte>& out, std::uint16_t element, std::string_view value) {
    const auto put = [&](std::size_t number, int bytes) {
        for (int i = 0; i < bytes; ++i, number >>= 8)
            out.push_back(static_cast<std::byte>(number & 0xFF));
    };
    put(0, 2);
    put(element, 2);
    put(value.size(), 4);
    const auto bytes = std::as_bytes(std::span(value));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_number(std::vector<std::byte>& out, std::uint16_t element, std::uint32_t value,
                std::size_t bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes; ++i, value >>= 8)
        text.push_back(static_cast<char>(value & 0xFF));
    put_element(out, element, text);
}

void put_uid(std::vector<std::byte>& out, std::uint16_t element, std::string uid) {
    if (!is_valid_uid(uid))
        return;
    if (uid.size() % 2 != 0)
        uid.push_back('\0');
    put_element(out, element, uid);
}

} // namespace

Result<Command> parse_command(std::span<const std::byte> bytes) {
    Fields fields;
    while (!bytes.empty()) {
        if (bytes.size() < element_header_bytes)
            return fail(ErrorCode::malformed, "the command set ends inside an element");
        const auto group = little(bytes.first(2));
        const auto element = static_cast<std::uint16_t>(little(bytes.subspan(2, 2)));
        const std::size_t length = little(bytes.subspan(4, 4));
        if (group != 0)
            return fail(ErrorCode::malformed, "the command set has an element outside group 0000");
        if (length > bytes.size() - element_header_bytes)
            return fail(ErrorCode::malformed, "the command set has an element longer than itself");
        const auto value = bytes.subspan(element_header_bytes, length);
        if (auto status = take_element(element, value, fields); !status)
            return tl::unexpected(status.error());
        bytes = bytes.subspan(element_header_bytes + length);
    }
    if (!fields.field || (!fields.message_id && *fields.field != c_cancel_rq))
        return fail(ErrorCode::malformed, "the command set has no command field or message ID");
    fields.command.field = *fields.field;
    fields.command.message_id = fields.message_id.value_or(0);
    fields.command.has_data_set = fields.data_set_type.value_or(no_data_set) != no_data_set;
    return std::move(fields.command);
}

std::vector<std::byte> make_response(const Command& request, std::uint16_t status,
                                     std::string_view comment) {
    std::vector<std::byte> elements;
    put_uid(elements, affected_sop_class_uid, request.sop_class_uid);
    put_number(elements, command_field, request.field | response_bit, 2);
    put_number(elements, message_id_responded_to, request.message_id, 2);
    put_number(elements, data_set_type, no_data_set, 2);
    put_number(elements, status_element, status, 2);
    if (!comment.empty()) {
        auto text = printable(std::as_bytes(std::span(comment.substr(0, long_string))));
        std::ranges::replace(text, '\\', '/'); // would make it two values
        if (text.size() % 2 != 0)
            text.push_back(' ');
        put_element(elements, error_comment, text);
    }
    put_uid(elements, affected_sop_instance_uid, request.sop_instance_uid);

    std::vector<std::byte> set;
    put_number(set, group_length, static_cast<std::uint32_t>(elements.size()), 4);
    set.insert(set.end(), elements.begin(), elements.end());
    return set;
}

} // namespace dcmflow::scp
