#include "pipeline/budget.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace dcmflow {
namespace {

TEST(Budget, CreditsComeBackWhenTheyEnd) {
    Budget budget(100);
    {
        const auto credit = budget.acquire(60, {});
        ASSERT_TRUE(credit);
        EXPECT_EQ(budget.used(), 60U);
        auto moved = budget.acquire(40, {});
        ASSERT_TRUE(moved);
        const Credit other = std::move(*moved);
        EXPECT_EQ(budget.used(), 100U);
    }
    EXPECT_EQ(budget.used(), 0U);
    EXPECT_EQ(budget.peak(), 100U);
}

TEST(Budget, AnObjectLargerThanTheBudgetGetsAllOfIt) {
    Budget budget(100);
    const auto credit = budget.acquire(1'000'000, {});
    ASSERT_TRUE(credit);
    EXPECT_EQ(credit->bytes(), 100U);
}

TEST(Budget, StopEndsTheWait) {
    Budget budget(100);
    const auto all = budget.acquire(100, {});
    std::stop_source stop;
    bool got = true;
    std::jthread waiter([&] { got = budget.acquire(1, stop.get_token()).has_value(); });
    stop.request_stop();
    waiter.join();
    EXPECT_FALSE(got);
    EXPECT_EQ(budget.used(), 100U);
}

TEST(Budget, AStoppedWaiterDoesNotHoldUpTheNext) {
    Budget budget(100);
    auto all = budget.acquire(100, {});
    std::stop_source stop;
    std::jthread first([&] { (void)budget.acquire(50, stop.get_token()); });
    stop.request_stop();
    first.join();
    bool got = false;
    std::jthread second([&] { got = budget.acquire(50, {}).has_value(); });
    *all = Credit();
    second.join();
    EXPECT_TRUE(got);
}

TEST(Budget, NeverMoreThanTheTotalUnderManyThreads) {
    Budget budget(1000);
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 8; ++t)
        threads.emplace_back([&budget, t] {
            for (unsigned i = 0; i < 500; ++i) {
                const auto credit = budget.acquire(1 + (t * 131 + i * 17) % 700, {});
                ASSERT_TRUE(credit);
            }
        });
    threads.clear();
    EXPECT_EQ(budget.used(), 0U);
    EXPECT_LE(budget.peak(), 1000U);
}

} // namespace
} // namespace dcmflow
