// Budget: the bytes of image data that may be in flight, and Credit, the right to some of them.
//
// Bounds sit at the door of the flow graph, not inside it (design §4). Acquiring blocks the feeder, never a
// graph node. First come, first served: a large object is not starved by small ones. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace dcmflow {

class Budget;

// Move-only. Gives its bytes back when destroyed.
class Credit {
  public:
    Credit() = default;
    Credit(Credit&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Credit& operator=(Credit&& other) noexcept;
    Credit(const Credit&) = delete;
    Credit& operator=(const Credit&) = delete;
    ~Credit();
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    friend class Budget;
    Credit(Budget* budget, std::uint64_t bytes) : budget_(budget), bytes_(bytes) {}
    Budget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
};

class Budget {
  public:
    explicit Budget(std::uint64_t total) : total_(total) {}
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

    // Waits for its turn and for `bytes` to be free; an object larger than the whole budget gets all of it and
    // so runs alone. nullopt when `stop` is requested first.
    [[nodiscard]] std::optional<Credit> acquire(std::uint64_t bytes, std::stop_token stop);

    [[nodiscard]] std::uint64_t total() const { return total_; }
    [[nodiscard]] std::uint64_t used() const;
    [[nodiscard]] std::uint64_t peak() const; // highest `used` so far

  private:
    friend class Credit;
    void give_back(std::uint64_t bytes);

    const std::uint64_t total_;
    mutable std::mutex mutex_;
    std::condition_variable_any freed_;
    std::uint64_t used_ = 0;     // guarded by mutex_
    std::uint64_t peak_ = 0;     // guarded by mutex_
    std::list<int> queue_;        // guarded by mutex_: who waits, first come first
};

} // namespace dcmflow
