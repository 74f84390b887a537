// Sending: many objects to one destination over several associations; the engine of `dcmflow send`.
//
// Owned by the command. start() makes one thread per association; they end when all is settled or
// no association can be made any more. Results come by callback, one at a time, from those threads.
// It retries what a link did, a little; never what a peer said.
#pragma once

#include "pipeline/deliver/destination.h"
#include "pipeline/result.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace dcmflow::cli {

// What is known of an object before its bytes are needed.
struct Item {
    std::string path; // as the user knows it
    std::string sop_class_uid;
    std::string sop_instance_uid;
    std::string transfer_syntax_uid;
    std::uint64_t bytes = 0;
};

// An object's data set, kept alive by `owner`.
struct Loaded {
    std::shared_ptr<const void> owner;
    std::span<const std::byte> data_set;
};
using Loader = std::function<Result<Loaded>(std::size_t item)>; // any thread

struct ItemResult {
    SendResult sent;
    std::chrono::microseconds took{0}; // of the attempt that settled it
    int attempts = 0;                  // 0: no association could be made
};

class Sending {
  public:
    using OnResult = std::function<void(std::size_t item, const ItemResult& result)>;
    Sending(Destination& destination, std::vector<Item> items, Loader loader, OnResult on_result);
    ~Sending(); // waits for the threads

    void start(int associations);
    // True when all threads have ended; false after `patience`.
    [[nodiscard]] bool wait_for(std::chrono::milliseconds patience);
    // After that: gives every item that is left the last connection error.
    void finish();

    struct Progress {
        std::size_t settled = 0;
        std::uint64_t bytes = 0; // of delivered objects
    };
    [[nodiscard]] Progress progress() const;
    [[nodiscard]] const std::vector<Item>& items() const { return items_; }

  private:
    struct Work {
        std::size_t item = 0;
        int attempts = 0;
    };
    void work();
    // Waits while the queue is empty but others may still put something back. False: all is
    // settled.
    [[nodiscard]] bool next(Work& work);
    void put_back(const Work& work);
    void settle(const Work& work, const ItemResult& result);
    [[nodiscard]] bool send_one(std::unique_ptr<Link>& link, Work work);
    // A link that was asked for this item's class and syntax; false if none can be made.
    [[nodiscard]] bool ensure_link(std::unique_ptr<Link>& link, const Item& item);
    [[nodiscard]] std::vector<Need> needs_from(const Item& first) const;

    Destination& destination_;
    const std::vector<Item> items_;
    Loader loader_;
    OnResult on_result_;
    std::map<std::string, std::set<std::string>> needs_; // all classes and their syntaxes
    std::vector<std::thread> threads_;
    mutable std::mutex mutex_; // over what follows
    std::condition_variable ended_;
    std::condition_variable changed_; // the queue or what is in hand
    std::deque<Work> queue_;
    std::size_t in_hand_ = 0; // taken from the queue, neither settled nor put back
    Progress progress_;
    std::string connect_error_;
    int running_ = 0;
};

} // namespace dcmflow::cli
