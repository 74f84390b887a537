#include "pipeline/recompress/store_threads.h"

#include "pipeline/thread_name.h"

#include <utility>

namespace dcmflow::recompress {

StoreThreads::StoreThreads(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        threads_.emplace_back([this] { serve(); });
}

StoreThreads::~StoreThreads() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    ready_.notify_all();
    for (auto& thread : threads_)
        thread.join();
}

void StoreThreads::push(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(work));
    }
    ready_.notify_one();
}

void StoreThreads::serve() {
    name_this_thread("store");
    std::unique_lock lock(mutex_);
    for (;;) {
        ready_.wait(lock, [this] { return closed_ || !queue_.empty(); });
        if (queue_.empty())
            return;
        const auto work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        lock.lock();
    }
}

} // namespace dcmflow::recompress
