#include "pipeline/receive/intake.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/receive/spool_reception.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace dcmflow {

namespace {

constexpr std::uint64_t first_admission = 256U << 10;

struct FolderSize {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};

// Blobs only: the notes that say why are small, and one per blob.
FolderSize size_of(const std::filesystem::path& folder) {
    FolderSize size;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        std::error_code ignored;
        const auto bytes = entry->file_size(ignored);
        if (ignored)
            continue;
        ++size.files;
        size.bytes += bytes;
    }
    return size;
}

// The Part 10 rule for deflated syntaxes holds for every one of them, also those we only carry.
bool is_deflated(std::string_view transfer_syntax_uid) {
    if (const auto* syntax = codecs::find_by_uid(transfer_syntax_uid); syntax != nullptr)
        return syntax->deflated;
    return transfer_syntax_uid == "1.2.840.10008.1.2.4.95" || // JPIP Referenced Deflate
           transfer_syntax_uid == "1.2.840.10008.1.2.4.205";  // JPIP HTJ2K Referenced Deflate
}

} // namespace

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
    case Verdict::stored:
        return "stored";
    case Verdict::duplicate:
        return "duplicate";
    case Verdict::new_version:
        return "new_version";
    case Verdict::out_of_resources:
        return "out_of_resources";
    case Verdict::contradicts:
        return "contradicts";
    case Verdict::unreadable:
        return "unreadable";
    case Verdict::internal:
        return "internal";
    }
    return "internal";
}

std::uint16_t Answer::dimse_status() const {
    switch (verdict) {
    case Verdict::stored:
    case Verdict::duplicate:
    case Verdict::new_version:
        return 0x0000;
    case Verdict::out_of_resources:
        return 0xA700;
    case Verdict::contradicts:
        return 0xA900;
    case Verdict::unreadable:
        return static_cast<std::uint16_t>(0xC000 + static_cast<std::uint16_t>(fault));
    case Verdict::internal:
        return 0x0110;
    }
    return 0x0110;
}

// Our own troubles name our folders: those are for the log.
std::string Answer::comment() const {
    switch (verdict) {
    case Verdict::out_of_resources:
        return "out of resources, try again later";
    case Verdict::internal:
        return "internal error, see the log";
    default:
        return text;
    }
}

Intake::Intake(Spool& spool, std::shared_ptr<const rules::Ruleset> rules, Logger& logger,
               IntakeLimits limits)
    : spool_(spool), rules_(std::move(rules)), logger_(logger), limits_(limits) {}

std::unique_ptr<Reception> Intake::begin(const Origin& origin, std::string_view sop_class_uid,
                                         std::string_view sop_instance_uid,
                                         std::string_view transfer_syntax_uid) {
    auto reception = std::make_unique<SpoolReception>(*this, origin, std::string(sop_class_uid),
                                                      std::string(sop_instance_uid),
                                                      std::string(transfer_syntax_uid));
    reception->open(first_admission);
    return reception;
}

tl::expected<void, ScanError>
Intake::with_data_set(std::span<const std::byte> bytes, std::string_view transfer_syntax_uid,
                      const std::function<void(const DataSet&)>& use) const {
    std::unique_lock inflating(inflating_, std::defer_lock);
    if (is_deflated(transfer_syntax_uid))
        inflating.lock();
    const auto opened =
        OpenedDataSet::open(bytes, transfer_syntax_uid, limits_.scan, limits_.inflated_bytes);
    if (!opened)
        return tl::unexpected(opened.error());
    use(opened->data_set());
    return {};
}

void Intake::quarantine(BlobWriter& writer, const std::string& why) {
    const std::lock_guard lock(quarantining_);
    const auto held = size_of(spool_.options().folder / "quarantine");
    // Each blob has a note beside it.
    if (held.files / 2 >= limits_.quarantine_files ||
        held.bytes + writer.size() > limits_.quarantine_bytes) {
        logger_.log(LogLevel::warning, "quarantine_full",
                    {{"why", "an unreadable object was refused and its bytes were dropped"}});
        return;
    }
    auto blob = writer.commit();
    auto status =
        blob ? spool_.blobs().quarantine(*blob, why) : Status(tl::unexpected(blob.error()));
    if (status)
        counters_.quarantined.fetch_add(1, std::memory_order_relaxed);
    else
        logger_.log(LogLevel::warning, "quarantine_failed", {{"why", status.error().text}});
    if (blob && !status)
        (void)spool_.blobs().remove(
            *blob); // it was refused: it must not be adopted at the next start
}

Result<AcceptRequest> Intake::adopt(const std::string& blob,
                                    std::span<const std::byte> file) const {
    const auto meta = read_file_meta(file);
    if (!meta)
        return tl::unexpected(meta.error());
    const auto bytes = file.subspan(static_cast<std::size_t>(meta->dataset_offset));
    AcceptRequest request;
    request.adopted = true;
    request.origin = meta->origin.value_or(Origin{});
    const auto digest = digest_of(bytes);
    // A blob is only renamed into place when its digest is in it: another one means damage.
    if (!meta->digest || *meta->digest != digest)
        return fail(ErrorCode::malformed,
                    blob + ": the digest of its data set is not the one in its header");
    Result<Instance> instance = fail(ErrorCode::internal, "not scanned");
    const auto scanned =
        with_data_set(bytes, meta->transfer_syntax_uid, [&](const DataSet& data_set) {
            instance = identify(data_set, meta->transfer_syntax_uid);
            if (instance)
                request.decision = rules_->decide(
                    ObjectAttributes(data_set, request.origin, meta->transfer_syntax_uid));
        });
    if (!scanned)
        return fail(ErrorCode::malformed, blob + ": " +
                                              std::string(to_string(scanned.error().fault)) + ": " +
                                              scanned.error().text);
    if (!instance)
        return tl::unexpected(instance.error());
    request.instance = std::move(*instance);
    request.instance.bytes = bytes.size();
    request.instance.digest = digest;
    request.instance.blob = blob;
    return request;
}

} // namespace dcmflow
