// Journal: the durable queue. One interface, domain verbs only, no SQL in it (design §3).
//
// Owned by the Spool. Any thread may call any verb. accept() returns when the row is durable (a power
// cut later changes nothing); the verbs marked "posted" return at once and are applied in order by the
// journal's writer thread: if the process dies first, the worst is one repeated delivery.
// Errors: no_space and io when the disk refuses; after an I/O error on a sync the journal accepts nothing
// more (never retry fsync: Linux forgets the failed pages) and healthy() is false.
#pragma once

#include "pipeline/dicom/instance.h"
#include "pipeline/result.h"
#include "pipeline/spool/delivery.h"
#include "rules/decision.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dcmflow {

struct AcceptRequest {
    Instance instance; // its blob is durable already
    Origin origin;
    rules::Decision decision;
    bool never_duplicate = false; // the caller found that equal digests hide different bytes
    bool adopted = false;         // a blob found without a row at start
};
enum class AcceptKind : std::uint8_t {
    stored,      // a new SOP Instance UID
    duplicate,   // same UID, same bytes: the row that was there serves; the new blob is not used
    new_version, // same UID, other bytes: kept beside the earlier ones, flagged
};
struct Accepted {
    AcceptKind kind = AcceptKind::stored;
    InstanceId id = 0;
    std::string blob; // of the row: for a duplicate the earlier blob
};

struct InstanceRow {
    InstanceId id = 0;
    Instance instance;
    Origin origin;
    int version = 1;       // 2, 3, …: same UID, other bytes
    bool flagged = false;  // has another version (both rows carry it), or was adopted
    bool verified = false; // the blob's digest was checked since this process started
    std::vector<std::string> matched_rules;
    std::optional<Digest> pixel_digest; // of the native frames, once they were coded (TranscodeOutcome)
};

// What the feeder takes: one instance with all its deliveries in state waiting.
struct RoutingLease {
    InstanceRow row;
    std::vector<Delivery> deliveries;
};
// What a lane takes: one delivery, now `sending`.
struct SendingLease {
    InstanceRow row;
    Delivery delivery;
};

struct PlannedSyntax {
    DeliveryId delivery = 0;
    std::string syntax; // UID
    std::string reason; // label, empty if the wanted syntax was made
    std::optional<Digest> pixel_digest = {}; // if this syntax was made now
};

// How one lease on a delivery ends.
struct Settlement {
    DeliveryId delivery = 0;
    DeliveryState state = DeliveryState::delivered; // delivered | retry | failed | held | ready | waiting
    std::string error = {};              // last_error; for delivered: the warning or empty
    std::int64_t due = 0;                // for retry
    bool count_attempt = false;          // an object failure
    bool count_unknown = false;          // outcome unknown
    bool alone = false;                  // next time by itself
};

struct DestinationSummary {
    std::string destination = {}; // "" for unmatched
    std::uint64_t ready = 0, sending = 0, retry = 0, held = 0, failed = 0; // waiting counts as ready
    std::uint64_t delivered = 0;  // rows still remembered
    std::uint64_t bytes = 0;      // of what is not delivered
    std::int64_t oldest = 0;      // Unix ms of the oldest undelivered, 0 if none
    std::string last_error = {};  // newest error among undelivered rows
    bool paused = false;
};

// Which rows; empty fields match all. Several fields: all must match.
struct QueueFilter {
    std::vector<DeliveryId> ids = {};
    std::string destination = {};
    std::string study_instance_uid = {}, series_instance_uid = {}, sop_instance_uid = {};
    std::string patient_id = {}, accession_number = {};
    std::optional<DeliveryState> state = {}; // given: undelivered_only does not matter
    bool undelivered_only = true;
    bool unmatched_only = false;      // rows with no destination (an empty `destination` matches all)
    std::size_t limit = 0;            // 0: no limit
    DeliveryId after = 0;             // paging: ids greater than this
};
struct QueueEntry {
    Delivery delivery;
    InstanceRow row;
};

enum class QueueAction : std::uint8_t {
    retry,   // retry, failed → waiting, due now, attempts forgotten
    hold,    // waiting, ready, retry, failed → held
    release, // held → waiting
    drop,    // waiting, ready, retry, held, failed → dropped
    move,    // the same states: to another destination, waiting (an existing row there is reused)
};

// What a destination was last seen to accept, per SOP class and syntax.
struct Acceptance {
    std::string sop_class_uid;
    std::string transfer_syntax_uid;
    bool accepted = false;
};

struct ReclaimReport {
    std::uint64_t routing_returned = 0; // instances that were in the graph
    std::uint64_t sending_returned = 0; // deliveries that were being sent
    std::uint64_t held_as_poison = 0;   // crashed the process too often
};

class Journal {
  public:
    virtual ~Journal() = default;

    // Called by the writer thread after a commit that made work: must be quick and must not call back.
    // destination empty: rows are waiting for the flow; else rows are ready for that destination.
    using WorkListener = std::function<void(const std::string& destination)>;
    virtual void on_work(WorkListener listener) = 0; // set once, before the first accept

    // At start, before any lease: what was in hand goes back (ready rows too: derived blobs are gone),
    // its crash counted as `weight`; rows that reach `poison_crashes` are held.
    [[nodiscard]] virtual Result<ReclaimReport> reclaim(int poison_crashes, int weight) = 0;

    [[nodiscard]] virtual Result<Accepted> accept(AcceptRequest request) = 0; // durable on return

    // Most urgent first, then oldest. Counted as a crash risk until planned or returned.
    [[nodiscard]] virtual Result<std::vector<RoutingLease>> lease_routing(std::size_t most) = 0;
    // Posted: the waiting deliveries of one routing lease become ready. Rows an operator took meanwhile
    // (held, dropped) stay as they are.
    virtual void plan(InstanceId instance, std::vector<PlannedSyntax> planned) = 0;
    // Posted: a routing lease ends without a plan; its rows are waiting again.
    virtual void return_routing(InstanceId instance) = 0;

    // ready rows and due retry rows of one destination that is not paused: most urgent first; within a
    // priority fresh and due-retry rows take turns so that a backlog cannot starve new studies.
    [[nodiscard]] virtual Result<std::vector<SendingLease>> lease_sending(const std::string& destination,
                                                                          std::size_t most,
                                                                          std::int64_t now) = 0;
    virtual void settle(Settlement settlement) = 0; // posted

    // Earliest `due` in the future among retry rows of a destination; nullopt if there is none.
    [[nodiscard]] virtual Result<std::optional<std::int64_t>> next_due(const std::string& destination) const = 0;

    // Looking.
    [[nodiscard]] virtual Result<std::vector<DestinationSummary>> summary() const = 0;
    [[nodiscard]] virtual Result<std::vector<QueueEntry>> query(const QueueFilter& filter) const = 0;

    // Operators. Returns how many rows changed. `target` is for move.
    [[nodiscard]] virtual Result<std::uint64_t> act(QueueAction action, const QueueFilter& filter,
                                                    const std::string& target) = 0;
    // A held row without destination gets the deliveries of a decision made today.
    [[nodiscard]] virtual Status decide_unmatched(DeliveryId delivery, const rules::Decision& decision) = 0;
    [[nodiscard]] virtual Status set_paused(const std::string& destination, bool paused) = 0; // durable
    [[nodiscard]] virtual Result<std::vector<std::string>> paused() const = 0;

    // Learned acceptance, kept over restarts. learn() is posted.
    virtual void learn(const std::string& destination, std::vector<Acceptance> seen) = 0;
    [[nodiscard]] virtual Result<std::map<std::string, std::vector<Acceptance>>> learned() const = 0;

    // Housekeeping: instances whose deliveries are all final and settled before `before`, oldest first.
    [[nodiscard]] virtual Result<std::vector<InstanceRow>> finished(std::int64_t before,
                                                                    std::size_t most) const = 0;
    // Removes the rows. Fails with conflict if a delivery has become non-final meanwhile.
    [[nodiscard]] virtual Status forget(InstanceId instance) = 0;
    // Blobs of instances that were forgotten of late (or replaced) and may still be there after a crash:
    // at start they are removed, not adopted.
    [[nodiscard]] virtual Result<std::vector<std::string>> forgotten() const = 0;
    virtual void mark_verified(InstanceId instance) = 0; // posted, in memory only
    // For the start-up check of rows against blobs.
    [[nodiscard]] virtual Result<std::vector<InstanceRow>> instances(InstanceId after, std::size_t most) const = 0;
    // A row whose blob is gone or damaged: its undelivered deliveries become held with this error. When the
    // same bytes are accepted again, the new blob takes its place and those deliveries go on.
    [[nodiscard]] virtual Status condemn(InstanceId instance, const std::string& error) = 0;

    // Waits until everything posted so far is committed (tests, shutdown).
    virtual void flush() = 0;
    [[nodiscard]] virtual bool healthy() const = 0;
};

} // namespace dcmflow
