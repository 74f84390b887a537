// What accept makes of new objects, duplicates and versions.
#include "tests/spool/journal_suite.h"

#include <gmock/gmock.h>
#include <thread>

namespace dcmflow::spool_test {

using testing::Contains;
using testing::ElementsAre;

TEST_P(JournalTest, KeepsAllThatItIsGiven) {
    auto request = request_for("1.1", deliver_to({"archive"}, rules::Priority::stat));
    request.instance.patient_id = "Müller^\xff'\"\\";
    request.decision.matched_rules = {"first \"rule\"", "zweite Regel ü"};
    request.origin = {"CALLING", "CALLED", "::1", 42};
    const auto accepted = journal->accept(request);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->kind, AcceptKind::stored);
    EXPECT_EQ(accepted->blob, request.instance.blob);
    for (const bool again : {false, true}) {
        if (again)
            reopen();
        const auto found = rows();
        ASSERT_EQ(found.size(), 1U);
        const auto& [delivery, entry] = found.front();
        EXPECT_EQ(entry.id, accepted->id);
        EXPECT_EQ(entry.instance.sop_instance_uid, "1.1");
        EXPECT_EQ(entry.instance.sop_class_uid, ct_class);
        EXPECT_EQ(entry.instance.study_instance_uid, "1.2.3");
        EXPECT_EQ(entry.instance.series_instance_uid, "1.2.3.4");
        EXPECT_EQ(entry.instance.patient_id, request.instance.patient_id);
        EXPECT_EQ(entry.instance.accession_number, "ACC1");
        EXPECT_EQ(entry.instance.modality, "CT");
        EXPECT_EQ(entry.instance.transfer_syntax_uid, explicit_le);
        EXPECT_EQ(entry.instance.bytes, 1000U);
        EXPECT_EQ(entry.instance.digest, request.instance.digest);
        EXPECT_EQ(entry.instance.blob, request.instance.blob);
        EXPECT_EQ(entry.origin.calling_aet, "CALLING");
        EXPECT_EQ(entry.origin.called_aet, "CALLED");
        EXPECT_EQ(entry.origin.peer_ip, "::1");
        EXPECT_EQ(entry.origin.received, 42);
        EXPECT_EQ(entry.version, 1);
        EXPECT_FALSE(entry.flagged);
        EXPECT_FALSE(entry.verified);
        EXPECT_EQ(entry.matched_rules, request.decision.matched_rules);
        EXPECT_EQ(delivery.destination, "archive");
        EXPECT_EQ(delivery.priority, rules::Priority::stat);
        EXPECT_EQ(delivery.state, DeliveryState::waiting);
        EXPECT_EQ(delivery.created, clock.now);
        EXPECT_EQ(delivery.attempts, 0);
    }
}

TEST_P(JournalTest, HoldsOrDropsWhatNoRuleMatched) {
    accept("1.1", {.disposition = rules::Disposition::hold, .deliveries = {}, .matched_rules = {}});
    accept("1.2", {.disposition = rules::Disposition::drop, .deliveries = {}, .matched_rules = {}});
    EXPECT_EQ(state("1.1", ""), DeliveryState::held);
    EXPECT_EQ(row("1.1", "").last_error, "no rule matched");
    EXPECT_EQ(state("1.2", ""), DeliveryState::dropped);
    EXPECT_EQ(row("1.2", "").settled, clock.now);
    EXPECT_EQ(summary("").held, 1U);
    const auto done = journal->finished(clock.now + 1, 10);
    ASSERT_TRUE(done);
    ASSERT_EQ(done->size(), 1U);
    EXPECT_EQ(done->front().instance.sop_instance_uid, "1.2");
}

TEST_P(JournalTest, SameBytesAreADuplicate) {
    const auto id = accept("1.1", deliver_to({"archive"}));
    auto again = request_for("1.1", deliver_to({"archive"}));
    again.instance.blob = "bucket/other.dcm";
    const auto accepted = journal->accept(again);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->kind, AcceptKind::duplicate);
    EXPECT_EQ(accepted->id, id);
    EXPECT_EQ(accepted->blob, "bucket/1.1-0.dcm");
    EXPECT_EQ(rows().size(), 1U);
}

TEST_P(JournalTest, OtherBytesSizeOrSyntaxAreANewVersion) {
    accept("1.1", deliver_to({"archive"}));
    EXPECT_FALSE(rows().front().row.flagged);
    accept("1.1", deliver_to({"archive"}), 1);
    auto request = request_for("1.1", deliver_to({"archive"}));
    request.instance.bytes = 1001;
    ASSERT_EQ(journal->accept(request)->kind, AcceptKind::new_version);
    request.instance.transfer_syntax_uid = jpeg_ls;
    ASSERT_EQ(journal->accept(request)->kind, AcceptKind::new_version);
    const auto found = rows();
    ASSERT_EQ(found.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(found[i].row.version, static_cast<int>(i) + 1);
        EXPECT_TRUE(found[i].row.flagged) << i;
    }
    EXPECT_EQ(journal->accept(request_for("1.1", deliver_to({"archive"}), 1))->kind,
              AcceptKind::duplicate);
}

TEST_P(JournalTest, NeverDuplicateMakesAVersionOfEqualDigests) {
    accept("1.1", deliver_to({"archive"}));
    auto request = request_for("1.1", deliver_to({"archive"}));
    request.never_duplicate = true;
    EXPECT_EQ(journal->accept(request)->kind, AcceptKind::new_version);
    EXPECT_EQ(rows().size(), 2U);
}

TEST_P(JournalTest, AResendRevivesWhatEndedAndLeavesWhatIsUnderWay) {
    accept("1.1", deliver_to({"delivered", "failed", "dropped", "retry", "held", "sending"}));
    plan_all();
    settle(lease("delivered").at(0), DeliveryState::delivered, "coerced");
    settle(lease("failed").at(0), DeliveryState::failed, "0xC000");
    journal->settle({.delivery = lease("retry").at(0).delivery.id,
                     .state = DeliveryState::retry,
                     .error = "busy",
                     .due = clock.now + 1000,
                     .count_attempt = true});
    ASSERT_EQ(*journal->act(QueueAction::drop, {.destination = "dropped"}, ""), 1U);
    ASSERT_EQ(*journal->act(QueueAction::hold, {.destination = "held"}, ""), 1U);
    ASSERT_EQ(lease("sending").size(), 1U);

    clock.now += 5000;
    ASSERT_EQ(journal
                  ->accept(request_for("1.1", deliver_to({"delivered", "failed", "dropped", "retry",
                                                          "held", "sending", "new"})))
                  ->kind,
              AcceptKind::duplicate);
    for (const auto* name : {"delivered", "failed", "dropped", "new"}) {
        const auto delivery = row("1.1", name);
        EXPECT_EQ(delivery.state, DeliveryState::waiting) << name;
        EXPECT_EQ(delivery.attempts, 0);
        EXPECT_EQ(delivery.last_error, "") << name;
        EXPECT_EQ(delivery.settled, 0);
        EXPECT_EQ(delivery.created, clock.now);
    }
    EXPECT_EQ(state("1.1", "retry"), DeliveryState::retry);
    EXPECT_EQ(row("1.1", "retry").attempts, 1);
    EXPECT_EQ(state("1.1", "held"), DeliveryState::held);
    EXPECT_EQ(state("1.1", "sending"), DeliveryState::sending);
}

TEST_P(JournalTest, AnAdoptedDuplicateAsksForNothing) {
    accept("1.1", deliver_to({"archive"}));
    plan_all();
    settle(lease("archive").at(0), DeliveryState::delivered);
    auto request = request_for("1.1", deliver_to({"archive", "cloud"}));
    request.adopted = true;
    EXPECT_EQ(journal->accept(request)->kind, AcceptKind::duplicate);
    EXPECT_EQ(rows().size(), 1U);
    EXPECT_EQ(state("1.1", "archive"), DeliveryState::delivered);
    request = request_for("1.2", deliver_to({"archive"}));
    request.adopted = true;
    EXPECT_EQ(journal->accept(request)->kind, AcceptKind::stored);
    EXPECT_TRUE(rows({.sop_instance_uid = "1.2"}).at(0).row.flagged);
}

TEST_P(JournalTest, AResendHealsACondemnedRow) {
    const auto id = accept("1.1", deliver_to({"archive", "cloud", "viewer"}));
    plan_all();
    settle(lease("cloud").at(0), DeliveryState::delivered);
    ASSERT_EQ(*journal->act(QueueAction::hold, {.destination = "viewer"}, ""), 1U);
    journal->mark_verified(id);
    EXPECT_TRUE(rows().front().row.verified);
    ASSERT_TRUE(journal->condemn(id, "digest mismatch"));
    EXPECT_EQ(state("1.1", "archive"), DeliveryState::held);
    EXPECT_EQ(row("1.1", "archive").last_error, "digest mismatch");
    EXPECT_EQ(state("1.1", "cloud"), DeliveryState::delivered);
    EXPECT_NE(row("1.1", "viewer").last_error, "digest mismatch");

    auto again = request_for("1.1", deliver_to({"archive"}));
    again.instance.blob = "bucket/good.dcm";
    const auto accepted = journal->accept(again);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->kind, AcceptKind::stored) << "the new blob must not be thrown away";
    EXPECT_EQ(accepted->id, id);
    EXPECT_EQ(accepted->blob, "bucket/good.dcm");
    EXPECT_EQ(rows().front().row.instance.blob, "bucket/good.dcm");
    EXPECT_FALSE(rows().front().row.verified);
    EXPECT_EQ(state("1.1", "archive"), DeliveryState::waiting);
    EXPECT_EQ(state("1.1", "viewer"), DeliveryState::held) << "an operator held it";
    EXPECT_THAT(*journal->forgotten(), ElementsAre("bucket/1.1-0.dcm"));
    EXPECT_EQ(journal->condemn(999, "x").error().code, ErrorCode::not_found);
}

TEST_P(JournalTest, EightThreadsAcceptAtOnceAndNothingIsLost) {
    constexpr int threads = 8;
    constexpr int each = 50;
    std::atomic<int> stored{0};
    std::atomic<int> duplicates{0};
    {
        std::vector<std::jthread> workers;
        for (int t = 0; t < threads; ++t)
            workers.emplace_back([&, t] {
                for (int i = 0; i < each; ++i) {
                    // Two threads share each UID; the second one's object is a duplicate.
                    const auto uid = "1." + std::to_string(t / 2) + "." + std::to_string(i);
                    const auto accepted =
                        journal->accept(request_for(uid, deliver_to({"archive", "cloud"})));
                    ASSERT_TRUE(accepted) << accepted.error().text;
                    ++(accepted->kind == AcceptKind::stored ? stored : duplicates);
                }
            });
    }
    EXPECT_EQ(stored, threads / 2 * each);
    EXPECT_EQ(duplicates, threads / 2 * each);
    reopen();
    EXPECT_EQ(rows().size(), static_cast<std::size_t>(threads * each));
    EXPECT_EQ(summary("archive").ready, static_cast<std::uint64_t>(threads / 2 * each));
}

TEST_P(JournalTest, TheListenerHearsOfWaitingWork) {
    accept("1.1", deliver_to({"archive"}));
    EXPECT_THAT(told(), ElementsAre(""));
    accept("1.1", deliver_to({"archive"}));
    EXPECT_THAT(told(), ElementsAre()) << "nothing new to do";
    accept("1.2", {.disposition = rules::Disposition::hold, .deliveries = {}, .matched_rules = {}});
    EXPECT_THAT(told(), ElementsAre());
    plan_all();
    EXPECT_THAT(told(), ElementsAre("archive"));
    auto leased = lease("archive");
    settle(leased.at(0), DeliveryState::retry, "busy", clock.now + 10);
    EXPECT_THAT(told(), ElementsAre("archive")) << "its due time is new to the lane";
    leased = lease("archive");
    EXPECT_TRUE(leased.empty());
    ASSERT_EQ(*journal->act(QueueAction::retry, {}, ""), 1U);
    EXPECT_THAT(told(), ElementsAre(""));
    ASSERT_TRUE(journal->set_paused("archive", true));
    ASSERT_TRUE(journal->set_paused("archive", false));
    EXPECT_THAT(told(), Contains("archive"));
}

} // namespace dcmflow::spool_test
