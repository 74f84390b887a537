#include "pipeline/receive/association_pool.h"
#include "pipeline/thread_name.h"

#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace dcmflow::scp {

AssociationPool::AssociationPool(int most, Intake& intake, Logger& logger, const DimseTimes& times,
                                 DimseCounters& counters)
    : most_(static_cast<std::uint64_t>(most > 0 ? most : 1)), intake_(intake), logger_(logger),
      times_(times), counters_(counters) {}

AssociationPool::~AssociationPool() {
    stop(std::chrono::steady_clock::now());
}

bool AssociationPool::admit(Admission& admission) {
    const std::lock_guard lock(mutex_);
    if (stopping_)
        return false;
    reap();
    // Only the door adds, so the number can but fall after the check.
    if (counters_.associations_open.load() >= most_)
        return false;
    auto& worker = workers_.emplace_back();
    // Shared, so that a thread that cannot start has not eaten it.
    const auto handed = std::make_shared<Admission>(std::move(admission));
    try {
        worker.thread = std::thread([this, &worker, handed] { serve(std::move(*handed), worker); });
    } catch (const std::system_error& error) {
        admission = std::move(*handed);
        workers_.pop_back();
        logger_.log(LogLevel::error, "no_thread", {{"why", error.what()}});
        return false;
    }
    counters_.associations_open.fetch_add(1);
    counters_.associations.fetch_add(1, std::memory_order_relaxed);
    ++running_;
    return true;
}

void AssociationPool::serve(Admission admission, Worker& worker) {
    name_this_thread("dcm-assoc");
    {
        const std::lock_guard lock(mutex_); // admit() has counted us
    }
    bool in_place = true;
    const auto leave = [&] {
        if (std::exchange(in_place, false))
            counters_.associations_open.fetch_sub(1);
    };
    try {
        Association association(std::move(admission), intake_, logger_, times_, stop_, counters_,
                                leave);
        association.run();
        ended_(association.take_stream());
    } catch (const std::exception& error) { // out of memory before the association could begin
        logger_.log(LogLevel::error, "association_failed", {{"why", error.what()}});
    }
    leave();
    const std::lock_guard lock(mutex_);
    worker.done = true;
    --running_;
    idle_.notify_all();
}

// With mutex_ held: a worker that is done has left it for good, so that the join is short.
void AssociationPool::reap() {
    for (auto worker = workers_.begin(); worker != workers_.end();) {
        if (worker->done) {
            worker->thread.join();
            worker = workers_.erase(worker);
        } else {
            ++worker;
        }
    }
}

void AssociationPool::stop(Deadline deadline) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    stop_.soft.raise();
    idle_.wait_until(lock, deadline, [this] { return running_ == 0; });
    stop_.hard.raise();
    lock.unlock();
    for (auto& worker : workers_)
        if (worker.thread.joinable())
            worker.thread.join();
    workers_.clear();
}

} // namespace dcmflow::scp
