#include "pipeline/spool/spool.h"

#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/spool/file_blobs.h"
#include "pipeline/spool/spool_lock.h"
#include "pipeline/spool/sqlite_journal.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <mutex>
#include <optional>
#include <unordered_set>

namespace dcmflow {
namespace {

using Steady = std::chrono::steady_clock;

constexpr auto usage_age = std::chrono::milliseconds(100);
constexpr auto evict_pause = std::chrono::seconds(1);
constexpr std::uint64_t journal_share = 50; // one part in so many of the file system …
constexpr std::uint64_t journal_share_most =
    1 << 30; // … but no more than that, stays free for the journal
constexpr std::uint64_t inodes_kept = 1000;
constexpr std::size_t page = 2000;

// Bytes of the data set within a blob; nullopt if it has no readable file meta information.
std::optional<std::span<const std::byte>> data_set_of(std::span<const std::byte> file) {
    const auto meta = read_file_meta(file);
    if (!meta || meta->dataset_offset > file.size())
        return std::nullopt;
    return file.subspan(static_cast<std::size_t>(meta->dataset_offset));
}

bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

} // namespace

struct Spool::State {
    std::unique_ptr<SpoolLock> lock;
    std::mutex mutex; // guards the below
    std::optional<BlobUsage> usage;
    Steady::time_point usage_at;
    std::optional<Steady::time_point> evicted_at; // under pressure
};

struct Spool::Orphans {
    std::unordered_set<std::string> blobs; // without a row, as far as is known
};

Spool::Spool(SpoolOptions options, std::unique_ptr<State> state)
    : options_(std::move(options)), state_(std::move(state)) {}

Spool::~Spool() = default;

Result<std::unique_ptr<Spool>> Spool::open(const SpoolOptions& options, SpoolParts parts) {
    const auto files = parts.files ? std::move(parts.files) : real_files();
    std::error_code error;
    const bool made = std::filesystem::create_directories(options.folder, error);
    if (error)
        return fail_errno(error.value(), "data folder " + options.folder.native());
    if (made)
        if (const int result = files->fsync_folder(options.folder / ".."); result < 0)
            return fail_errno(-result, "sync of the folder of " + options.folder.native());
    auto lock = SpoolLock::take(options.folder);
    if (!lock)
        return tl::unexpected(lock.error());
    auto state = std::make_unique<State>();
    state->lock = std::move(*lock);
    std::unique_ptr<Spool> spool(new Spool(options, std::move(state)));
    auto blobs = FileBlobs::open_folder(options.folder, files);
    if (!blobs)
        return tl::unexpected(blobs.error());
    spool->blobs_ = std::move(*blobs);
    auto journal = SqliteJournal::open({.file = options.folder / "journal.sqlite",
                                        .vfs = parts.sqlite_vfs,
                                        .clock = std::move(parts.clock)});
    if (!journal)
        return tl::unexpected(journal.error());
    spool->journal_ = std::move(*journal);
    // The names of the journal's files; SQLite itself syncs what is in them.
    if (const int result = files->fsync_folder(options.folder); result < 0)
        return fail_errno(-result, "sync of folder " + options.folder.native());
    return spool;
}

// --- start
// -------------------------------------------------------------------------------------------------

Result<StartReport> Spool::start(const Adopt& adopt) {
    StartReport report;
    auto reclaimed = journal_->reclaim(options_.poison_crashes, options_.crash_weight);
    if (!reclaimed)
        return tl::unexpected(reclaimed.error());
    report.reclaimed = *reclaimed;
    auto forgotten = journal_->forgotten();
    if (!forgotten)
        return tl::unexpected(forgotten.error());
    for (const auto& blob : *forgotten)
        if (auto status = blobs_->remove(blob); !status)
            return tl::unexpected(status.error());
    auto names = blobs_->list();
    if (!names)
        return tl::unexpected(names.error());
    Orphans orphans;
    orphans.blobs.insert(std::make_move_iterator(names->begin()),
                         std::make_move_iterator(names->end()));
    if (auto status = match_rows(orphans, report); !status)
        return tl::unexpected(status.error());
    if (auto status = adopt_all(orphans, adopt, report); !status)
        return tl::unexpected(status.error());
    return report;
}

// One pass over the rows against one listing of the folder; no blob is opened.
Status Spool::match_rows(Orphans& orphans, StartReport& report) {
    InstanceId last = 0;
    for (;;) {
        auto rows = journal_->instances(last, page);
        if (!rows)
            return tl::unexpected(rows.error());
        if (rows->empty())
            return {};
        for (const auto& row : *rows) {
            last = row.id;
            if (orphans.blobs.erase(row.instance.blob) > 0)
                continue;
            // Delivered long ago, and evicted when the power went: nothing is lost.
            if (journal_->forget(row.id))
                continue;
            const auto text = fmt::format(
                "the stored file {} is gone; the object is lost here: send it again from {}",
                blobs_->path(row.instance.blob).native(),
                row.origin.calling_aet.empty() ? "its source" : row.origin.calling_aet);
            if (auto status = journal_->condemn(row.id, text); !status)
                return status;
            ++report.lost;
            if (report.lost_sop_instance_uids.size() < StartReport::lost_named)
                report.lost_sop_instance_uids.push_back(row.instance.sop_instance_uid);
        }
    }
}

Status Spool::adopt_all(const Orphans& orphans, const Adopt& adopt, StartReport& report) {
    std::vector<std::string> names(orphans.blobs.begin(), orphans.blobs.end());
    std::sort(names.begin(), names.end()); // by age
    for (const auto& name : names) {
        auto view = blobs_->open(name);
        auto request = view ? adopt(name, (*view)->bytes()) : tl::unexpected(view.error());
        if (!request) {
            if (auto status = blobs_->quarantine(name, request.error().text); !status)
                return status;
            ++report.quarantined;
            continue;
        }
        request->adopted = true;
        request->instance.blob = name;
        if (report.postponed > 0) {
            ++report.postponed;
            continue;
        }
        auto accepted = journal_->accept(*request);
        if (accepted && accepted->kind == AcceptKind::duplicate)
            accepted = settle_duplicate(std::move(*request), *accepted);
        if (accepted)
            ++report.adopted;
        else if (accepted.error().code == ErrorCode::no_space)
            ++report.postponed; // the file stays; delivering makes space
        else
            return tl::unexpected(accepted.error());
    }
    return {};
}

// --- in and out
// --------------------------------------------------------------------------------------------

Result<Accepted> Spool::accept(AcceptRequest request) {
    const auto blob = request.instance.blob;
    auto accepted = journal_->accept(request);
    if (accepted && accepted->kind == AcceptKind::duplicate)
        accepted = settle_duplicate(std::move(request), *accepted);
    if (!accepted && journal_->healthy())
        (void)blobs_->remove(blob); // if even that fails, the next start adopts it
    return accepted;
}

// The digest is not a cryptographic one: only equal bytes make a duplicate.
Result<Accepted> Spool::settle_duplicate(AcceptRequest request, Accepted duplicate) {
    const auto fresh = blobs_->open(request.instance.blob);
    if (!fresh)
        return tl::unexpected(fresh.error());
    const auto fresh_bytes = data_set_of((*fresh)->bytes());
    if (!fresh_bytes)
        return fail(ErrorCode::malformed,
                    fmt::format("{}: no file meta information; expected a Part 10 file",
                                blobs_->path(request.instance.blob).native()));
    const auto old = blobs_->open(duplicate.blob);
    if (!old && old.error().code != ErrorCode::not_found)
        return tl::unexpected(old.error());
    const auto old_bytes = old ? data_set_of((*old)->bytes()) : std::nullopt;
    if (old_bytes && same_bytes(*old_bytes, *fresh_bytes)) {
        (void)blobs_->remove(
            request.instance.blob); // if that fails, the next start finds it a duplicate again
        return duplicate;
    }
    if (old_bytes && digest_of(*old_bytes) == request.instance.digest) {
        request.never_duplicate = true;
        return journal_->accept(std::move(request));
    }
    // The copy that was here is gone or damaged; the fresh one takes its place.
    (void)journal_->condemn(duplicate.id, fmt::format("the stored file {} is gone or damaged",
                                                      blobs_->path(duplicate.blob).native()));
    return journal_->accept(std::move(request));
}

Result<std::unique_ptr<BlobView>> Spool::open_verified(const InstanceRow& row) {
    auto view = blobs_->open(row.instance.blob);
    const auto path = blobs_->path(row.instance.blob).native();
    if (!view)
        return view.error().code == ErrorCode::not_found
                   ? condemned(row.id, ErrorCode::not_found,
                               fmt::format("the stored file {} is gone", path))
                   : tl::unexpected(view.error());
    if (row.verified)
        return view;
    const auto bytes = data_set_of((*view)->bytes());
    if (!bytes)
        return condemned(
            row.id, ErrorCode::malformed,
            fmt::format("the stored file {} is damaged: its file meta information cannot be read",
                        path));
    if (const auto digest = digest_of(*bytes); digest != row.instance.digest)
        return condemned(
            row.id, ErrorCode::malformed,
            fmt::format("the stored file {} is damaged: its data set has digest {}, expected {}",
                        path, digest.hex(), row.instance.digest.hex()));
    journal_->mark_verified(row.id);
    return view;
}

tl::unexpected<Error> Spool::condemned(InstanceId instance, ErrorCode code, std::string text) {
    // Should the journal refuse, the row comes round again and so do we.
    (void)journal_->condemn(instance, text);
    return fail(code, std::move(text));
}

std::string Spool::derived_name(InstanceId instance, std::string_view syntax_uid) {
    auto name = fmt::format("{}-", instance);
    for (const char c : syntax_uid)
        name += (c >= '0' && c <= '9') || c == '.' ? c : '_';
    return name;
}

// --- space
// -------------------------------------------------------------------------------------------------

Status Spool::admit(std::uint64_t bytes) {
    if (!journal_->healthy())
        return fail(ErrorCode::no_space, fmt::format("the journal in {} stopped after an I/O error",
                                                     options_.folder.native()));
    auto status = fits(bytes);
    if (status)
        return status;
    {
        const std::lock_guard lock(state_->mutex);
        const auto now = Steady::now();
        if (state_->evicted_at && now - *state_->evicted_at < evict_pause)
            return status;
        state_->evicted_at = now;
    }
    const auto evicted =
        evict_while(std::numeric_limits<std::int64_t>::max(), [&] { return !fits(bytes); });
    return evicted && *evicted > 0 ? fits(bytes) : status;
}

Status Spool::fits(std::uint64_t bytes) {
    BlobUsage usage;
    {
        const std::lock_guard lock(state_->mutex);
        const auto now = Steady::now();
        if (!state_->usage || now - state_->usage_at >= usage_age) {
            state_->usage = blobs_->usage();
            state_->usage_at = now;
        }
        usage = *state_->usage;
    }
    const auto over = [&](std::uint64_t used, std::uint64_t most) {
        return used > most || bytes > most - used;
    };
    if (options_.quota > 0 && over(usage.bytes, options_.quota))
        return fail(ErrorCode::no_space,
                    fmt::format("{}: {} bytes are stored and {} more were to come, over the quota "
                                "of {} (node.disk.quota)",
                                options_.folder.native(), usage.bytes, bytes, options_.quota));
    const auto for_journal = std::min(usage.disk_total / journal_share, journal_share_most);
    const auto keep = std::max(options_.keep_free, for_journal);
    if (over(keep, usage.disk_free))
        return fail(
            ErrorCode::no_space,
            fmt::format(
                "{}: {} bytes are free on its disk and {} more were to come, but {} must stay free "
                "(node.disk.keep_free)",
                options_.folder.native(), usage.disk_free, bytes, keep));
    if (usage.inodes_free < inodes_kept)
        return fail(ErrorCode::no_space,
                    fmt::format("{}: only {} files more can be made on its disk (inodes)",
                                options_.folder.native(), usage.inodes_free));
    return {};
}

Result<std::uint64_t> Spool::evict(std::int64_t before) {
    return evict_while(before, [] { return true; });
}

Result<std::uint64_t> Spool::evict_while(std::int64_t before, const std::function<bool()>& wanted) {
    constexpr std::size_t few = 64;
    std::uint64_t evicted = 0;
    for (;;) {
        auto rows = journal_->finished(before, few);
        if (!rows)
            return tl::unexpected(rows.error());
        const auto evicted_before = evicted;
        for (const auto& row : *rows) {
            if (!wanted())
                return evicted;
            // The row first: an object that came back to life meanwhile is not forgotten, so its
            // file stays.
            if (auto status = journal_->forget(row.id); !status) {
                if (status.error().code == ErrorCode::conflict ||
                    status.error().code == ErrorCode::not_found)
                    continue;
                return tl::unexpected(status.error());
            }
            ++evicted;
            blobs_->remove_derived(fmt::format("{}-", row.id));
            if (auto status = blobs_->remove(row.instance.blob); !status)
                return tl::unexpected(status.error());
            const std::lock_guard lock(state_->mutex);
            state_->usage.reset();
        }
        if (evicted == evicted_before)
            return evicted; // none left, or all of them came back to life
    }
}

} // namespace dcmflow
