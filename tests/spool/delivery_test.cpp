#include "pipeline/spool/delivery.h"

#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using enum DeliveryState;
constexpr DeliveryState all[] = {waiting, ready, sending, retry, held, failed, delivered, dropped};

TEST(Delivery, NamesGoBothWays) {
    for (const auto state : all)
        EXPECT_EQ(delivery_state_from(to_string(state)), state);
    EXPECT_EQ(delivery_state_from("Ready"), std::nullopt);
    EXPECT_EQ(delivery_state_from(""), std::nullopt);
}

TEST(Delivery, OnlyDeliveredAndDroppedAreFinal) {
    for (const auto state : all)
        EXPECT_EQ(is_final(state), state == delivered || state == dropped) << to_string(state);
}

TEST(Delivery, TransitionsAreThoseOfTheFigure) {
    for (const auto state : all)
        EXPECT_FALSE(may_become(state, state)) << to_string(state);
    // Only a lane that holds the row may say that it was delivered.
    for (const auto state : all) {
        EXPECT_EQ(may_become(state, delivered), state == sending) << to_string(state);
        EXPECT_EQ(may_become(state, sending), state == ready || state == retry) << to_string(state);
        EXPECT_EQ(may_become(state, dropped), !is_final(state) && state != sending)
            << to_string(state);
        EXPECT_EQ(may_become(state, waiting), state != waiting) << to_string(state);
    }
    EXPECT_TRUE(may_become(waiting, ready));
    EXPECT_TRUE(may_become(sending, retry));
    EXPECT_FALSE(may_become(waiting, retry));
    EXPECT_FALSE(may_become(held, ready));
    EXPECT_FALSE(may_become(delivered, held));
}

} // namespace
} // namespace dcmflow
