// Job: one instance on its way through the flow graph, with everything it holds while it is in hand.
//
// Travels as JobPtr, because TBB copies messages. Owned by whichever node has it, one thread at a time. When the
// last pointer goes, whatever the reason (done, exception, cancel), the lease goes back to the journal unless it
// was settled, and the credit to the budget: no message can lose work.
#pragma once

#include "pipeline/budget.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/transcode.h"
#include "pipeline/spool/spool.h"
#include "pipeline/syntax_ladder.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dcmflow {

// RAII right to work on the waiting deliveries of one instance.
class Lease {
  public:
    Lease(Journal& journal, RoutingLease lease) : journal_(&journal), lease_(std::move(lease)) {}
    Lease(Lease&& other) noexcept
        : journal_(std::exchange(other.journal_, nullptr)), lease_(std::move(other.lease_)) {}
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
        if (journal_ != nullptr)
            journal_->return_routing(lease_.row.id);
    }

    [[nodiscard]] const InstanceRow& row() const { return lease_.row; }
    [[nodiscard]] const std::vector<Delivery>& deliveries() const { return lease_.deliveries; }

    // The deliveries become ready; the lease is settled.
    void plan(std::vector<PlannedSyntax> planned) {
        if (journal_ != nullptr)
            journal_->plan(lease_.row.id, std::move(planned));
        journal_ = nullptr; // after the call: if it threw, the lease goes back
    }
    // The row was dealt with elsewhere (condemned): nothing goes back.
    void forget() { journal_ = nullptr; }

  private:
    Journal* journal_;
    RoutingLease lease_;
};

// One syntax that the job tried to make.
struct Made {
    TranscodeReason reason = TranscodeReason::internal; // ok: usable
    bool cached = false;                                // the derived blob was there already
    std::vector<std::byte> bytes = {};                  // a small result, still to be written
    std::unique_ptr<BlobWriter> writer = {};            // a large result, written but not yet in place
    std::uint64_t size = 0;
    std::optional<Digest> pixel_digest = {};
};

struct Job {
    Job(Lease lease_, Credit credit_, std::unique_ptr<BlobView> blob_)
        : credit(std::move(credit_)), lease(std::move(lease_)), blob(std::move(blob_)) {}

    Credit credit; // given back last
    Lease lease;
    std::unique_ptr<BlobView> blob;   // the whole Part 10 file, digest checked
    std::optional<OpenedDataSet> opened; // refers to blob; empty if it could not be read
    std::string unreadable;              // why; empty if there was no file meta information either
    // Per delivery, in the order of lease.deliveries(): what is worth trying.
    std::vector<SyntaxLadder> candidates;
    std::map<std::string, Made, std::less<>> made; // by syntax UID
    std::vector<PlannedSyntax> planned;

    [[nodiscard]] rules::Priority urgency() const {
        auto most = rules::Priority::bulk;
        for (const auto& delivery : lease.deliveries())
            most = std::min(most, delivery.priority);
        return most;
    }
};
using JobPtr = std::shared_ptr<Job>;

} // namespace dcmflow
