#include "pipeline/recompress/file_job.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/dicom/size_trial.h"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <new>
#include <sys/stat.h>

#include <fcntl.h>

namespace dcmflow::recompress {

namespace {

constexpr std::string_view directory_class = "1.2.840.10008.1.3.10"; // Media Storage Directory
constexpr std::uint64_t object_ceiling = 1ULL
                                         << 40; // mapped: only the walk over its elements counts

bool has_magic(std::span<const std::byte> file) {
    constexpr std::string_view magic = "DICM";
    return file.size() >= 132 &&
           std::equal(magic.begin(), magic.end(), file.begin() + 128,
                      [](char c, std::byte b) { return static_cast<std::byte>(c) == b; });
}

Status begin(FileJob& job) {
    auto file = TargetFile::create(job.folder->get(), job.name);
    if (!file)
        return tl::unexpected(file.error());
    job.unlocked = job.unlocked || !file->is_locked();
    job.begun = std::move(*file);
    return {};
}

// The whole new file: in memory while it is small, under its temporary name once it is not.
class ResultSink final : public ByteSink {
  public:
    ResultSink(FileJob& job, std::vector<std::byte> meta, std::uint64_t in_memory)
        : job_(job), base_(meta.size()), in_memory_(in_memory) {
        job.result = std::move(meta);
    }

    bool write(std::span<const std::byte> bytes) override {
        if (!job_.begun && job_.result.size() + bytes.size() > in_memory_ && !spill())
            return false;
        if (!job_.begun) {
            job_.result.insert(job_.result.end(), bytes.begin(), bytes.end());
            return true;
        }
        // In pieces: they may be the source's own pages.
        constexpr std::size_t piece = 8U << 20;
        for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
            if (!keep(job_.begun->write(bytes.first(std::min(piece, bytes.size())))))
                return false;
            job_.source.consumed(std::min(piece, bytes.size()));
        }
        return true;
    }

    bool patch(std::uint64_t offset, std::span<const std::byte> bytes) override {
        if (job_.begun)
            return keep(job_.begun->patch(base_ + offset, bytes));
        const auto size = job_.result.size() - base_;
        if (offset > size || bytes.size() > size - offset)
            return false;
        std::copy(bytes.begin(), bytes.end(),
                  job_.result.begin() + static_cast<std::ptrdiff_t>(base_ + offset));
        return true;
    }

    [[nodiscard]] const Status& status() const { return status_; }

  private:
    bool spill() {
        if (!keep(begin(job_)))
            return false;
        const bool written = keep(job_.begun->write(job_.result));
        job_.result = {};
        return written;
    }
    bool keep(Status status) {
        if (!status && status_)
            status_ = std::move(status);
        return status_.has_value();
    }

    FileJob& job_;
    std::uint64_t base_;
    std::uint64_t in_memory_;
    Status status_;
};

// Nothing leaves a stage: what a body throws is the file's failure.
template <class Body> void guarded(FileJob& job, const Body& body) noexcept {
    try {
        try {
            body();
            return;
        } catch (const std::bad_alloc&) {
            job.report.fail("out of memory");
        } catch (const std::exception& error) {
            job.report.fail(fmt::format("internal error: {}", error.what()));
        }
    } catch (...) {
        job.report.status = FileStatus::failed; // no memory even for the words
    }
}

void keep_original(FileReport& report, FileStatus status, std::string_view reason) {
    report.status = status;
    report.reason = reason;
    report.to = report.from;
}

// From one compression to another nothing is gained by a larger file (a native target is none).
bool is_encapsulated(std::string_view source) {
    const auto* syntax = codecs::find_by_uid(source);
    return syntax == nullptr || syntax->encapsulated;
}

// Replacing a file by what was made of it is not what SRC DST promises.
bool is_same_file(const FileJob& job) {
    struct stat there {};
    return ::fstatat(job.folder->get(), job.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           there.st_dev == job.source.status().st_dev && there.st_ino == job.source.status().st_ino;
}

} // namespace

FileRecompressor::FileRecompressor(const Transcoder& transcoder, FileOptions options)
    : transcoder_(transcoder), options_(std::move(options)) {}

void FileRecompressor::transcode(FileJob& job) const noexcept {
    guarded(job, [&] {
        transcode_file(job);
        // Whatever the transcoder makes of a source that changes under it, that is the reason.
        if (const auto same = job.source.unchanged(); !same)
            job.report.fail(same.error().text);
    });
    if (job.report.status != FileStatus::compressed) { // the original goes, or nothing
        job.begun.reset();
        job.result = {};
    }
}

void FileRecompressor::transcode_file(FileJob& job) const {
    auto& report = job.report;
    if (is_same_file(job))
        return report.fail("source and destination are the same file");
    const auto file = job.source.bytes();
    const auto meta = read_file_meta(file);
    if (!meta)
        return has_magic(file) ? keep_original(report, FileStatus::kept, "bad_file_meta")
                               : keep_original(report, FileStatus::copied, "not_dicom");
    const std::string& source = meta->transfer_syntax_uid;
    report.from = codecs::display_name(source);
    if (meta->sop_class_uid == directory_class)
        return keep_original(report, FileStatus::copied, "dicomdir");
    if (source == options_.target_uid)
        return keep_original(report, FileStatus::kept, to_string(TranscodeReason::same_syntax));
    const ScanLimits limits{.object_bytes = object_ceiling};
    const auto opened = OpenedDataSet::open(
        file.subspan(static_cast<std::size_t>(meta->dataset_offset)), source, limits);
    job.received_bytes = file.size() - meta->dataset_offset;
    job.source.consumed(0);
    if (!opened)
        return keep_original(report, FileStatus::kept, to_string(opened.error().fault));
    const auto& data_set = opened->data_set();
    if (options_.target_uid.empty())
        transcode_smallest(job, data_set, source);
    else
        transcode_data_set(job, data_set, source, options_.target_uid,
                           is_encapsulated(source) ? job.received_bytes : UINT64_MAX);
}

// The trial may err, and some frame may have what the sample had not: then the next one.
void FileRecompressor::transcode_smallest(FileJob& job, const DataSet& data_set,
                                          std::string_view source) const {
    const auto ranking = options_.choose(data_set, source);
    std::string first_reason(to_string(ranking.reason));
    for (const auto& target : ranking.syntaxes) {
        if (target == source)
            break;
        transcode_data_set(job, data_set, source, target,
                           auto_must_beat(source, job.received_bytes));
        if (job.report.status != FileStatus::kept)
            return;
        if (&target == &ranking.syntaxes.front())
            first_reason = job.report.reason;
        job.begun.reset();
        job.result = {};
        if (job.report.reason == to_string(TranscodeReason::incompressible))
            break; // those after it would be larger
    }
    keep_original(job.report, FileStatus::kept, first_reason);
}

void FileRecompressor::transcode_data_set(FileJob& job, const DataSet& data_set,
                                          std::string_view source, std::string_view target,
                                          std::uint64_t must_beat) const {
    auto& report = job.report;
    auto meta = rewrite_file_meta(job.source.bytes(), target);
    if (!meta)
        return report.fail(meta.error().text);
    ResultSink sink(job, std::move(*meta), options_.bounds.result_in_memory);
    auto how = transcode_options(job, data_set, source, target);
    how.source_bytes = job.received_bytes;
    how.must_beat = must_beat;
    const auto outcome = transcoder_.transcode(data_set, source, target, how, sink);
    report.frames = outcome.frames;
    if (!sink.status())
        return report.fail(sink.status().error().text);
    if (outcome.reason != TranscodeReason::ok)
        return keep_original(report, FileStatus::kept, to_string(outcome.reason));
    report.status = FileStatus::compressed;
    report.to = codecs::display_name(target);
    report.verified = outcome.verified;
    report.pixel_digest = outcome.pixel_digest;
}

TranscodeOptions FileRecompressor::transcode_options(FileJob& job, const DataSet& data_set,
                                                     std::string_view source,
                                                     std::string_view target) const {
    const auto pixels = pixel_format_of(data_set);
    const std::uint64_t frame =
        pixels ? std::max<std::uint64_t>(1, pixels->format.frame_bytes()) : 1;
    TranscodeOptions how;
    if (pixels)
        how.frames_at_once = frames_at_once(*pixels, source, target, options_.bounds);
    how.for_each_frame = [this, &job, frame](std::size_t count, const auto& body) {
        if (options_.for_each_frame)
            options_.for_each_frame(count, body);
        else
            for (std::size_t n = 0; n < count; ++n)
                body(n);
        job.source.consumed(count * frame);
    };
    return how;
}

void FileRecompressor::store(FileJob& job) const noexcept {
    if (job.report.status != FileStatus::failed)
        guarded(job, [&] { store_file(job); });
    // Before the report is heard: what it says is then so.
    job.begun.reset();
    job.result = {};
}

void FileRecompressor::store_file(FileJob& job) const {
    const auto put = [&]() -> Status {
        if (!job.begun) {
            if (auto begun = begin(job); !begun)
                return begun;
            const auto write = [&](auto piece) { return job.begun->write(piece); };
            const auto written = job.result.empty() ? job.source.each_piece(write)
                                                    : write(std::span<const std::byte>(job.result));
            if (!written)
                return written;
        }
        if (auto same = job.source.unchanged(); !same)
            return same;
        return job.begun->finish(job.source.status().st_mtim);
    };
    if (const auto done = put(); !done)
        return job.report.fail(done.error().text);
    job.folder->changed();
    job.report.bytes_out = job.begun->size();
}

} // namespace dcmflow::recompress
