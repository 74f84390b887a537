// Spool: the data folder: blobs, journal, lock, and the rules that keep the two in step.
//
// One per router, owned by `run` (or opened by `queue` when no router runs: open() without start() is enough
// to look and to act). Any thread. It never removes an object that is not delivered.
// Layout of the data folder (docs/spool.md): lock, journal.sqlite, objects/, derived/, tmp/, quarantine/.
#pragma once

#include "pipeline/dicom/instance.h"
#include "pipeline/result.h"
#include "pipeline/spool/blob_store.h"
#include "pipeline/spool/journal.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

class Files;

struct SpoolOptions {
    std::filesystem::path folder;
    std::uint64_t quota = 0;     // bytes in blobs; 0: none
    std::uint64_t keep_free = 0; // bytes of the file system that stay free; at least a share for the journal does
    // A row that is in hand at so many deaths of the process in a row is held. A death by a fault of our own counts
    // for four: after three of those it is the row. A kill or a power cut says little, but memory may have run out.
    int poison_crashes = 12;
    int crash_weight = 1;
    static constexpr int own_fault_weight = 4;
};

// What tests put in the place of the real disk and clock.
struct SpoolParts {
    std::shared_ptr<Files> files = {};        // none: the operating system's
    std::string sqlite_vfs = {};              // empty: SQLite's default
    std::function<std::int64_t()> clock = {}; // Unix ms; none: the system's
};

// How an orphan blob found at start is read and decided again: gives the request, or why it can't be.
using Adopt = std::function<Result<AcceptRequest>(const std::string& blob, std::span<const std::byte> file)>;

struct StartReport {
    ReclaimReport reclaimed;
    std::uint64_t adopted = 0;      // blobs without a row
    std::uint64_t quarantined = 0;  // blobs without a row that could not be read
    std::uint64_t postponed = 0;    // blobs without a row, left for the next start: the journal had no space
    std::uint64_t lost = 0;         // rows without a blob: the alarm
    std::vector<std::string> lost_sop_instance_uids; // the first lost_named of them
    static constexpr std::size_t lost_named = 100;
};

class Spool {
  public:
    // Takes the folder's lock (conflict if another process holds it), creates what is missing.
    [[nodiscard]] static Result<std::unique_ptr<Spool>> open(const SpoolOptions& options, SpoolParts parts = {});
    ~Spool();

    // Reclaims, adopts, raises alarms. Once, before receivers start.
    [[nodiscard]] Result<StartReport> start(const Adopt& adopt);

    // Whether `bytes` more fit under the quota and the free-space mark (and the journal is healthy);
    // no_space with a sentence otherwise. Delivered objects are evicted first (see evict()).
    [[nodiscard]] Status admit(std::uint64_t bytes);

    // A durable blob becomes a durable row. For duplicates compares the bytes and removes the new blob.
    // On an error the blob is removed: the sender will come again. (Not after an I/O error of the journal:
    // nobody knows then whether the row is there, so the next start finds both or adopts the blob.)
    [[nodiscard]] Result<Accepted> accept(AcceptRequest request);

    // Opens an instance's blob; the first time after start checks the digest of the data set against the
    // row. malformed on mismatch, not_found if it is gone: the row is condemned and must not leave.
    [[nodiscard]] Result<std::unique_ptr<BlobView>> open_verified(const InstanceRow& row);

    // The derived blob of an instance in a syntax: its name, whether or not it exists.
    [[nodiscard]] static std::string derived_name(InstanceId instance, std::string_view syntax_uid);

    // Removes instances that are delivered and older than `before` (Unix ms), derived blobs included;
    // under pressure (admit failing) all delivered ones, oldest first. Returns how many.
    [[nodiscard]] Result<std::uint64_t> evict(std::int64_t before);

    [[nodiscard]] Journal& journal() { return *journal_; }
    [[nodiscard]] BlobStore& blobs() { return *blobs_; }
    [[nodiscard]] const SpoolOptions& options() const { return options_; }

  private:
    struct State;
    struct Orphans;
    Spool(SpoolOptions options, std::unique_ptr<State> state);
    [[nodiscard]] Status match_rows(Orphans& orphans, StartReport& report);
    [[nodiscard]] Status adopt_all(const Orphans& orphans, const Adopt& adopt, StartReport& report);
    [[nodiscard]] Result<Accepted> settle_duplicate(AcceptRequest request, Accepted duplicate);
    [[nodiscard]] tl::unexpected<Error> condemned(InstanceId instance, ErrorCode code, std::string text);
    [[nodiscard]] Status fits(std::uint64_t bytes);
    [[nodiscard]] Result<std::uint64_t> evict_while(std::int64_t before, const std::function<bool()>& wanted);
    SpoolOptions options_;
    std::unique_ptr<State> state_;
    std::unique_ptr<BlobStore> blobs_;
    std::unique_ptr<Journal> journal_;
};

} // namespace dcmflow
