#include "pipeline/lane.h"

#include "pipeline/dicom/part10.h"
#include "pipeline/syntax_ladder.h"
#include "pipeline/thread_name.h"

#include <algorithm>
#include <condition_variable>
#include <exception>

namespace dcmflow {

namespace {
// A batch is what one worker has in hand: small, so that a hung link delays few and a stat study overtakes soon.
constexpr std::size_t batch_size = 8;
constexpr std::chrono::seconds idle_link{5};
// A peer that serves one association at a time (storescp as shipped) would let a second link wait until the first,
// idle one is released: after this long it is.
constexpr std::chrono::milliseconds make_room_after{250};
constexpr std::chrono::seconds pause_after_trouble{1};
constexpr std::chrono::minutes look_again{10};
constexpr std::size_t most_needs = 24; // SOP classes kept in mind for the next association
constexpr int down_after = 3;          // link failures in a row
} // namespace

struct Lane::Worker {
    std::shared_ptr<Link> link; // replaced under Lane::mutex_, so that stop() can abort it
    std::vector<Need> needs;    // what the link was asked for; the worker's thread only
    std::vector<Need> history;  // what recent associations needed; the worker's thread only
    std::uint64_t seen_work = 0;
    std::string link_error;     // why there is no link; the worker's thread only
    std::optional<std::int64_t> next_due;
    Clock::time_point idle_since{};
    std::jthread thread;
};

std::string_view to_string(LaneState state) {
    switch (state) {
    case LaneState::up: return "up";
    case LaneState::throttled: return "throttled";
    case LaneState::paused: return "paused";
    case LaneState::down: return "down";
    }
    return "down";
}

Lane::Lane(const DestinationConfig& config, std::unique_ptr<Destination> destination, Spool& spool,
           AcceptanceBook& acceptance, Logger& logger)
    : config_(config), destination_(std::move(destination)), spool_(spool), acceptance_(acceptance),
      logger_(logger), random_(std::random_device{}()) {}

Lane::~Lane() { stop(Clock::now()); }

void Lane::start(bool paused) {
    paused_ = paused;
    for (int i = 0; i < config_.associations; ++i) {
        workers_.push_back(std::make_unique<Worker>());
        Worker& worker = *workers_.back();
        worker.thread = std::jthread([this, &worker](const std::stop_token& stop) { run(worker, stop); });
    }
}

void Lane::wake() {
    {
        const std::lock_guard lock(mutex_);
        ++work_;
    }
    changed_.notify_all();
}

void Lane::pause(bool paused) {
    {
        const std::lock_guard lock(mutex_);
        paused_ = paused;
        ++work_;
    }
    changed_.notify_all();
}

void Lane::retry_now() {
    {
        const std::lock_guard lock(mutex_);
        closed_until_ = {};
        holding_ = false;
        ++work_;
    }
    changed_.notify_all();
}

void Lane::stop(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    if (workers_.empty())
        return;
    stopping_ = true;
    for (const auto& worker : workers_)
        worker->thread.request_stop();
    changed_.notify_all();
    changed_.wait_until(lock, deadline, [&] { return active_ == 0; });
    destination_->interrupt();
    for (const auto& worker : workers_)
        if (worker->link)
            worker->link->abort();
    lock.unlock();
    for (const auto& worker : workers_)
        if (worker->thread.joinable())
            worker->thread.join();
    workers_.clear();
}

LaneStatus Lane::status() const {
    const std::lock_guard lock(mutex_);
    LaneStatus status = counts_;
    status.window = window_;
    status.links = active_;
    const auto closed_for = closed_until_ - Clock::now();
    if (paused_)
        status.state = LaneState::paused;
    else if (holding_ || failures_ >= down_after)
        status.state = LaneState::down;
    else if (failures_ > 0)
        status.state = LaneState::throttled;
    else
        status.state = LaneState::up;
    if (closed_for.count() > 0)
        status.next_try =
            unix_ms_now() + std::chrono::duration_cast<std::chrono::milliseconds>(closed_for).count();
    return status;
}

void Lane::run(Worker& worker, const std::stop_token& stop) {
    name_this_thread("lane " + config_.name);
    while (wait_for_turn(worker, stop)) {
        try {
            work(worker, stop);
        } catch (const std::exception& error) {
            trouble("lane_failure", error.what()); // the wall of the lanes
        } catch (...) {
            trouble("lane_failure", "unknown exception");
        }
        {
            const std::lock_guard lock(mutex_);
            --active_;
        }
        worker.idle_since = Clock::now();
        changed_.notify_all();
    }
    drop_link(worker);
}

// A polite release may take a second: never under the mutex.
void Lane::drop_link(Worker& worker) {
    std::shared_ptr<Link> link;
    {
        const std::lock_guard lock(mutex_);
        link = std::move(worker.link);
        worker.link.reset();
    }
    link.reset();
}

// The journal, memory or descriptors failed: nobody leases for a moment, whatever wakes up.
void Lane::trouble(std::string_view event, const std::string& error) {
    {
        const std::lock_guard lock(mutex_);
        trouble_until_ = Clock::now() + pause_after_trouble;
        ++work_;
    }
    logger_.log(LogLevel::error, event, {{"destination", config_.name}, {"error", error}});
}

// Blocks until this worker may lease; counts it as active. False: stopping.
bool Lane::wait_for_turn(Worker& worker, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (stop.stop_requested() || stopping_)
            return false;
        const auto now = Clock::now();
        const bool due = worker.next_due && *worker.next_due <= unix_ms_now();
        const bool open = !paused_ && now >= closed_until_ && now >= trouble_until_ && active_ < window_;
        if (open && (due || work_ != worker.seen_work)) {
            worker.seen_work = work_;
            worker.next_due.reset();
            ++active_;
            return true;
        }
        const auto idle_until = connecting_ > 0
                                    ? std::min(worker.idle_since + idle_link, connecting_since_ + make_room_after)
                                    : worker.idle_since + idle_link;
        if (worker.link && now >= idle_until) {
            lock.unlock();
            drop_link(worker);
            lock.lock();
            continue;
        }
        auto wake_at = now + look_again;
        if (trouble_until_ > now)
            wake_at = std::min(wake_at, trouble_until_);
        if (worker.link)
            wake_at = std::min(wake_at, idle_until);
        if (closed_until_ > now)
            wake_at = std::min(wake_at, closed_until_);
        // What is due already waits for the lane to open or for a place, and both wake us: no polling until then.
        if (worker.next_due && !due && !paused_)
            wake_at = std::min(wake_at, now + std::chrono::milliseconds(
                                                  std::max<std::int64_t>(1, *worker.next_due - unix_ms_now())));
        if (changed_.wait_until(lock, wake_at) == std::cv_status::timeout && wake_at >= now + look_again)
            ++work_; // a wall clock that was set, or a wake-up that was lost: look now and then
    }
}

void Lane::work(Worker& worker, const std::stop_token& stop) {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_ || paused_ || Clock::now() < closed_until_)
                return;
        }
        auto leased = spool_.journal().lease_sending(config_.name, batch_size, unix_ms_now());
        if (!leased) {
            trouble("lease_failed", leased.error().text);
            return;
        }
        if (leased->empty()) {
            const auto due = spool_.journal().next_due(config_.name);
            if (due)
                worker.next_due = *due;
            else
                trouble("due_unknown", due.error().text);
            return;
        }
        if (!work_through(worker, *leased, stop))
            return;
    }
}

// Whatever happens, no row of the batch stays `sending`.
bool Lane::work_through(Worker& worker, const std::vector<SendingLease>& batch, const std::stop_token& stop) {
    std::size_t next = 0;
    try {
        bool link_alive = ensure_link(worker, batch);
        for (; next < batch.size(); ++next) {
            if (!link_alive || stop.stop_requested())
                give_back(batch[next], link_alive ? std::string() : worker.link_error);
            else
                link_alive = deliver(worker, batch[next]);
        }
        return link_alive;
    } catch (...) {
        // The one in hand may have been sent, which costs a repeated delivery at worst.
        for (; next < batch.size(); ++next)
            give_back(batch[next], {});
        drop_link(worker);
        throw;
    }
}

std::vector<Need> Lane::needs_of(Worker& worker, const std::vector<SendingLease>& batch) const {
    std::vector<Need> needs;
    const auto add = [&](const Instance& instance) {
        auto place = std::find_if(needs.begin(), needs.end(), [&](const Need& need) {
            return need.sop_class_uid == instance.sop_class_uid;
        });
        if (place == needs.end()) {
            needs.push_back({instance.sop_class_uid, {}});
            place = needs.end() - 1;
            for (const auto uid : proposed_syntaxes(config_.syntax))
                place->transfer_syntax_uids.emplace_back(uid);
        }
        auto& uids = place->transfer_syntax_uids;
        if (std::find(uids.begin(), uids.end(), instance.transfer_syntax_uid) == uids.end())
            uids.push_back(instance.transfer_syntax_uid);
    };
    for (const auto& lease : batch)
        add(lease.row.instance);
    for (const auto& old : worker.history) {
        if (needs.size() >= most_needs)
            break;
        const auto place = std::find_if(needs.begin(), needs.end(), [&](const Need& need) {
            return need.sop_class_uid == old.sop_class_uid;
        });
        if (place == needs.end()) {
            needs.push_back(old);
            continue;
        }
        for (const auto& uid : old.transfer_syntax_uids) {
            auto& uids = place->transfer_syntax_uids;
            if (std::find(uids.begin(), uids.end(), uid) == uids.end())
                uids.push_back(uid);
        }
    }
    return needs;
}

// A link that was asked for all that the batch may need; the old one if it serves.
bool Lane::ensure_link(Worker& worker, const std::vector<SendingLease>& batch) {
    const bool alone = std::any_of(batch.begin(), batch.end(), [](const auto& l) { return l.delivery.alone; });
    if (worker.link && worker.link->usable() && !alone) {
        const bool serves = std::all_of(batch.begin(), batch.end(), [&](const SendingLease& lease) {
            return worker.link->asked(lease.row.instance.sop_class_uid, lease.delivery.syntax);
        });
        if (serves)
            return true;
    }
    drop_link(worker);
    worker.link_error.clear();
    worker.needs = needs_of(worker, batch);
    {
        const std::lock_guard lock(mutex_);
        if (connecting_++ == 0)
            connecting_since_ = Clock::now();
    }
    changed_.notify_all();
    auto connected = destination_->connect(worker.needs);
    {
        const std::lock_guard lock(mutex_);
        --connecting_;
    }
    if (!connected) {
        worker.link_error = connected.error().text;
        link_failed(worker.link_error, connected.error().permanent);
        return false;
    }
    worker.history = worker.needs;
    teach(**connected, worker.needs);
    const std::lock_guard lock(mutex_);
    worker.link = std::move(*connected);
    if (stopping_)
        worker.link->abort();
    return true;
}

void Lane::teach(const Link& link, const std::vector<Need>& needs) {
    std::vector<Acceptance> seen;
    for (const auto& need : needs)
        for (const auto& uid : need.transfer_syntax_uids)
            if (link.asked(need.sop_class_uid, uid))
                seen.push_back({need.sop_class_uid, uid, link.takes(need.sop_class_uid, uid)});
    acceptance_.learn(config_.name, seen);
}

bool Lane::deliver(Worker& worker, const SendingLease& lease) {
    if ((lease.delivery.alone || !worker.link || !worker.link->usable()) && !ensure_link(worker, {lease})) {
        give_back(lease, worker.link_error);
        return false;
    }
    const auto& instance = lease.row.instance;
    const bool derived = lease.delivery.syntax != instance.transfer_syntax_uid;
    auto blob = derived ? spool_.blobs().open(Spool::derived_name(lease.row.id, lease.delivery.syntax))
                        : spool_.open_verified(lease.row);
    if (!blob) {
        settle_unreadable(lease, blob.error(), derived);
        return true;
    }
    if (!worker.link->takes(instance.sop_class_uid, lease.delivery.syntax)) {
        settle_context_refused(lease);
        return true;
    }
    const auto file = (*blob)->bytes();
    const auto meta = read_file_meta(file);
    if (!meta) {
        spool_.journal().settle({.delivery = lease.delivery.id, .state = DeliveryState::held,
                                 .error = "stored file has no readable meta information: " + meta.error().text});
        return true;
    }
    Parcel parcel;
    parcel.sop_class_uid = instance.sop_class_uid;
    parcel.sop_instance_uid = instance.sop_instance_uid;
    parcel.transfer_syntax_uid = lease.delivery.syntax;
    parcel.data_set = file.subspan(static_cast<std::size_t>(meta->dataset_offset));
    parcel.source_aet = lease.row.origin.calling_aet;
    const auto result = worker.link->send(parcel);
    settle(lease, result);
    const bool closed = result.outcome == Outcome::retry_link || result.outcome == Outcome::retry_resources ||
                        result.outcome == Outcome::refused;
    if (closed)
        return false;
    // After an unknown outcome the rest of the batch may go on over a fresh link, unless the lane is closed.
    const std::lock_guard lock(mutex_);
    return Clock::now() >= closed_until_ && !stopping_;
}

} // namespace dcmflow
