// What operators see and do, and housekeeping.
#include "tests/spool/journal_suite.h"

#include <gmock/gmock.h>

namespace dcmflow::spool_test {

using rules::Priority;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

const rules::Decision hold_it{
    .disposition = rules::Disposition::hold, .deliveries = {}, .matched_rules = {}};

} // namespace

TEST_P(JournalTest, SummaryCountsEveryStateOnce) {
    accept("1.1", deliver_to({"waiting"}));
    accept("1.2", deliver_to({"a"}));
    clock.now += 5;
    for (int i = 3; i <= 8; ++i)
        accept("1." + std::to_string(i), deliver_to({"a"}));
    accept("1.9", hold_it);
    ASSERT_TRUE(journal->set_paused("p", true));
    plan_all();
    auto leases = lease("a", 5);
    settle(leases.at(0), DeliveryState::delivered);
    settle(leases.at(1), DeliveryState::retry, "first", clock.now + 9);
    clock.now += 1;
    settle(leases.at(2), DeliveryState::failed, "second");
    clock.now += 1;
    settle(leases.at(3), DeliveryState::held, "third");
    const auto a = summary("a");
    EXPECT_EQ(a.ready, 2U);
    EXPECT_EQ(a.sending, 1U);
    EXPECT_EQ(a.retry, 1U);
    EXPECT_EQ(a.failed, 1U);
    EXPECT_EQ(a.held, 1U);
    EXPECT_EQ(a.delivered, 1U);
    EXPECT_EQ(a.bytes, 6000U);
    EXPECT_EQ(a.oldest, clock.now - 2) << "the oldest one is delivered";
    EXPECT_EQ(a.last_error, "third");
    EXPECT_FALSE(a.paused);
    EXPECT_TRUE(summary("p").paused);
    EXPECT_EQ(summary("").held, 1U);
    EXPECT_EQ(summary("").last_error, "no rule matched");
    EXPECT_EQ(summary("waiting").ready, 1U);
}

TEST_P(JournalTest, FiltersMustAllMatch) {
    auto request = request_for("1.1", deliver_to({"a", "b"}));
    ASSERT_TRUE(journal->accept(request));
    request = request_for("1.2", deliver_to({"a"}));
    request.instance.study_instance_uid = "2.1";
    request.instance.series_instance_uid = "2.2";
    request.instance.patient_id = "P'2";
    request.instance.accession_number = "A2";
    ASSERT_TRUE(journal->accept(request));
    accept("1.3", hold_it);
    EXPECT_EQ(rows({}).size(), 4U);
    EXPECT_EQ(rows({.destination = "a"}).size(), 2U);
    EXPECT_EQ(rows({.study_instance_uid = "2.1"}).size(), 1U);
    EXPECT_EQ(rows({.series_instance_uid = "2.2"}).size(), 1U);
    EXPECT_EQ(rows({.sop_instance_uid = "1.1"}).size(), 2U);
    EXPECT_EQ(rows({.destination = "b", .sop_instance_uid = "1.1"}).size(), 1U);
    EXPECT_EQ(rows({.patient_id = "P'2"}).size(), 1U);
    EXPECT_EQ(rows({.accession_number = "A2"}).size(), 1U);
    EXPECT_EQ(rows({.destination = "b", .accession_number = "A2"}).size(), 0U);
    EXPECT_EQ(rows({.state = DeliveryState::held}).size(), 1U);
    EXPECT_EQ(rows({.unmatched_only = true}).size(), 1U);
    EXPECT_EQ(rows({.patient_id = "x' OR 1 --"}).size(), 0U);
    const auto all = rows({});
    EXPECT_EQ(rows({.ids = {all[0].delivery.id, all[3].delivery.id, 12345}}).size(), 2U);
    ASSERT_EQ(*journal->act(QueueAction::drop, {.destination = "b"}, ""), 1U);
    EXPECT_EQ(rows({}).size(), 3U) << "dropped ones are done";
    EXPECT_EQ(rows({.undelivered_only = false}).size(), 4U);
    EXPECT_EQ(rows({.state = DeliveryState::dropped}).size(), 1U);
}

TEST_P(JournalTest, PagesFollowOneAnother) {
    for (int i = 0; i < 10; ++i)
        accept("1." + std::to_string(i), deliver_to({"a"}));
    std::vector<std::string> seen;
    DeliveryId after = 0;
    for (;;) {
        const auto page = rows({.limit = 3, .after = after});
        if (page.empty())
            break;
        EXPECT_LE(page.size(), 3U);
        for (const auto& entry : page)
            seen.push_back(entry.row.instance.sop_instance_uid);
        after = page.back().delivery.id;
    }
    EXPECT_EQ(seen.size(), 10U);
    EXPECT_EQ(seen.front(), "1.0");
    EXPECT_EQ(seen.back(), "1.9");
    InstanceId last = 0;
    std::size_t count = 0;
    for (;;) {
        const auto page = journal->instances(last, 4);
        ASSERT_TRUE(page);
        if (page->empty())
            break;
        count += page->size();
        last = page->back().id;
    }
    EXPECT_EQ(count, 10U);
}

TEST_P(JournalTest, ActionsTakeTheStatesTheyMay) {
    // One row in every state.
    accept("0", deliver_to({"waiting"}));
    (void)journal->lease_routing(10); // stays in the graph
    accept("1",
           deliver_to({"ready", "sending", "retry", "held", "failed", "delivered", "dropped"}));
    plan_all();
    settle(lease("retry").at(0), DeliveryState::retry, "e", clock.now + 9);
    settle(lease("failed").at(0), DeliveryState::failed, "e");
    settle(lease("delivered").at(0), DeliveryState::delivered);
    ASSERT_EQ(*journal->act(QueueAction::drop, {.destination = "dropped"}, ""), 1U);
    ASSERT_EQ(*journal->act(QueueAction::hold, {.destination = "held"}, ""), 1U);
    ASSERT_EQ(lease("sending").size(), 1U);
    const QueueFilter all{.undelivered_only = false};

    EXPECT_EQ(*journal->act(QueueAction::hold, {.destination = "sending"}, ""), 0U);
    EXPECT_EQ(*journal->act(QueueAction::release, all, ""), 1U);
    EXPECT_EQ(state("1", "held"), DeliveryState::waiting);
    EXPECT_EQ(*journal->act(QueueAction::retry, all, ""), 2U);
    EXPECT_EQ(state("1", "retry"), DeliveryState::waiting);
    EXPECT_EQ(row("1", "retry").due, 0);
    EXPECT_EQ(state("1", "failed"), DeliveryState::waiting);
    EXPECT_EQ(*journal->act(QueueAction::hold, all, ""), 5U);
    EXPECT_EQ(state("0", "waiting"), DeliveryState::held);
    EXPECT_EQ(state("1", "sending"), DeliveryState::sending);
    EXPECT_EQ(state("1", "delivered"), DeliveryState::delivered);
    EXPECT_EQ(*journal->act(QueueAction::drop, all, ""), 5U);
    EXPECT_EQ(state("1", "ready"), DeliveryState::dropped);
    EXPECT_EQ(row("1", "ready").settled, clock.now);
    EXPECT_EQ(*journal->act(QueueAction::drop, all, ""), 0U);
}

TEST_P(JournalTest, RetryForgetsTheAttempts) {
    accept("1", deliver_to({"a"}));
    plan_all();
    const auto id = lease("a").at(0).delivery.id;
    journal->settle({.delivery = id,
                     .state = DeliveryState::failed,
                     .error = "refused",
                     .count_attempt = true,
                     .count_unknown = true,
                     .alone = true});
    EXPECT_EQ(*journal->act(QueueAction::retry, {.ids = {id}}, ""), 1U);
    EXPECT_EQ(row("1", "a").attempts, 0);
    EXPECT_EQ(row("1", "a").unknown_outcomes, 0);
    EXPECT_FALSE(row("1", "a").alone);
}

TEST_P(JournalTest, MoveGoesToAnotherDestination) {
    accept("1", deliver_to({"dead", "done"}, Priority::stat));
    accept("2", deliver_to({"dead", "other"}));
    accept("3", hold_it);
    accept("4", deliver_to({"other"}));
    plan_all();
    settle(lease("done").at(0), DeliveryState::delivered);
    EXPECT_EQ(journal->act(QueueAction::move, {.destination = "dead"}, "").error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(*journal->act(QueueAction::move, {.destination = "dead"}, "other"), 2U);
    EXPECT_EQ(state("1", "dead"), DeliveryState::dropped);
    EXPECT_EQ(row("1", "dead").last_error, "moved to other");
    EXPECT_EQ(state("1", "other"), DeliveryState::waiting);
    EXPECT_EQ(row("1", "other").priority, Priority::stat);
    EXPECT_EQ(state("2", "other"), DeliveryState::ready) << "one that is under way there serves";
    EXPECT_EQ(*journal->act(QueueAction::move, {.unmatched_only = true}, "other"), 1U);
    EXPECT_EQ(state("3", "other"), DeliveryState::waiting);
    EXPECT_EQ(*journal->act(QueueAction::move, {.sop_instance_uid = "1"}, "done"), 1U);
    EXPECT_EQ(state("1", "done"), DeliveryState::delivered) << "it is there already";
    EXPECT_EQ(*journal->act(QueueAction::move, {.sop_instance_uid = "4"}, "other"), 0U)
        << "it goes there anyway";
    EXPECT_EQ(state("4", "other"), DeliveryState::ready);
}

TEST_P(JournalTest, APlanUnderWayDoesNotApplyToAMovedRow) {
    const auto id = accept("1", deliver_to({"dead"}));
    const auto leases = *journal->lease_routing(1);
    ASSERT_EQ(*journal->act(QueueAction::move, {}, "other"), 1U);
    journal->plan(id, {{leases.at(0).deliveries.at(0).id, jpeg_ls, ""}});
    EXPECT_EQ(state("1", "other"), DeliveryState::waiting)
        << "another destination may want another syntax";
    EXPECT_EQ(journal->lease_routing(1)->size(), 1U);
}

TEST_P(JournalTest, UnmatchedRowsAreDecidedLater) {
    accept("1", hold_it);
    accept("2", hold_it);
    const auto id = row("1", "").id;
    EXPECT_EQ(*journal->act(QueueAction::release, {}, ""), 0U)
        << "there is nowhere to release them to";
    EXPECT_EQ(journal->decide_unmatched(id, hold_it).error().code, ErrorCode::conflict);
    EXPECT_EQ(journal->decide_unmatched(id, deliver_to({})).error().code, ErrorCode::conflict);
    (void)told();
    ASSERT_TRUE(journal->decide_unmatched(id, deliver_to({"a", "b"}, Priority::bulk)));
    EXPECT_THAT(told(), ElementsAre(""));
    const auto found = rows({.sop_instance_uid = "1", .undelivered_only = false});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].delivery.destination, "a");
    EXPECT_EQ(found[0].delivery.state, DeliveryState::waiting);
    EXPECT_EQ(found[0].delivery.priority, Priority::bulk);
    EXPECT_EQ(found[0].row.matched_rules, std::vector<std::string>{"everything"});
    EXPECT_EQ(journal->decide_unmatched(id, deliver_to({"a"})).error().code, ErrorCode::not_found);
    EXPECT_EQ(journal->decide_unmatched(found[0].delivery.id, deliver_to({"a"})).error().code,
              ErrorCode::conflict);
    ASSERT_TRUE(journal->decide_unmatched(
        row("2", "").id,
        {.disposition = rules::Disposition::drop, .deliveries = {}, .matched_rules = {}}));
    EXPECT_EQ(state("2", ""), DeliveryState::dropped);
}

TEST_P(JournalTest, PauseLastsOverARestart) {
    accept("1", deliver_to({"a"}));
    plan_all();
    ASSERT_TRUE(journal->set_paused("a", true));
    ASSERT_TRUE(journal->set_paused("a", true));
    reopen();
    EXPECT_THAT(*journal->paused(), ElementsAre("a"));
    EXPECT_THAT(lease("a"), IsEmpty());
    ASSERT_TRUE(journal->set_paused("a", false));
    EXPECT_THAT(*journal->paused(), IsEmpty());
    EXPECT_EQ(lease("a").size(), 1U);
}

TEST_P(JournalTest, WhatWasLearnedLastsAndTheLatestCounts) {
    journal->learn("a", {{ct_class, jpeg_ls, true}, {ct_class, explicit_le, true}});
    journal->learn("a", {{ct_class, jpeg_ls, false}});
    journal->learn("b", {{ct_class, jpeg_ls, true}});
    reopen();
    const auto learned = *journal->learned();
    ASSERT_EQ(learned.at("a").size(), 2U);
    for (const auto& acceptance : learned.at("a"))
        EXPECT_EQ(acceptance.accepted, acceptance.transfer_syntax_uid == explicit_le);
    EXPECT_TRUE(learned.at("b").at(0).accepted);
}

TEST_P(JournalTest, FinishedAreThoseOfWhichAllIsFinal) {
    const auto first = accept("1", deliver_to({"a", "b"}));
    const auto second = accept("2", deliver_to({"a"}));
    plan_all();
    settle(lease("b").at(0), DeliveryState::delivered);
    clock.now += 10;
    auto leases = lease("a");
    settle(leases.at(1), DeliveryState::delivered); // 2
    EXPECT_EQ(journal->finished(clock.now, 10)->size(), 0U) << "not before it was settled";
    EXPECT_EQ(journal->finished(clock.now + 1, 10)->size(), 1U);
    clock.now += 10;
    settle(leases.at(0), DeliveryState::delivered); // 1
    const auto done = *journal->finished(clock.now + 1, 10);
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(done[0].id, second) << "oldest first";
    EXPECT_EQ(journal->finished(clock.now + 1, 1)->size(), 1U);
    EXPECT_EQ(journal->finished(clock.now, 10)->size(), 1U) << "1 was settled later";

    // It comes to life again.
    accept("1", deliver_to({"a"}));
    EXPECT_EQ(journal->finished(clock.now + 1, 10)->size(), 1U);
    EXPECT_EQ(journal->forget(first).error().code, ErrorCode::conflict);
    ASSERT_TRUE(journal->forget(second));
    EXPECT_EQ(journal->forget(second).error().code, ErrorCode::not_found);
    EXPECT_THAT(*journal->forgotten(), ElementsAre("bucket/2-0.dcm"));
    EXPECT_EQ(rows({.sop_instance_uid = "2", .undelivered_only = false}).size(), 0U);
    EXPECT_EQ(summary("a").delivered, 0U);
    clock.now += 3'600'000;
    accept("2", deliver_to({"a"}));
    plan_all();
    for (const auto& leased : lease("a"))
        settle(leased, DeliveryState::delivered);
    ASSERT_TRUE(journal->forget(first));
    EXPECT_THAT(*journal->forgotten(), ElementsAre("bucket/1-0.dcm"))
        << "an hour later the removal is history";
}

TEST_P(JournalTest, ACondemnedRowIsHeldAndALateSettlementDoesNotFreeIt) {
    const auto id = accept("1", deliver_to({"a", "b"}));
    plan_all();
    const auto leases = lease("a");
    ASSERT_TRUE(journal->condemn(id, "the file is gone"));
    settle(leases.at(0), DeliveryState::ready);
    EXPECT_EQ(state("1", "a"), DeliveryState::held);
    EXPECT_EQ(state("1", "b"), DeliveryState::held);
    EXPECT_EQ(summary("a").last_error, "the file is gone");
}

TEST_P(JournalTest, VerifiedIsOfThisProcessOnly) {
    const auto id = accept("1", deliver_to({"a"}));
    journal->mark_verified(id);
    plan_all();
    EXPECT_TRUE(lease("a").at(0).row.verified);
    EXPECT_TRUE(journal->healthy());
    reopen();
    EXPECT_FALSE(rows({}).at(0).row.verified);
}

} // namespace dcmflow::spool_test
