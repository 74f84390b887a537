// Leases, their order and fairness, and how they end; what a crash leaves behind.
#include "tests/spool/journal_suite.h"

#include <gmock/gmock.h>

namespace dcmflow::spool_test {

using rules::Priority;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

template <class Leases> std::vector<std::string> uids(const Leases& leases) {
    std::vector<std::string> found;
    for (const auto& lease : leases)
        found.push_back(lease.row.instance.sop_instance_uid);
    return found;
}

} // namespace

TEST_P(JournalTest, RoutingLeasesComeMostUrgentThenOldestFirst) {
    accept("1.1", deliver_to({"a"}, Priority::bulk));
    accept("1.2", deliver_to({"a"}));
    accept("1.3", deliver_to({"a"}, Priority::stat));
    accept("1.4", deliver_to({"a"}));
    EXPECT_THAT(uids(*journal->lease_routing(3)), ElementsAre("1.3", "1.2", "1.4"));
    EXPECT_THAT(uids(*journal->lease_routing(3)), ElementsAre("1.1"))
        << "no instance is leased twice";
    EXPECT_THAT(uids(*journal->lease_routing(3)), IsEmpty());
    EXPECT_THAT(*journal->lease_routing(0), IsEmpty());
}

TEST_P(JournalTest, ARoutingLeaseTakesAllWaitingDeliveriesOfItsInstance) {
    auto decision = deliver_to({"a", "b"});
    decision.deliveries[1].priority = Priority::bulk;
    accept("1.1", decision);
    const auto leases = *journal->lease_routing(10);
    ASSERT_EQ(leases.size(), 1U);
    ASSERT_EQ(leases[0].deliveries.size(), 2U);
    EXPECT_EQ(leases[0].deliveries[0].destination, "a");
    EXPECT_EQ(leases[0].deliveries[0].state, DeliveryState::waiting);
    EXPECT_EQ(leases[0].row.matched_rules, std::vector<std::string>{"everything"});
}

TEST_P(JournalTest, AReturnedRoutingLeaseCanBeTakenAgain) {
    accept("1.1", deliver_to({"a"}));
    const auto leases = *journal->lease_routing(10);
    (void)told();
    journal->return_routing(leases.at(0).row.id);
    journal->flush();
    EXPECT_THAT(told(), ElementsAre(""));
    EXPECT_EQ(journal->lease_routing(10)->size(), 1U);
}

TEST_P(JournalTest, PlanMakesReadyAndKeepsReasons) {
    const auto id = accept("1.1", deliver_to({"a", "b", "c", "d"}));
    const auto leases = *journal->lease_routing(10);
    const auto& d = leases.at(0).deliveries;
    // An operator takes two of them while they are in the graph.
    ASSERT_EQ(*journal->act(QueueAction::hold, {.ids = {d[1].id}}, ""), 1U);
    ASSERT_EQ(*journal->act(QueueAction::drop, {.ids = {d[2].id}}, ""), 1U);
    journal->plan(id, {{d[0].id, jpeg_ls, ""}, {d[1].id, jpeg_ls, ""}, {d[2].id, jpeg_ls, ""}});
    journal->flush();
    EXPECT_EQ(row("1.1", "a").state, DeliveryState::ready);
    EXPECT_EQ(row("1.1", "a").syntax, jpeg_ls);
    EXPECT_EQ(row("1.1", "b").state, DeliveryState::held);
    EXPECT_EQ(row("1.1", "b").syntax, "");
    EXPECT_EQ(row("1.1", "c").state, DeliveryState::dropped);
    EXPECT_EQ(row("1.1", "d").state, DeliveryState::waiting) << "the plan left it out";
    const auto rest = *journal->lease_routing(10);
    ASSERT_EQ(rest.size(), 1U) << "what the plan left out can be leased again";
    journal->plan(id, {{d[3].id, explicit_le, "kept: overlay"}});
    EXPECT_EQ(row("1.1", "d").reason, "kept: overlay");
}

TEST_P(JournalTest, PlanKeepsTheDigestOfThePixels) {
    const auto id = accept("1.1", deliver_to({"a", "b"}));
    const auto leases = *journal->lease_routing(10);
    EXPECT_FALSE(leases.at(0).row.pixel_digest);
    const auto& d = leases.at(0).deliveries;
    Digest pixels;
    pixels.bytes.fill(0xA5);
    journal->plan(id, {{d[0].id, jpeg_ls, "", pixels}, {d[1].id, explicit_le, "", {}}});
    journal->flush();
    const auto found = *journal->query({});
    ASSERT_EQ(found.size(), 2U);
    for (const auto& entry : found)
        EXPECT_EQ(entry.row.pixel_digest, pixels);
}

TEST_P(JournalTest, AnInstanceInTheGraphIsNotLeasedAgainForALaterDelivery) {
    const auto id = accept("1.1", deliver_to({"a"}));
    const auto first = *journal->lease_routing(10);
    accept("1.1", deliver_to({"a", "b"}));
    EXPECT_THAT(*journal->lease_routing(10), IsEmpty());
    (void)told();
    journal->plan(id, {{first.at(0).deliveries.at(0).id, explicit_le, ""}});
    journal->flush();
    EXPECT_THAT(told(), ElementsAre("", "a")) << "the later one can be taken now";
    const auto second = *journal->lease_routing(10);
    ASSERT_EQ(second.size(), 1U);
    ASSERT_EQ(second[0].deliveries.size(), 1U);
    EXPECT_EQ(second[0].deliveries[0].destination, "b");
}

TEST_P(JournalTest, SendingLeasesAreOfOneDestinationByPriorityAndAge) {
    accept("1.1", deliver_to({"a", "b"}, Priority::bulk));
    accept("1.2", deliver_to({"a"}));
    accept("1.3", deliver_to({"a"}, Priority::stat));
    accept("1.4", deliver_to({"a"}));
    EXPECT_THAT(lease("a"), IsEmpty()) << "nothing is ready yet";
    plan_all();
    const auto first = lease("a", 3);
    EXPECT_THAT(uids(first), ElementsAre("1.3", "1.2", "1.4"));
    EXPECT_EQ(first[0].delivery.state, DeliveryState::sending);
    EXPECT_EQ(first[0].delivery.syntax, explicit_le);
    EXPECT_THAT(uids(lease("a", 3)), ElementsAre("1.1"));
    EXPECT_THAT(lease("a", 3), IsEmpty());
    EXPECT_THAT(uids(lease("b", 3)), ElementsAre("1.1"));
    EXPECT_THAT(lease("c"), IsEmpty());
}

TEST_P(JournalTest, FreshAndDueRowsTakeTurnsEvenOneByOne) {
    for (int i = 0; i < 4; ++i)
        accept("1." + std::to_string(i), deliver_to({"a"}));
    plan_all();
    for (const auto& old : lease("a"))
        settle(old, DeliveryState::retry, "busy", clock.now + 10);
    for (int i = 0; i < 4; ++i)
        accept("2." + std::to_string(i), deliver_to({"a"}));
    plan_all();
    clock.now += 10;
    EXPECT_THAT(uids(lease("a", 3)), ElementsAre("2.0", "1.0", "2.1"));
    EXPECT_THAT(uids(lease("a", 1)), ElementsAre("1.1"));
    EXPECT_THAT(uids(lease("a", 1)), ElementsAre("2.2"));
    EXPECT_THAT(uids(lease("a", 1)), ElementsAre("1.2"));
    EXPECT_THAT(uids(lease("a", 9)), ElementsAre("2.3", "1.3"));
}

TEST_P(JournalTest, RetryWaitsUntilItIsDue) {
    accept("1.1", deliver_to({"a"}));
    accept("1.2", deliver_to({"a"}, Priority::bulk));
    plan_all();
    const auto leases = lease("a");
    EXPECT_EQ(*journal->next_due("a"), std::nullopt);
    settle(leases.at(0), DeliveryState::retry, "busy", clock.now + 2000);
    settle(leases.at(1), DeliveryState::retry, "busy", clock.now + 1000);
    EXPECT_EQ(*journal->next_due("a"), clock.now + 1000);
    EXPECT_THAT(lease("a"), IsEmpty());
    clock.now += 1000;
    EXPECT_THAT(uids(lease("a")), ElementsAre("1.2"));
    EXPECT_EQ(*journal->next_due("a"), clock.now + 1000);
    ASSERT_TRUE(journal->set_paused("a", true));
    EXPECT_EQ(*journal->next_due("a"), std::nullopt) << "a paused lane has nothing to wake up for";
}

TEST_P(JournalTest, SettlementsCountWhatTheySay) {
    accept("1.1", deliver_to({"a"}));
    plan_all();
    const auto id = row("1.1", "a").id;
    (void)lease("a");
    journal->settle({.delivery = id,
                     .state = DeliveryState::retry,
                     .error = "refused: 0xC000",
                     .due = clock.now,
                     .count_attempt = true});
    EXPECT_EQ(row("1.1", "a").attempts, 1);
    EXPECT_EQ(row("1.1", "a").last_error, "refused: 0xC000");
    EXPECT_EQ(row("1.1", "a").due, clock.now);
    ASSERT_EQ(lease("a").size(), 1U);
    journal->settle({.delivery = id,
                     .state = DeliveryState::retry,
                     .error = "aborted",
                     .due = clock.now,
                     .count_unknown = true,
                     .alone = true});
    EXPECT_EQ(row("1.1", "a").attempts, 1);
    EXPECT_EQ(row("1.1", "a").unknown_outcomes, 1);
    EXPECT_TRUE(lease("a").at(0).delivery.alone);
    journal->settle({.delivery = id, .state = DeliveryState::ready, .alone = true});
    EXPECT_EQ(row("1.1", "a").state, DeliveryState::ready);
    EXPECT_EQ(row("1.1", "a").last_error, "aborted") << "what is known of it stays";
    EXPECT_EQ(row("1.1", "a").due, 0);
    (void)lease("a");
    journal->settle({.delivery = id, .state = DeliveryState::delivered, .error = "B007: coerced"});
    EXPECT_EQ(row("1.1", "a").state, DeliveryState::delivered);
    EXPECT_EQ(row("1.1", "a").last_error, "B007: coerced");
    EXPECT_EQ(row("1.1", "a").settled, clock.now);
    // A late settlement of somebody else changes nothing.
    journal->settle({.delivery = id, .state = DeliveryState::failed, .error = "late"});
    EXPECT_EQ(row("1.1", "a").state, DeliveryState::delivered);
}

TEST_P(JournalTest, SettledWithoutErrorADeliveredRowForgetsItsTroubles) {
    accept("1.1", deliver_to({"a"}));
    plan_all();
    settle(lease("a").at(0), DeliveryState::retry, "busy", clock.now);
    EXPECT_EQ(summary("a").last_error, "busy");
    settle(lease("a").at(0), DeliveryState::delivered);
    EXPECT_EQ(row("1.1", "a").last_error, "");
    EXPECT_EQ(summary("a").last_error, "");
}

TEST_P(JournalTest, SentBackForTheNextStepOfTheLadder) {
    accept("1.1", deliver_to({"a"}));
    plan_all();
    settle(lease("a").at(0), DeliveryState::waiting);
    EXPECT_EQ(state("1.1", "a"), DeliveryState::waiting);
    EXPECT_EQ(journal->lease_routing(1)->size(), 1U);
}

TEST_P(JournalTest, AfterACrashAllInHandWaitsAgain) {
    accept("1.1", deliver_to({"a"}));
    accept("1.2", deliver_to({"a"}));
    accept("1.3", deliver_to({"a"}));
    plan_all();
    settle(lease("a", 1).at(0), DeliveryState::retry, "busy", clock.now + 50);
    (void)lease("a", 1); // 1.2 is being sent, 1.3 is ready
    accept("1.4", deliver_to({"a"}));
    accept("1.5", deliver_to({"a"}));
    (void)journal->lease_routing(1); // 1.4 is in the graph
    const auto report = crash_and_start();
    EXPECT_EQ(report.sending_returned, 1U);
    EXPECT_EQ(report.routing_returned, 1U);
    EXPECT_EQ(report.held_as_poison, 0U);
    EXPECT_EQ(state("1.1", "a"), DeliveryState::retry) << "a retry keeps its due time";
    EXPECT_EQ(row("1.1", "a").due, clock.now + 50);
    for (const auto* uid : {"1.2", "1.3", "1.4", "1.5"}) {
        EXPECT_EQ(state(uid, "a"), DeliveryState::waiting) << uid;
        EXPECT_EQ(row(uid, "a").syntax, "");
    }
    EXPECT_EQ(row("1.2", "a").crashes, 1);
    EXPECT_EQ(row("1.3", "a").crashes, 0);
    EXPECT_EQ(row("1.4", "a").crashes, 1);
    EXPECT_EQ(row("1.5", "a").crashes, 0);
    EXPECT_EQ(journal->lease_routing(10)->size(), 4U);
}

TEST_P(JournalTest, WhatKeepsKillingTheGraphIsHeld) {
    accept("1.1", deliver_to({"a"}));
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(journal->lease_routing(1)->size(), 1U);
        EXPECT_EQ(crash_and_start(3).held_as_poison, 0U);
    }
    ASSERT_EQ(journal->lease_routing(1)->size(), 1U);
    EXPECT_EQ(crash_and_start(3).held_as_poison, 1U);
    EXPECT_EQ(state("1.1", "a"), DeliveryState::held);
    EXPECT_EQ(row("1.1", "a").crashes, 3);
    EXPECT_THAT(row("1.1", "a").last_error, HasSubstr("flow graph"));
    EXPECT_THAT(*journal->lease_routing(1), IsEmpty());
    ASSERT_EQ(*journal->act(QueueAction::release, {}, ""), 1U);
    EXPECT_EQ(row("1.1", "a").crashes, 0);
    EXPECT_EQ(journal->lease_routing(1)->size(), 1U);
}

TEST_P(JournalTest, WhatKeepsKillingTheSenderIsHeldAlthoughThePlansSucceed) {
    accept("1.1", deliver_to({"a"}));
    for (int i = 0; i < 3; ++i) {
        plan_all();
        ASSERT_EQ(lease("a").size(), 1U) << i;
        EXPECT_EQ(crash_and_start(3).held_as_poison, i == 2 ? 1U : 0U);
    }
    EXPECT_EQ(state("1.1", "a"), DeliveryState::held);
    EXPECT_THAT(row("1.1", "a").last_error, HasSubstr("sending"));
}

TEST_P(JournalTest, ADeathThatSaysMoreWeighsMore) {
    accept("1.1", deliver_to({"a"}));
    for (const int weight : {1, 4, 1, 4}) {
        ASSERT_EQ(journal->lease_routing(1)->size(), 1U);
        EXPECT_EQ(crash_and_start(12, weight).held_as_poison, 0U);
    }
    EXPECT_EQ(row("1.1", "a").crashes, 10);
    ASSERT_EQ(journal->lease_routing(1)->size(), 1U);
    EXPECT_EQ(crash_and_start(12, 4).held_as_poison, 1U);
}

TEST_P(JournalTest, WorkThatEndsWellForgetsTheCrashes) {
    accept("1.1", deliver_to({"a"}));
    (void)journal->lease_routing(1);
    (void)crash_and_start();
    EXPECT_EQ(row("1.1", "a").crashes, 1);
    plan_all();
    EXPECT_EQ(row("1.1", "a").crashes, 0);
    (void)lease("a");
    (void)crash_and_start();
    EXPECT_EQ(row("1.1", "a").crashes, 1);
    plan_all();
    settle(lease("a").at(0), DeliveryState::retry, "busy", clock.now);
    EXPECT_EQ(row("1.1", "a").crashes, 0);
}

TEST_P(JournalTest, PostedWorkSurvivesACloseInOrder) {
    accept("1.1", deliver_to({"a"}));
    const auto leases = *journal->lease_routing(1);
    journal->plan(leases.at(0).row.id, {{leases.at(0).deliveries.at(0).id, jpeg_ls, ""}});
    journal->learn("a", {{ct_class, jpeg_ls, true}});
    reopen(); // without flush
    EXPECT_EQ(state("1.1", "a"), DeliveryState::ready);
    EXPECT_EQ(journal->learned()->at("a").size(), 1U);
}

} // namespace dcmflow::spool_test
