// AssociationPool: the threads of the associations, one each, bounded, all joined.
//
// admit() from the door's thread; stop() once, from the owner's. A place is free again before the
// association's last word is sent, so a peer that comes back at once finds it.
#pragma once

#include "pipeline/log.h"
#include "pipeline/receive/association.h"
#include "pipeline/receive/limits.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace dcmflow::scp {

class AssociationPool {
  public:
    AssociationPool(int most, Intake& intake, Logger& logger, const DimseTimes& times,
                    DimseCounters& counters);
    ~AssociationPool();
    AssociationPool(const AssociationPool&) = delete;
    AssociationPool& operator=(const AssociationPool&) = delete;

    // Where streams go when their association is over; set once, before the first admit().
    void on_ended(std::function<void(Stream)> ended) { ended_ = std::move(ended); }
    [[nodiscard]] bool admit(Admission& admission); // takes it, or gives false and leaves it
    // No new messages; those in hand may end until the deadline, then they are broken off. Joins
    // everything.
    void stop(Deadline deadline);

  private:
    struct Worker {
        std::thread thread;
        bool done = false; // guarded by mutex_
    };
    void serve(Admission admission, Worker& worker);
    void reap();

    const std::uint64_t most_;
    Intake& intake_;
    Logger& logger_;
    const DimseTimes& times_;
    DimseCounters& counters_;
    std::function<void(Stream)> ended_;
    StopSignals stop_;
    std::mutex mutex_;
    std::condition_variable idle_;
    std::list<Worker> workers_; // guarded by mutex_
    std::size_t running_ = 0;   // guarded by mutex_
    bool stopping_ = false;     // guarded by mutex_
};

} // namespace dcmflow::scp
