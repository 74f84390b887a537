// FileReport: what became of one file; its line of the report; Totals: many of them in one table's
// worth of numbers.
//
// Values. Totals do not grow with the number of files: transfer syntaxes that we do not know share
// a row. One thread at a time.
#pragma once

#include "pipeline/dicom/instance.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dcmflow::recompress {

enum class FileStatus : std::uint8_t {
    compressed, // in the target syntax now, every pixel as it was
    kept,       // DICOM, and its original bytes went to the destination; the reason says why
    copied,     // not for us to change: copied byte for byte
    failed,     // nothing under that name in the destination is new
};
[[nodiscard]] std::string_view to_string(FileStatus status);

struct FileReport {
    std::string path; // of the source
    FileStatus status = FileStatus::failed;
    std::string reason; // kept: to_string of TranscodeReason or ScanFault; copied: not_dicom,
                        // dicomdir, symlink
    std::string error;  // failed: one sentence
    std::string from;   // display names of transfer syntaxes; empty if there is none
    std::string to;
    std::uint32_t frames = 0;
    std::uint64_t bytes_in = 0; // whole files
    std::uint64_t bytes_out = 0;
    bool verified = false;
    std::optional<Digest> pixel_digest;

    void fail(std::string text); // failed, and why: nothing else is claimed of the result
};

// One JSON object and a line end (design §8). Bytes that are not UTF-8 become U+FFFD; a path with
// such bytes is there once more, percent-encoded, as path_bytes.
[[nodiscard]] std::string json_line(const FileReport& report);

struct Totals {
    struct Row {
        std::uint64_t files = 0;
        std::uint64_t bytes_in = 0;
        std::uint64_t bytes_out = 0;
    };
    std::map<std::pair<std::string, std::string>, Row> rows; // from and to; all but the failed
    std::map<std::pair<FileStatus, std::string>, std::uint64_t> reasons; // of the kept and copied
    Row all;                                                             // but the failed
    std::uint64_t failed = 0;

    void add(const FileReport& report);
};

} // namespace dcmflow::recompress
