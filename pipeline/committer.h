// Committer: the thread at the end of the flow graph: puts derived blobs in place, then plans the rows.
//
// So that no graph node waits for a disk. Its queue is bounded by the credits that the jobs in it hold.
// Owned by the Flow. push() from any thread.
#pragma once

#include "pipeline/job.h"
#include "pipeline/log.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace dcmflow {

class Committer {
  public:
    Committer(Spool& spool, Logger& logger);
    ~Committer(); // commits what was pushed
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    void push(JobPtr job);
    void drain(); // waits until the queue is empty and idle

  private:
    void run(const std::stop_token& stop);
    void commit(Job& job);
    // Puts the derived blob of one syntax in place; false if the disk refuses.
    bool store(const Job& job, const std::string& syntax, Made& made);

    Spool& spool_;
    Logger& logger_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<JobPtr> queue_; // guarded by mutex_
    bool busy_ = false;        // guarded by mutex_
    std::jthread thread_;      // last: starts when all else is there
};

} // namespace dcmflow
