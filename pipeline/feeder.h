// Feeder: the thread at the door of the flow graph: lease from the journal, credit from the budget, bytes from disk.
//
// It is where the pipeline waits: for memory (so that senders slow down through the disk's quota, not through RAM)
// and for cold blobs. Sleeps until the journal says that rows wait; never polls. Owned by the Router.
#pragma once

#include "pipeline/budget.h"
#include "pipeline/flow.h"
#include "pipeline/log.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace dcmflow {

class Feeder {
  public:
    Feeder(Spool& spool, Budget& budget, Flow& flow, Logger& logger);
    ~Feeder() { stop(); }
    Feeder(const Feeder&) = delete;
    Feeder& operator=(const Feeder&) = delete;

    void start();
    void wake(); // rows may be waiting; any thread, quick
    void stop(); // no more leases; returns when the thread has ended

    // Bytes of credit for an object: mapped source, as much again for what is made from it, and a guess at what a
    // deflated one becomes.
    [[nodiscard]] static std::uint64_t cost(const Instance& instance);

  private:
    void run(const std::stop_token& stop);
    bool feed(const std::stop_token& stop); // one batch; false if nothing was waiting
    void feed_one(RoutingLease leased, const std::stop_token& stop);

    Spool& spool_;
    Budget& budget_;
    Flow& flow_;
    Logger& logger_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    bool work_ = true;    // guarded by mutex_; true at first: look what the last run left
    bool trouble_ = false; // the feeder's thread only: the disk or the journal failed, wait a little
    std::jthread thread_;
};

} // namespace dcmflow
