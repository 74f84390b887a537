// FileJob: one file on its way through the run, and what is made of it. FileRecompressor: the work
// on it.
//
// A job belongs to one stage at a time; dropped unfinished it leaves nothing behind. The
// recompressor is const, any thread: transcode() is CPU work (a result too large for memory also
// goes to its temporary file), store() waits for the disk. Neither throws: what goes wrong is the
// job's report.
#pragma once

#include "pipeline/budget.h"
#include "pipeline/dicom/transcode.h"
#include "pipeline/recompress/file_report.h"
#include "pipeline/recompress/memory_share.h"
#include "pipeline/recompress/source_file.h"
#include "pipeline/recompress/target_file.h"
#include "pipeline/recompress/target_tree.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::recompress {

struct FileJob {
    FileReport report;
    Credit place; // one of the files in flight
    Credit bytes; // of memory: the file's own
    Credit work;  // and what it takes to transcode it
    SourceFile source;
    std::shared_ptr<TargetFolder> folder;
    std::string name;                 // in the folder
    std::uint64_t received_bytes = 0; // of the data set, as it lies in the file
    // What store() puts there: the file that was begun, else these bytes, else the source's own.
    std::optional<TargetFile> begun;
    std::vector<std::byte> result;
    bool dropped = false;  // the run was stopped before this was worked on
    bool unlocked = false; // another run could have written the same file unnoticed
};

// UIDs of the syntaxes to try on an object, best first; its own among them ends that. If that is
// the first, why.
struct Ranking {
    std::vector<std::string> syntaxes;
    TranscodeReason reason = TranscodeReason::ok;
};
using ChooseSyntax =
    std::function<Ranking(const DataSet& data_set, std::string_view source_syntax)>;

struct FileOptions {
    std::string target_uid; // empty: `choose` says
    ChooseSyntax choose;
    FrameLoop for_each_frame;
    WorkBounds bounds; // results larger than result_in_memory go to their file as they are made
};

class FileRecompressor {
  public:
    FileRecompressor(const Transcoder& transcoder, FileOptions options);
    void transcode(FileJob& job) const noexcept;
    void store(FileJob& job) const noexcept;
    // Memory that this file may need beside its own bytes.
    [[nodiscard]] std::uint64_t work_bytes(std::span<const std::byte> file) const noexcept {
        return file_work(file, options_.target_uid, options_.bounds);
    }

  private:
    void transcode_file(FileJob& job) const;
    void transcode_smallest(FileJob& job, const DataSet& data_set, std::string_view source) const;
    void transcode_data_set(FileJob& job, const DataSet& data_set, std::string_view source,
                            std::string_view target, std::uint64_t must_beat) const;
    [[nodiscard]] TranscodeOptions transcode_options(FileJob& job, const DataSet& data_set,
                                                     std::string_view source,
                                                     std::string_view target) const;
    void store_file(FileJob& job) const;

    const Transcoder& transcoder_;
    FileOptions options_;
};

} // namespace dcmflow::recompress
