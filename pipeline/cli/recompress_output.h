// RecompressOutput: what `dcmflow recompress` shows: report lines, a progress line, and the table
// at the end.
//
// Owned by the command. add() one at a time, from any thread, beside show_progress() from another;
// the rest before and after. Lines go to the report file and, with -j, to stdout, each as soon as
// its file is done.
#pragma once

#include "pipeline/recompress/recompress.h"
#include "pipeline/result.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace dcmflow::cli {

class RecompressOutput {
  public:
    explicit RecompressOutput(bool json);
    // An existing file is replaced only if it is a report; else invalid_argument, and it stays.
    [[nodiscard]] Status open_report(const std::string& path);

    void add(const recompress::FileReport& report) noexcept;
    void show_progress(const recompress::Progress& progress); // on a terminal
    // What was said on one line must not be written over by the next.
    void say(std::string_view text);
    // The table; whether all that should be in the report is.
    [[nodiscard]] bool finish();

    [[nodiscard]] const recompress::Totals& totals() const { return totals_; }
    [[nodiscard]] std::string table() const;

  private:
    struct CloseFile {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    void clear_progress();

    const bool json_;
    const bool terminal_;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::unique_ptr<std::FILE, CloseFile> report_;
    std::string report_path_;
    recompress::Totals totals_;
    bool complete_ = true; // the report
    std::mutex terminal_mutex_;
    bool progress_shown_ = false; // guarded by terminal_mutex_
};

} // namespace dcmflow::cli
