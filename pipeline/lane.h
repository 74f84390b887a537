// Lane: everything about delivering to one destination: its threads, links, window and back-off.
//
// One per destination; a dead, slow or hostile peer can harm only its own lane. Each of its threads loops:
// lease ready rows → link → send → settle. Threads sleep until rows are ready, a retry is due or the lane may be
// tried again; nothing polls. A link failure closes the lane for a while (exponential, with jitter) and counts
// nothing against objects; an object's refusal never closes the lane (design §3).
#pragma once

#include "pipeline/acceptance.h"
#include "pipeline/config/config.h"
#include "pipeline/deliver/destination.h"
#include "pipeline/log.h"
#include "pipeline/spool/spool.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dcmflow {

enum class LaneState : std::uint8_t { up, throttled, paused, down };
[[nodiscard]] std::string_view to_string(LaneState state);

struct LaneStatus {
    LaneState state = LaneState::up;
    int window = 0; // links that may be open now
    int links = 0;  // links that are sending now
    std::string last_error;
    std::int64_t next_try = 0; // Unix ms, when throttled or down
    std::uint64_t delivered = 0, bytes = 0, warnings = 0, object_failures = 0, link_failures = 0, redirected = 0;
};

class Lane {
  public:
    Lane(const DestinationConfig& config, std::unique_ptr<Destination> destination, Spool& spool,
         AcceptanceBook& acceptance, Logger& logger);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    void start(bool paused);
    void wake();                // rows may be ready; any thread, quick
    void pause(bool paused);    // in memory; the journal remembers
    void retry_now();           // an operator says so: opens the lane
    // No more leases; what is being sent may finish until the deadline, then is broken off. Joins.
    void stop(std::chrono::steady_clock::time_point deadline);

    [[nodiscard]] const std::string& name() const { return config_.name; }
    [[nodiscard]] LaneStatus status() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Worker; // one thread and its link

    void run(Worker& worker, const std::stop_token& stop);
    [[nodiscard]] bool wait_for_turn(Worker& worker, const std::stop_token& stop);
    void work(Worker& worker, const std::stop_token& stop);
    // False when the link is gone.
    [[nodiscard]] bool work_through(Worker& worker, const std::vector<SendingLease>& batch, const std::stop_token& stop);
    void drop_link(Worker& worker);
    void trouble(std::string_view event, const std::string& error);
    // Returns false when the link is gone and the rest of the batch must go back.
    [[nodiscard]] bool deliver(Worker& worker, const SendingLease& lease);
    [[nodiscard]] bool ensure_link(Worker& worker, const std::vector<SendingLease>& batch);
    [[nodiscard]] std::vector<Need> needs_of(Worker& worker, const std::vector<SendingLease>& batch) const;
    void teach(const Link& link, const std::vector<Need>& needs);
    void settle(const SendingLease& lease, const SendResult& result);
    void settle_refusal(const SendingLease& lease, Settlement settlement, const std::string& error);
    void settle_context_refused(const SendingLease& lease);
    void settle_unknown(const SendingLease& lease, const std::string& error);
    void settle_unreadable(const SendingLease& lease, const Error& error, bool derived);
    [[nodiscard]] bool too_old(const SendingLease& lease) const;
    void forget_row(DeliveryId delivery);
    void give_back(const SendingLease& lease, const std::string& error);
    void link_failed(const std::string& error, bool permanent);
    void link_worked();
    [[nodiscard]] std::int64_t backoff_ms(int failures);

    const DestinationConfig config_;
    const std::unique_ptr<Destination> destination_;
    Spool& spool_;
    AcceptanceBook& acceptance_;
    Logger& logger_;

    std::mutex random_mutex_;
    std::mt19937_64 random_; // guarded by random_mutex_

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    // All below: guarded by mutex_.
    std::uint64_t work_ = 1;  // grows with every wake(); a worker that saw this number has nothing to do
    bool paused_ = false;
    bool stopping_ = false;
    bool holding_ = false;    // the peer refuses us by policy: a config fault on either side
    int window_ = 1;
    int active_ = 0;          // workers between lease and settle
    int connecting_ = 0;      // workers that wait for an association
    Clock::time_point connecting_since_{};
    int failures_ = 0;        // link failures in a row
    Clock::time_point closed_until_{};
    Clock::time_point trouble_until_{};
    std::int64_t last_unknown_ = 0; // Unix ms
    std::int64_t last_success_ = 0; // Unix ms
    std::map<DeliveryId, std::int64_t> unknown_since_; // last unknown outcome of a row, Unix ms
    std::map<DeliveryId, int> redirects_; // refused contexts since the row was last counted
    LaneStatus counts_;
    std::vector<std::unique_ptr<Worker>> workers_; // constant after start()
};

} // namespace dcmflow
