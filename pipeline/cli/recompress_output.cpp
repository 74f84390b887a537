#include "pipeline/cli/recompress_output.h"

#include "pipeline/cli/cli.h"
#include "pipeline/cli/table.h"
#include "pipeline/deliver/durable_file.h"
#include "pipeline/dicom/transcode.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dcmflow::cli {

using recompress::FileReport;
using recompress::FileStatus;

namespace {

std::string ratio(std::uint64_t before, std::uint64_t after) {
    return after == 0
               ? "-"
               : fmt::format("{:.2f}", static_cast<double>(before) / static_cast<double>(after));
}

std::string name_or_dash(const std::string& syntax) {
    return syntax.empty() ? "-" : syntax;
}

// A slip in the arguments must not cost a file: one with content is emptied only if it is a report.
Status check_replaceable(int file, const std::string& path) {
    struct stat status {};
    if (::fstat(file, &status) != 0)
        return fail_errno(errno, path);
    if (!S_ISREG(status.st_mode))
        return {}; // a pipe, a terminal
    constexpr std::string_view beginning = "{\"path\":";
    std::array<char, beginning.size()> found{};
    const bool is_report =
        ::pread(file, found.data(), found.size(), 0) == static_cast<ssize_t>(found.size()) &&
        std::string_view(found.data(), found.size()) == beginning;
    if (status.st_nlink > 1 || (status.st_size > 0 && !is_report))
        return fail(ErrorCode::invalid_argument,
                    fmt::format("the report {} exists and {}: it is not written over", path,
                                status.st_nlink > 1 ? "has another name (a hard link)"
                                                    : "is something else"));
    return ::ftruncate(file, 0) == 0 ? Status() : fail_errno(errno, path);
}

} // namespace

RecompressOutput::RecompressOutput(bool json)
    : json_(json), terminal_(::isatty(STDERR_FILENO) != 0) {}

Status RecompressOutput::open_report(const std::string& path) {
    report_path_ = path;
    deliver::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666));
    if (!file.valid())
        return fail_errno(errno, path);
    if (auto ours = check_replaceable(file.get(), path); !ours)
        return ours;
    const int stream = ::fcntl(file.get(), F_DUPFD_CLOEXEC, 0);
    report_.reset(stream < 0 ? nullptr : ::fdopen(stream, "w"));
    if (report_ == nullptr)
        return fail_errno(errno, path);
    return {};
}

void RecompressOutput::add(const FileReport& report) noexcept {
    try {
        totals_.add(report);
        if (report.status == FileStatus::failed)
            say(printable(fmt::format("dcmflow: {}: {}", report.path, report.error)));
        else if (report.reason == to_string(TranscodeReason::verify_failed))
            say(printable(fmt::format(
                "dcmflow: {}: decoded pixels differ from the source: a bug in a codec; the "
                "original was kept",
                report.path)));
        if (report_ == nullptr && !json_)
            return;
        const auto line = json_line(report);
        if (json_)
            print(line);
        if (report_ != nullptr &&
            (std::fputs(line.c_str(), report_.get()) < 0 || std::fflush(report_.get()) != 0))
            complete_ = false;
    } catch (...) { // out of memory
        complete_ = false;
    }
}

void RecompressOutput::show_progress(const recompress::Progress& progress) {
    if (!terminal_)
        return;
    const std::uint64_t in = progress.bytes_in;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start_);
    const std::uint64_t failed = progress.failed;
    const auto line =
        fmt::format("\r\x1b[K{} files, {}, {}, ratio {}{}", human_count(progress.files),
                    human_size(in), human_rate(in, took), ratio(in, progress.bytes_out),
                    failed > 0 ? fmt::format(", {} failed", human_count(failed)) : "");
    const std::lock_guard lock(terminal_mutex_);
    progress_shown_ = true;
    std::fputs(line.c_str(), stderr);
}

void RecompressOutput::say(std::string_view text) {
    const std::lock_guard lock(terminal_mutex_);
    clear_progress();
    talk(text);
}

void RecompressOutput::clear_progress() {
    if (progress_shown_)
        std::fputs("\r\x1b[K", stderr);
    progress_shown_ = false;
}

bool RecompressOutput::finish() {
    {
        const std::lock_guard lock(terminal_mutex_);
        clear_progress();
    }
    if (!json_)
        print(table());
    if (report_ == nullptr)
        return complete_;
    if (std::fclose(report_.release()) != 0)
        complete_ = false;
    talk(printable(complete_ ? "report: " + report_path_
                             : "dcmflow: " + report_path_ + " could not be written whole"));
    return complete_;
}

std::string RecompressOutput::table() const {
    const auto cells = [](std::string from, std::string to, const recompress::Totals::Row& row) {
        return std::vector<std::string>{
            std::move(from),           std::move(to),
            human_count(row.files),    human_size(row.bytes_in),
            human_size(row.bytes_out), ratio(row.bytes_in, row.bytes_out)};
    };
    Table files({{"from"},
                 {"to"},
                 {"files", Align::right},
                 {"before", Align::right},
                 {"after", Align::right},
                 {"ratio", Align::right}});
    for (const auto& [syntaxes, row] : totals_.rows)
        files.row(cells(name_or_dash(syntaxes.first), name_or_dash(syntaxes.second), row));
    files.row(cells("all", "", totals_.all));
    std::string text = files.text();
    if (!totals_.reasons.empty()) {
        Table reasons({{"not compressed"}, {"why"}, {"files", Align::right}});
        for (const auto& [why, count] : totals_.reasons)
            reasons.row({std::string(to_string(why.first)), why.second, human_count(count)});
        text += "\n" + reasons.text();
    }
    if (totals_.failed > 0)
        text += fmt::format("\nfailed: {}\n", human_count(totals_.failed));
    return text;
}

} // namespace dcmflow::cli
