// Intake: the one door. Bytes of an object in; a durable row and a truthful answer out.
//
// Shared by all receivers; any thread. One Reception per object, by one thread at a time. No whole
// object is held in memory: bytes go to the spool as they come, with a running digest.
#pragma once

#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/instance.h"
#include "pipeline/log.h"
#include "pipeline/result.h"
#include "pipeline/spool/spool.h"
#include "rules/ruleset.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace dcmflow {

enum class Verdict : std::uint8_t {
    stored,
    duplicate,        // same UID, same bytes: already ours
    new_version,      // same UID, other bytes: kept beside
    out_of_resources, // disk, quota, budget, journal: A700
    contradicts,      // data set ≠ command: A900
    unreadable,       // C000 + fault
    internal,         // 0110
};
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct Answer {
    Verdict verdict = Verdict::internal;
    ScanFault fault = ScanFault::truncated;           // for unreadable
    std::string text;                                 // one sentence for the log; no patient data
    [[nodiscard]] std::uint16_t dimse_status() const; // PS3.4 B.2.3, reliability 2.2
    // For the sender, (0000,0902): what is wrong with its object.
    [[nodiscard]] std::string comment() const;
};

// Objects since start. received: stored, duplicate or new version. refused: A700, A900, 0110.
struct IntakeCounters {
    std::atomic<std::uint64_t> received{0}, bytes{0}, duplicates{0}, versions{0}, refused{0},
        unreadable{0};
    std::atomic<std::uint64_t> quarantined{0}; // of the unreadable ones: kept for people to look at
};

struct IntakeLimits {
    ScanLimits scan;
    // Of a deflated data set; one at a time is held in memory.
    std::uint64_t inflated_bytes = 256ULL << 20;
    // The spool is asked again after so many bytes of an object.
    std::uint64_t admit_step = 4ULL << 20;
    // Above these, unreadable objects are dropped (and logged).
    std::uint64_t quarantine_files = 100;
    std::uint64_t quarantine_bytes = 1ULL << 30;
};

class Reception;

class Intake {
  public:
    // The spool and the logger must outlive it.
    Intake(Spool& spool, std::shared_ptr<const rules::Ruleset> rules, Logger& logger,
           IntakeLimits limits = {});
    // Begins one object. Never fails outright: a refusal (quota) is remembered, write() then
    // discards, and finish() gives it, so that the rest of the PDVs can be drained and the
    // association lives on.
    [[nodiscard]] std::unique_ptr<Reception> begin(const Origin& origin,
                                                   std::string_view sop_class_uid,
                                                   std::string_view sop_instance_uid,
                                                   std::string_view transfer_syntax_uid);
    [[nodiscard]] const IntakeCounters& counters() const { return counters_; }
    // For blobs found at start (Spool::start): reads, decides, marks as adopted.
    [[nodiscard]] Result<AcceptRequest> adopt(const std::string& blob,
                                              std::span<const std::byte> file) const;

  private:
    friend class SpoolReception;
    // Scans the bytes (inflated first where the syntax wants it), and lets `use` have the data set.
    [[nodiscard]] tl::expected<void, ScanError>
    with_data_set(std::span<const std::byte> bytes, std::string_view transfer_syntax_uid,
                  const std::function<void(const DataSet&)>& use) const;
    void quarantine(BlobWriter& writer, const std::string& why);

    Spool& spool_;
    const std::shared_ptr<const rules::Ruleset> rules_;
    Logger& logger_;
    const IntakeLimits limits_;
    IntakeCounters counters_;
    mutable std::mutex inflating_; // one inflated data set at a time
    std::mutex quarantining_;
};

class Reception {
  public:
    virtual ~Reception() = default;
    virtual void write(std::span<const std::byte> bytes) = 0; // errors are remembered for finish()
    // Scans, decides, makes durable; blocks until it is. Destroyed without it: nothing is kept.
    [[nodiscard]] virtual Answer finish() = 0;
};

} // namespace dcmflow
