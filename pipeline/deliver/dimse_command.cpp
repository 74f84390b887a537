#include "pipeline/deliver/dimse_command.h"

#include <algorithm>

namespace dcmflow::deliver {

namespace {

void put16(std::vector<std::byte>& out, std::uint16_t value) {
    out.push_back(static_cast<std::byte>(value & 0xFFU));
    out.push_back(static_cast<std::byte>(value >> 8U));
}

void put32(std::vector<std::byte>& out, std::uint32_t value) {
    put16(out, static_cast<std::uint16_t>(value & 0xFFFFU));
    put16(out, static_cast<std::uint16_t>(value >> 16U));
}

void put_us(std::vector<std::byte>& out, std::uint16_t element, std::uint16_t value) {
    put16(out, 0);
    put16(out, element);
    put32(out, 2);
    put16(out, value);
}

void put_uid(std::vector<std::byte>& out, std::uint16_t element, std::string_view uid) {
    put16(out, 0);
    put16(out, element);
    put32(out, static_cast<std::uint32_t>(uid.size() + uid.size() % 2));
    for (const char c : uid) {
        out.push_back(static_cast<std::byte>(c));
    }
    if (uid.size() % 2 != 0) {
        out.push_back(std::byte{0});
    }
}

// With the group length (0000,0000) in front.
std::vector<std::byte> finished(const std::vector<std::byte>& elements) {
    std::vector<std::byte> command;
    command.reserve(elements.size() + 12);
    put32(command, 0); // the tag
    put32(command, 4);
    put32(command, static_cast<std::uint32_t>(elements.size()));
    command.insert(command.end(), elements.begin(), elements.end());
    return command;
}

std::uint16_t us_of(std::span<const std::byte> value) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(value[0]) |
                                      (std::to_integer<unsigned>(value[1]) << 8U));
}

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
    std::vector<std::byte> elements;
    put_uid(elements, 0x0002, sop_class_uid);
    put_us(elements, 0x0100, 0x0001); // C-STORE-RQ
    put_us(elements, 0x0110, message_id);
    put_us(elements, 0x0700, 0x0000); // priority medium
    put_us(elements, 0x0800, 0x0001); // a data set follows
    put_uid(elements, 0x1000, sop_instance_uid);
    return finished(elements);
}

std::vector<std::byte> make_echo_rq(std::uint16_t message_id) {
    std::vector<std::byte> elements;
    put_uid(elements, 0x0002, verification_sop_class);
    put_us(elements, 0x0100, 0x0030); // C-ECHO-RQ
    put_us(elements, 0x0110, message_id);
    put_us(elements, 0x0800, no_data_set);
    return finished(elements);
}

Result<DimseResponse> parse_response(std::span<const std::byte> command_set) {
    DimseResponse response;
    bool has_status = false;
    bool has_command = false;
    std::span<const std::byte> rest = command_set;
    while (!rest.empty()) {
        if (rest.size() < 8) {
            return fail(ErrorCode::malformed, "the response ends inside an element");
        }
        const std::uint16_t group = us_of(rest);
        const std::uint16_t element = us_of(rest.subspan(2));
        const std::uint64_t length =
            us_of(rest.subspan(4)) | (std::uint64_t{us_of(rest.subspan(6))} << 16U);
        if (group != 0 || length > rest.size() - 8) {
            return fail(ErrorCode::malformed, "the response is not a command set");
        }
        const auto value = rest.subspan(8, static_cast<std::size_t>(length));
        rest = rest.subspan(8 + static_cast<std::size_t>(length));
        if (element == 0x1000) {
            response.sop_instance_uid = text_of(value);
        } else if (element == 0x0902) {
            response.error_comment = text_of(value);
        } else if (value.size() == 2) {
            const std::uint16_t us = us_of(value);
            switch (element) {
            case 0x0100:
                response.command = us;
                has_command = true;
                break;
            case 0x0120:
                response.message_id = us;
                break;
            case 0x0800:
                response.has_data_set = us != no_data_set;
                break;
            case 0x0900:
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
