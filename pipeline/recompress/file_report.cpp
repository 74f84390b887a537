#include "pipeline/recompress/file_report.h"

#include "codecs/transfer_syntax.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace dcmflow::recompress {

namespace {

std::string row_name(const std::string& syntax) {
    const bool known = syntax.empty() || codecs::find_by_name(syntax) != nullptr;
    return known ? syntax : "other";
}

void count(Totals::Row& row, const FileReport& report) {
    ++row.files;
    row.bytes_in += report.bytes_in;
    row.bytes_out += report.bytes_out;
}

std::string dump(const nlohmann::ordered_json& value,
                 nlohmann::ordered_json::error_handler_t handler) {
    return value.dump(-1, ' ', false, handler);
}

bool is_utf8(const std::string& text) {
    using Handler = nlohmann::ordered_json::error_handler_t;
    return dump(text, Handler::replace) == dump(text, Handler::ignore);
}

// RFC 3986: all but unreserved characters and the slash.
std::string percent_encoded(std::string_view bytes) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-._~/";
    std::string text;
    for (const char c : bytes)
        if (plain.find(c) != std::string_view::npos)
            text += c;
        else
            text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return text;
}

} // namespace

std::string_view to_string(FileStatus status) {
    switch (status) {
    case FileStatus::compressed:
        return "compressed";
    case FileStatus::kept:
        return "kept";
    case FileStatus::copied:
        return "copied";
    case FileStatus::failed:
        return "failed";
    }
    return "failed";
}

void FileReport::fail(std::string text) {
    status = FileStatus::failed;
    error = std::move(text);
    reason.clear();
    to.clear();
    bytes_out = 0;
    verified = false;
    pixel_digest.reset();
}

std::string json_line(const FileReport& report) {
    nlohmann::ordered_json object{{"path", report.path},
                                  {"status", to_string(report.status)},
                                  {"reason", report.reason},
                                  {"from", report.from},
                                  {"to", report.to},
                                  {"frames", report.frames},
                                  {"bytes_in", report.bytes_in},
                                  {"bytes_out", report.bytes_out},
                                  {"verified", report.verified}};
    if (report.pixel_digest)
        object["pixel_digest"] = report.pixel_digest->hex();
    if (!report.error.empty())
        object["error"] = report.error;
    if (!is_utf8(report.path))
        object["path_bytes"] = percent_encoded(report.path);
    return dump(object, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

void Totals::add(const FileReport& report) {
    if (report.status == FileStatus::failed) {
        ++failed;
        return;
    }
    count(all, report);
    count(rows[{row_name(report.from), row_name(report.to)}], report);
    if (report.status != FileStatus::compressed)
        ++reasons[{report.status, report.reason}];
}

} // namespace dcmflow::recompress
