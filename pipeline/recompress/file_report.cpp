#include "pipeline/recompress/file_report.h"

#include "codecs/transfer_syntax.h"

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
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
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
