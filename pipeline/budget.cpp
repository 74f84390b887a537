#include "pipeline/budget.h"

#include <algorithm>

namespace dcmflow {

Credit& Credit::operator=(Credit&& other) noexcept {
    if (this != &other) {
        if (budget_ != nullptr)
            budget_->give_back(bytes_);
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
}

Credit::~Credit() {
    if (budget_ != nullptr)
        budget_->give_back(bytes_);
}

std::optional<Credit> Budget::acquire(std::uint64_t bytes, std::stop_token stop) {
    const std::uint64_t wanted = std::min(bytes, total_);
    std::unique_lock lock(mutex_);
    const auto place = queue_.insert(queue_.end(), 0);
    const bool granted = freed_.wait(lock, stop, [&] {
        return queue_.begin() == place && used_ + wanted <= total_;
    });
    queue_.erase(place);
    if (!granted) {
        lock.unlock();
        freed_.notify_all();
        return std::nullopt;
    }
    used_ += wanted;
    peak_ = std::max(peak_, used_);
    lock.unlock();
    freed_.notify_all();
    return Credit(this, wanted);
}

void Budget::give_back(std::uint64_t bytes) {
    {
        const std::lock_guard lock(mutex_);
        used_ -= bytes;
    }
    freed_.notify_all();
}

std::uint64_t Budget::used() const {
    const std::lock_guard lock(mutex_);
    return used_;
}

std::uint64_t Budget::peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
}

} // namespace dcmflow
