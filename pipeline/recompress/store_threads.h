// StoreThreads: the threads that wait for the disk, so that the graph's need not.
//
// Owned by the run. Work is taken in order and never refused; bounds sit at the run's door. The
// destructor does what is left, then joins.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace dcmflow::recompress {

class StoreThreads {
  public:
    explicit StoreThreads(std::size_t count);
    ~StoreThreads();
    StoreThreads(const StoreThreads&) = delete;
    StoreThreads& operator=(const StoreThreads&) = delete;
    void push(std::function<void()> work); // which must not throw

  private:
    void serve();
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> queue_; // guarded by mutex_
    bool closed_ = false;                     // guarded by mutex_
    std::vector<std::thread> threads_;
};

} // namespace dcmflow::recompress
