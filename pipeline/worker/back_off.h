// BackOff: when the next worker may be started, after one could not be.
//
// Plain values; its owner's lock guards it. Many threads fail at once when a start fails for all:
// that is one failure, so only an attempt that began after the pause makes the next one longer.
#pragma once

#include <algorithm>
#include <chrono>

namespace dcmflow::worker {

class BackOff {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds first{100};
    static constexpr std::chrono::milliseconds longest{5'000};

    [[nodiscard]] bool over(Clock::time_point now) const {
        return pause_.count() == 0 || now >= until_;
    }
    [[nodiscard]] Clock::time_point until() const { return until_; }

    void succeeded() { pause_ = {}; }
    void failed(Clock::time_point began, Clock::time_point now) {
        if (!over(began))
            return;
        pause_ = std::clamp(pause_ * 2, first, longest);
        until_ = now + pause_;
    }

  private:
    std::chrono::milliseconds pause_{0};
    Clock::time_point until_{};
};

} // namespace dcmflow::worker
