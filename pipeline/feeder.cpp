#include "pipeline/feeder.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/thread_name.h"

#include <algorithm>
#include <chrono>
#include <exception>

namespace dcmflow {

namespace {
// Small, so that a stat study that arrives now waits for few others; large enough to spare journal round trips.
constexpr std::size_t batch = 8;
constexpr std::uint64_t deflate_guess = 16;
constexpr std::uint64_t decode_guess = 10;
// Frames in work, each native, encoded, decoded again and as a codec's own integers: TranscodeOptions::bytes_at_once.
constexpr std::uint64_t work_per_byte = 4;
constexpr std::uint64_t most_work = 320ULL << 20;
constexpr std::uint64_t overhead = 64ULL << 10;
constexpr std::chrono::seconds pause_after_trouble{1};
} // namespace

Feeder::Feeder(Spool& spool, Budget& budget, Flow& flow, Logger& logger)
    : spool_(spool), budget_(budget), flow_(flow), logger_(logger) {}

std::uint64_t Feeder::cost(const Instance& instance) {
    const auto* syntax = codecs::find_by_uid(instance.transfer_syntax_uid);
    const bool deflated = syntax != nullptr && syntax->deflated;
    if (deflated)
        return 2 * instance.bytes + 2 * std::min(max_inflated_bytes, deflate_guess * instance.bytes) + overhead;
    // A compressed source may be decoded for a destination that takes nothing else; large results go to disk as they
    // are made.
    if (syntax != nullptr && syntax->encapsulated && syntax->can_read)
        return instance.bytes + std::min(decode_guess * work_per_byte * instance.bytes, most_work) + overhead;
    return instance.bytes + std::min(work_per_byte * instance.bytes, most_work) + overhead;
}

void Feeder::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Feeder::wake() {
    {
        const std::lock_guard lock(mutex_);
        work_ = true;
    }
    wake_.notify_one();
}

void Feeder::stop() {
    thread_.request_stop();
    if (thread_.joinable())
        thread_.join();
}

void Feeder::run(const std::stop_token& stop) {
    name_this_thread("feeder");
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex_);
            if (trouble_)
                wake_.wait_for(lock, stop, pause_after_trouble, [] { return false; });
            else
                wake_.wait(lock, stop, [&] { return work_; });
            work_ = false;
        }
        trouble_ = false;
        try {
            while (!stop.stop_requested() && !trouble_ && feed(stop)) {
            }
        } catch (const std::exception& error) {
            trouble_ = true;
            logger_.log(LogLevel::error, "feeder_failure", {{"error", error.what()}});
        }
    }
}

bool Feeder::feed(const std::stop_token& stop) {
    auto leases = spool_.journal().lease_routing(batch);
    if (!leases) {
        trouble_ = true;
        logger_.log(LogLevel::error, "lease_failed", {{"error", leases.error().text}});
        return false;
    }
    for (auto& leased : *leases)
        feed_one(std::move(leased), stop);
    return !leases->empty();
}

void Feeder::feed_one(RoutingLease leased, const std::stop_token& stop) {
    Lease lease(spool_.journal(), std::move(leased));
    auto credit = budget_.acquire(cost(lease.row().instance), stop);
    if (!credit)
        return; // stopping: the lease goes back
    auto blob = spool_.open_verified(lease.row());
    if (!blob) {
        const auto& error = blob.error();
        const bool exhausted = error.code == ErrorCode::memory || error.code == ErrorCode::no_space;
        logger_.log(exhausted ? LogLevel::error : LogLevel::alarm, "object_not_opened",
                    {{"sop_instance_uid", lease.row().instance.sop_instance_uid}, {"error", error.text}});
        // Out of descriptors is everybody's trouble: wait. All else is this object's: hold it, or it would be first
        // in line for ever.
        if (exhausted || !spool_.journal().condemn(lease.row().id, error.text))
            trouble_ = true;
        return;
    }
    flow_.submit(std::make_shared<Job>(std::move(lease), std::move(*credit), std::move(*blob)));
}

} // namespace dcmflow
