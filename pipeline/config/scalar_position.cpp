#include "pipeline/config/scalar_position.h"

#include <algorithm>

namespace dcmflow {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::size_t skip_space(std::string_view file, std::size_t at) {
    while (at < file.size() && is_space(file[at]))
        ++at;
    return at;
}

// Bytes of an escape in double quotes that begins at the backslash (YAML 1.2, 5.7).
std::size_t escape_length(std::string_view file, std::size_t at) {
    if (at + 1 >= file.size())
        return 1;
    switch (file[at + 1]) {
    case 'x':
        return 4;
    case 'u':
        return 6;
    case 'U':
        return 10;
    default:
        return 2;
    }
}

// Bytes of UTF-8 that the escape gives.
std::size_t escape_bytes(std::string_view file, std::size_t at) {
    const auto length = escape_length(file, at);
    if (length == 2)
        return file[at + 1] == 'N' || file[at + 1] == '_'   ? 2 // U+0085, U+00A0
               : file[at + 1] == 'L' || file[at + 1] == 'P' ? 3 // U+2028, U+2029
                                                            : 1;
    unsigned long code = 0;
    for (std::size_t i = at + 2; i < std::min(at + length, file.size()); ++i) {
        const char c = file[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : 0;
        code = code * 16 + static_cast<unsigned long>(digit);
    }
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

// A line break after a backslash, with the indentation that follows, gives nothing.
bool is_escaped_break(std::string_view file, std::size_t at) {
    return at + 1 < file.size() && file[at] == '\\' &&
           (file[at + 1] == '\n' || file[at + 1] == '\r');
}

// Flow scalars: plain, '…', "…". A line break with the space around it is a run of space in the
// value.
std::size_t walk_flow(std::string_view file, std::size_t at, char quote, std::string_view value,
                      std::size_t target) {
    std::size_t done = 0;
    while (at < file.size()) {
        if (quote == '"' && is_escaped_break(file, at)) {
            at = skip_space(file, at + 1);
            continue;
        }
        if (done >= target)
            break;
        if (quote == '"' && file[at] == '\\') {
            const auto bytes = escape_bytes(file, at);
            if (done + bytes > target)
                return at;
            done += bytes;
            at += escape_length(file, at);
            continue;
        }
        const auto past = skip_space(file, at);
        if (past > at && file.substr(at, past - at).find('\n') != std::string_view::npos) {
            while (done < target && is_space(value[done]))
                ++done;
            at = past;
            continue;
        }
        at += quote == '\'' && file[at] == '\'' ? 2 : 1;
        ++done;
    }
    return at;
}

// Block scalars: | and >. The lines, without their common indentation.
std::size_t walk_block(std::string_view file, std::size_t at, std::string_view value,
                       std::size_t target) {
    at = std::min(file.find('\n', at), file.size());
    at = std::min(at + 1, file.size());
    const auto first = skip_space(file, at);
    const auto newline = file.substr(0, first).rfind('\n');
    const auto indent = first - (newline == std::string_view::npos ? 0 : newline + 1);
    const auto skip_indent = [&] {
        for (std::size_t i = 0; i < indent && at < file.size() && file[at] == ' '; ++i)
            ++at;
    };
    skip_indent();
    std::size_t done = 0;
    while (done < target && at < file.size()) {
        if (file[at] == '\r') {
            ++at;
        } else if (file[at] == '\n') { // kept, or folded to a space, or dropped after a fold
            if (is_space(value[done]))
                ++done;
            ++at;
            skip_indent();
        } else {
            ++done;
            ++at;
        }
    }
    return at;
}

} // namespace

std::size_t scalar_value_start(std::string_view file, std::size_t node_offset) {
    auto at = std::min(node_offset, file.size());
    while (at < file.size() && (file[at] == '&' || file[at] == '!')) {
        while (at < file.size() && !is_space(file[at]))
            ++at;
        at = skip_space(file, at);
    }
    return at;
}

std::size_t scalar_offset(std::string_view file, std::size_t node_offset, std::string_view value,
                          std::size_t value_offset) {
    const auto start = scalar_value_start(file, node_offset);
    const auto target = std::min(value_offset, value.size());
    if (start >= file.size())
        return file.size();
    const char first = file[start];
    const auto found = first == '|' || first == '>' ? walk_block(file, start, value, target)
                       : first == '\'' || first == '"'
                           ? walk_flow(file, start + 1, first, value, target)
                           : walk_flow(file, start, '\0', value, target);
    return std::min(found, file.size());
}

} // namespace dcmflow
