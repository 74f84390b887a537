#include "pipeline/deliver/dimse_command.h"

#include "pipeline/dimse/command_set.h"

#include <algorithm>

namespace dcmflow::deliver {

namespace {

using dimse::Element;

std::string text_of(std::span<const std::byte> value) {
    std::string text;
    for (const std::byte byte : value.first(std::min<std::size_t>(value.size(), 64))) {
        const auto c = static_cast<unsigned char>(byte);
        text.push_back(c >= 0x20 && c < 0x7F ? static_cast<char>(c) : (c == 0 ? ' ' : '?'));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

} // namespace

std::vector<std::byte> make_store_rq(std::uint16_t message_id, std::string_view sop_class_uid,
                                     std::string_view sop_instance_uid) {
    dimse::CommandSetWriter set;
    set.put_uid(Element::affected_sop_class_uid, sop_class_uid);
    set.put_us(Element::command_field, dimse::c_store_rq);
    set.put_us(Element::message_id, message_id);
    set.put_us(Element::priority, 0x0000);      // medium
    set.put_us(Element::data_set_type, 0x0001); // a data set follows
    set.put_uid(Element::affected_sop_instance_uid, sop_instance_uid);
    return set.finished();
}

std::vector<std::byte> make_echo_rq(std::uint16_t message_id) {
    dimse::CommandSetWriter set;
    set.put_uid(Element::affected_sop_class_uid, dimse::verification_sop_class);
    set.put_us(Element::command_field, dimse::c_echo_rq);
    set.put_us(Element::message_id, message_id);
    set.put_us(Element::data_set_type, dimse::no_data_set);
    return set.finished();
}

Result<DimseResponse> parse_response(std::span<const std::byte> command_set) {
    DimseResponse response;
    bool has_status = false;
    bool has_command = false;
    std::span<const std::byte> rest = command_set;
    while (!rest.empty()) {
        const auto taken = dimse::take_element(rest);
        if (!taken) {
            return fail(ErrorCode::malformed,
                        taken.error() == dimse::CommandFault::ends_inside_element
                            ? "the response ends inside an element"
                            : "the response is not a command set");
        }
        const auto [element, value] = *taken;
        if (element == Element::affected_sop_instance_uid) {
            response.sop_instance_uid = text_of(value);
        } else if (element == Element::error_comment) {
            response.error_comment = text_of(value);
        } else if (value.size() == 2) {
            const std::uint16_t us = dimse::us_of(value);
            switch (element) {
            case Element::command_field:
                response.command = us;
                has_command = true;
                break;
            case Element::message_id_responded_to:
                response.message_id = us;
                break;
            case Element::data_set_type:
                response.has_data_set = us != dimse::no_data_set;
                break;
            case Element::status:
                response.status = us;
                has_status = true;
                break;
            default:
                break;
            }
        }
    }
    if (!has_command || !has_status) {
        return fail(ErrorCode::malformed, "the response has no command field or no status");
    }
    return response;
}

} // namespace dcmflow::deliver
