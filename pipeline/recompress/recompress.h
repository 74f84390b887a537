// Recompression: a file or a folder, transcoded into another place. Start here.
//
//   walk, open, read ──► transcode ──► store ──► report
//   caller's thread      graph, N      threads    graph, one at a time
//   (the door)           at once       (disk)
//
// The same transcode as the router's flow, on another source and sink. Bounds sit at the door: each
// file takes a place among those in flight, its size of the memory budget before it is read, and
// what it may need to be transcoded, by its image header, before it enters; an object larger than
// the budget runs alone. Small files go in parallel, the frames of large ones too. The disk is
// waited for at the door and in the storing threads; in a node only for pages of a mapped source,
// and by a result too large for memory. Nothing grows with the number of files (in a destination
// that folds case: with those of one folder). Owned by the caller; run() once, from its thread;
// progress() from any. on_report is called one at a time, on threads of the run, in the order of
// completion.
#pragma once

#include "pipeline/dicom/transcode.h"
#include "pipeline/recompress/file_job.h"
#include "pipeline/recompress/file_report.h"
#include "pipeline/recompress/paths.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dcmflow::recompress {

struct RecompressOptions {
    std::string target_uid; // empty: `choose` says, per object
    ChooseSyntax choose;
    int jobs = 0; // threads for CPU work; 0: all cores
    std::uint64_t memory = 1ULL << 30;
    std::uint64_t read_whole = 64ULL << 20;     // larger files are mapped
    std::optional<bool> destination_folds_case; // unset: tried out
};

struct Progress {
    std::atomic<std::uint64_t> files{0}; // reported
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> bytes_in{0}; // of the others
    std::atomic<std::uint64_t> bytes_out{0};
};

class Recompression {
  public:
    using OnReport = std::function<void(const FileReport&)>;
    Recompression(RecompressOptions options, const Transcoder& transcoder, OnReport on_report);

    // Until all is done, or `stop` is requested: then the files in hand are finished first. An
    // error: nothing was done, the destination cannot be used.
    [[nodiscard]] Status run(const Route& route, std::stop_token stop);
    [[nodiscard]] const Progress& progress() const { return progress_; }
    // After run(): folders whose entries may not be on disk yet, in words.
    [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }
    // And what whoever started it should know, though nothing is wrong.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
    // Whether every file was reported: a stop may come too late to leave anything out.
    [[nodiscard]] bool complete() const { return complete_; }

  private:
    RecompressOptions options_;
    const Transcoder& transcoder_;
    OnReport on_report_;
    Progress progress_;
    std::vector<std::string> problems_;
    std::vector<std::string> notes_;
    bool complete_ = false;
};

} // namespace dcmflow::recompress
