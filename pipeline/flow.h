// Flow: THE graph. Start here.
//
//   feeder ──► [by urgency] ──► route ──► [by urgency] ──► transcode ──► commit ──► committer thread ──► journal.plan
//              queue            header,   queue            decode once,  hand over   writes derived blobs
//                               ladder                     encode per
//                                                          syntax, verify
//
// CPU work only: nothing here waits for the network, the disk or the journal. The feeder opened and read the blob
// before; the committer writes after. Bounds sit at the door (Budget), not in the graph. No exception leaves a
// node: each body runs in guarded(), which makes the job go on with its original bytes.
// Owned by the Router. submit() from the feeder's thread; the rest from the owner's.
#pragma once

#include "pipeline/acceptance.h"
#include "pipeline/config/config.h"
#include "pipeline/dicom/transcode.h"
#include "pipeline/job.h"
#include "pipeline/log.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace dcmflow {

struct FlowOptions {
    int workers = 0; // threads for CPU work; 0: all cores
    Verify verify = Verify::always;
    std::uint64_t in_memory = 32ULL << 20; // larger results stream to their derived blob as they are made
    std::uint32_t sample_every = 16;       // with verify: sample, one object in so many
    std::size_t parallel_frames = 8;       // objects with at least this many frames use several cores
};

// What the graph did so far; read at any time.
struct FlowCounters {
    std::atomic<std::uint64_t> instances{0};
    std::atomic<std::uint64_t> made{0};      // (instance, syntax) results that were encoded
    std::atomic<std::uint64_t> reused{0};    // derived blobs found
    std::atomic<std::uint64_t> bytes_in{0};  // of what was encoded
    std::atomic<std::uint64_t> bytes_out{0};
    std::atomic<std::uint64_t> failures{0};  // jobs whose node body threw
    std::array<std::atomic<std::uint64_t>, 32> reasons{}; // by TranscodeReason
};

class Flow {
  public:
    Flow(const FlowOptions& options, const Config& config, Spool& spool, const Transcoder& transcoder,
         const AcceptanceBook& acceptance, Logger& logger);
    ~Flow(); // finishes what was submitted
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;

    void submit(JobPtr job);
    // From now on jobs pass through unworked; their leases go back.
    void cancel();
    // Waits until every submitted job is planned or returned.
    void drain();

    [[nodiscard]] const FlowCounters& counters() const;

  private:
    struct Graph;
    std::unique_ptr<Graph> graph_;
};

} // namespace dcmflow
