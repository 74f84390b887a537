// A lane against a destination that does as the test says: every outcome, the window, the back-off.

#include "flow_fixture.h"

#include "codecs/jpeg_ls.h"

#include "pipeline/feeder.h"

#include <stdexcept>

namespace dcmflow::test {
namespace {

class LaneTest : public FlowTest {
  protected:
    // A whole line: intake, feeder, graph, one lane per destination, all on fakes at the end.
    void start(std::vector<std::string> syntax = {"jpeg-ls", "explicit-le"}, int associations = 1) {
        auto only = destination("a", std::move(syntax));
        only.associations = associations;
        open({only});
        flow = std::make_unique<Flow>(FlowOptions{.workers = 2}, config, *spool, transcoder, *acceptance, *logger);
        feeder = std::make_unique<Feeder>(*spool, budget, *flow, *logger);
        lane = std::make_unique<Lane>(config.destinations[0], std::make_unique<FakeDestination>("a", script), *spool,
                                      *acceptance, *logger);
        spool->journal().on_work([this](const std::string& to) {
            if (to.empty())
                feeder->wake();
            else
                lane->wake();
        });
    }
    void go() {
        feeder->start();
        lane->start(false);
    }
    void TearDown() override {
        script.block(false);
        if (lane)
            lane->stop(std::chrono::steady_clock::now());
        if (feeder)
            feeder->stop();
        if (flow)
            flow->drain();
        if (spool)
            spool->journal().flush();
    }
    bool all_in(DeliveryState state, std::size_t count) {
        return eventually([&] { return in_state(state) == count; });
    }

    Script script;
    Budget budget{64U << 20};
    std::unique_ptr<Flow> flow;
    std::unique_ptr<Feeder> feeder;
    std::unique_ptr<Lane> lane;
};

TEST_F(LaneTest, DeliversAndReusesItsLink) {
    start();
    go();
    for (unsigned i = 0; i < 30; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 30));
    EXPECT_EQ(script.connects, 1);
    EXPECT_EQ(lane->status().delivered, 30U);
    EXPECT_EQ(lane->status().state, LaneState::up);
    for (const auto& sent : script.sent)
        EXPECT_TRUE(sent.ends_with(jpeg_ls)) << sent;
}

TEST_F(LaneTest, AWarningIsDeliveredWithTheWarningKept) {
    start();
    script.send = [](const Parcel&, int) {
        return SendResult{.outcome = Outcome::delivered, .dimse_status = 0xB007, .text = "B007", .warning = true};
    };
    go();
    put("2.25.9");
    EXPECT_TRUE(all_in(DeliveryState::delivered, 1));
    EXPECT_EQ(rows()[0].delivery.last_error, "B007");
    EXPECT_EQ(lane->status().warnings, 1U);
}

TEST_F(LaneTest, ADeadLinkCountsNothingAgainstTheObject) {
    start();
    std::atomic<int> failures{0};
    script.connect = [&] { return ++failures <= 5 ? std::string("refused") : std::string(); };
    go();
    for (unsigned i = 0; i < 10; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 10));
    for (const auto& row : rows())
        EXPECT_EQ(row.delivery.attempts, 0);
    EXPECT_EQ(lane->status().link_failures, 5U);
    EXPECT_EQ(lane->status().state, LaneState::up);
}

TEST_F(LaneTest, ARefusedObjectFailsAfterItsTriesAndTheOthersPass) {
    start();
    script.send = [](const Parcel& parcel, int) {
        const bool bad = parcel.sop_instance_uid == "2.25.9.3";
        return SendResult{.outcome = bad ? Outcome::retry_object : Outcome::delivered, .text = bad ? "C000" : ""};
    };
    go();
    for (unsigned i = 0; i < 8; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 7));
    EXPECT_TRUE(all_in(DeliveryState::failed, 1));
    for (const auto& row : rows(true)) {
        EXPECT_EQ(row.delivery.attempts, 3);
        EXPECT_EQ(row.delivery.last_error, "C000");
    }
    EXPECT_EQ(lane->status().link_failures, 0U) << "an object's refusal never closes the lane";
}

TEST_F(LaneTest, ASuspectGoesAloneAndIsBlamedOnlyWhenOthersPass) {
    start();
    script.send = [](const Parcel& parcel, int) {
        const bool poison = parcel.sop_instance_uid == "2.25.9.0";
        return SendResult{.outcome = poison ? Outcome::unknown : Outcome::delivered, .text = poison ? "aborted" : ""};
    };
    go();
    for (unsigned i = 0; i < 40; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 39));
    // Fresh objects keep coming; the poison one is counted against at last.
    for (unsigned i = 100; i < 160 && in_state(DeliveryState::failed) == 0; ++i) {
        put("2.25.9." + std::to_string(i), i);
        ASSERT_TRUE(eventually([&] { return in_state(DeliveryState::delivered) >= i - 60; }));
    }
    EXPECT_TRUE(all_in(DeliveryState::failed, 1));
    EXPECT_EQ(rows(true)[0].row.instance.sop_instance_uid, "2.25.9.0");
    EXPECT_TRUE(rows(true)[0].delivery.alone);
}

TEST_F(LaneTest, ARefusedSyntaxMakesTheNextStepWithoutCountingAnAttempt) {
    start({"jpeg-ls", "explicit-le"});
    script.refused_syntaxes = {std::string(jpeg_ls)};
    go();
    for (unsigned i = 0; i < 5; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 5));
    for (const auto& row : rows()) {
        EXPECT_EQ(row.delivery.attempts, 0);
        EXPECT_EQ(row.delivery.syntax, explicit_le);
    }
    for (const auto& sent : script.sent)
        EXPECT_TRUE(sent.ends_with(explicit_le)) << "never in a context that was not accepted: " << sent;
}

TEST_F(LaneTest, NothingAcceptedIsAnObjectFailure) {
    start({"jpeg-ls", "explicit-le"});
    script.refused_syntaxes = {std::string(jpeg_ls), std::string(explicit_le)};
    go();
    put("2.25.9");
    EXPECT_TRUE(all_in(DeliveryState::failed, 1));
    EXPECT_EQ(script.count(), 0);
    EXPECT_NE(rows()[0].delivery.last_error.find("SOP class"), std::string::npos);
}

// Decodes only after a while, as when no codec worker could be started.
class LateCodec final : public codecs::Codec {
  public:
    LateCodec(std::atomic<int>& refusals) : refusals_(refusals) {}
    std::string_view name() const override { return own_.name(); }
    bool can_encode(const codecs::PixelFormat& format) const override { return own_.can_encode(format); }
    codecs::CodecStatus encode(const codecs::FrameView& frame, const codecs::EncodeOptions& options,
                               codecs::FrameBuffer& out, codecs::AttributeChanges& changes) const override {
        return own_.encode(frame, options, out, changes);
    }
    codecs::CodecStatus decode(std::span<const std::byte> stream, const codecs::PixelFormat& format,
                               codecs::FrameBuffer& out) const override {
        return refusals_-- > 0 ? codecs::CodecStatus::unavailable : own_.decode(stream, format, out);
    }

  private:
    codecs::JpegLsCodec own_;
    std::atomic<int>& refusals_;
};

// The destination takes only what we cannot make for want of a decoder: that is not the object's fault.
TEST_F(LaneTest, TroubleOfOursUsesUpNoAttempts) {
    start({"explicit-le"});
    script.refused_syntaxes = {std::string(jpeg_ls)};
    const auto native = small_image("2.25.9", 1, "CT", false, 32);
    const auto data_set = DataSet::scan(native, Encoding::of(explicit_le));
    ASSERT_TRUE(data_set);
    VectorSink coded;
    ASSERT_EQ(transcoder.transcode(*data_set, explicit_le, jpeg_ls, {}, coded).reason, TranscodeReason::ok);
    std::atomic<int> refusals{2 * config.destinations[0].retry.object_attempts + 2};
    registry.add(jpeg_ls, std::make_unique<LateCodec>(refusals));
    auto reception =
        intake->begin({"TEST", "DCMFLOW", "127.0.0.1", unix_ms_now()}, ct_image, "2.25.9", jpeg_ls);
    reception->write(coded.bytes());
    ASSERT_EQ(reception->finish().verdict, Verdict::stored);
    go();
    EXPECT_TRUE(all_in(DeliveryState::delivered, 1));
    EXPECT_EQ(rows()[0].delivery.attempts, 0);
    EXPECT_EQ(rows()[0].delivery.syntax, explicit_le);
    EXPECT_LE(refusals, 0);
}

TEST_F(LaneTest, ResourcesOutBacksTheLaneOffAndCountsNothing) {
    start();
    script.send = [](const Parcel&, int nth) {
        return SendResult{.outcome = nth <= 3 ? Outcome::retry_resources : Outcome::delivered, .text = "A700"};
    };
    go();
    put("2.25.9");
    EXPECT_TRUE(all_in(DeliveryState::delivered, 1));
    EXPECT_EQ(rows()[0].delivery.attempts, 0);
    EXPECT_EQ(lane->status().link_failures, 3U);
}

TEST_F(LaneTest, ThePeersPolicyHoldsTheLane) {
    start();
    script.send = [](const Parcel&, int) { return SendResult{.outcome = Outcome::refused, .text = "0124"}; };
    go();
    put("2.25.9");
    EXPECT_TRUE(eventually([&] { return lane->status().state == LaneState::down; }));
    EXPECT_TRUE(all_in(DeliveryState::ready, 1));
    EXPECT_EQ(rows()[0].delivery.attempts, 0);
}

TEST_F(LaneTest, TheWindowOpensSlowly) {
    start({"original"}, 4);
    EXPECT_EQ(lane->status().window, 1);
    go();
    for (unsigned i = 0; i < 40; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 40));
    EXPECT_EQ(lane->status().window, 4);
    EXPECT_LE(script.connects, 4);
}

TEST_F(LaneTest, AnIdleLinkMakesRoomForOneThatWaits) {
    // A peer with room for one association: the second connect waits until the first link is gone.
    start({"original"}, 2);
    script.one_at_a_time = true;
    go();
    for (unsigned i = 0; i < 60; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 60));
    EXPECT_EQ(lane->status().link_failures, 0U);
}

TEST_F(LaneTest, PausedSendsNothingAndResumes) {
    start();
    feeder->start();
    lane->start(true);
    put("2.25.9");
    EXPECT_TRUE(all_in(DeliveryState::ready, 1));
    EXPECT_EQ(lane->status().state, LaneState::paused);
    EXPECT_EQ(script.count(), 0);
    lane->pause(false);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 1));
}

TEST_F(LaneTest, StopBreaksAHangingSendOffAndKeepsTheObject) {
    start();
    script.block(true);
    go();
    put("2.25.9");
    EXPECT_TRUE(eventually([&] { return script.waiting() == 1; }));
    lane->stop(std::chrono::steady_clock::now());
    EXPECT_EQ(in_state(DeliveryState::retry), 1U) << "the outcome is unknown, the object stays";
}

TEST_F(LaneTest, AnExceptionInALinkLeavesNoRowSending) {
    start();
    script.send = [](const Parcel&, int nth) -> SendResult {
        if (nth == 2)
            throw std::runtime_error("a bug in a link");
        return {.outcome = Outcome::delivered};
    };
    feeder->start();
    lane->start(true);
    for (unsigned i = 0; i < 6; ++i)
        put("2.25.9." + std::to_string(i), i);
    EXPECT_TRUE(all_in(DeliveryState::ready, 6)); // so that they are one batch
    lane->pause(false);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 6));
}

TEST_F(LaneTest, GivesUpOnADeadDestinationAfterItsTime) {
    start();
    auto hurried = config.destinations[0];
    hurried.retry.give_up = std::chrono::seconds(0);
    lane = std::make_unique<Lane>(hurried, std::make_unique<FakeDestination>("a", script), *spool, *acceptance, *logger);
    script.connect = [] { return std::string("no route to host"); };
    go();
    put("2.25.9");
    EXPECT_TRUE(all_in(DeliveryState::failed, 1));
    EXPECT_NE(rows()[0].delivery.last_error.find("no route to host"), std::string::npos);
    EXPECT_EQ(rows()[0].delivery.attempts, 0);
}

TEST_F(LaneTest, ADeadPeerThatTakesDataClosesTheLaneEvenForSuspects) {
    start();
    script.send = [](const Parcel&, int) { return SendResult{.outcome = Outcome::unknown, .text = "aborted"}; };
    go();
    put("2.25.9");
    // Two outcomes make it a suspect; the link failures go on being counted although it is sent alone by then.
    EXPECT_TRUE(eventually([&] { return lane->status().link_failures >= 4; }));
    EXPECT_EQ(in_state(DeliveryState::failed), 0U) << "nobody else got through, so nobody is blamed";
}

TEST_F(LaneTest, AMissingDerivedBlobIsMadeAgain) {
    start();
    feeder->start();
    lane->start(true);
    put("2.25.9");
    EXPECT_TRUE(all_in(DeliveryState::ready, 1));
    ASSERT_TRUE(spool->blobs().remove(Spool::derived_name(rows()[0].row.id, jpeg_ls)));
    lane->pause(false);
    EXPECT_TRUE(all_in(DeliveryState::delivered, 1));
    EXPECT_EQ(flow->counters().made, 2U);
}

} // namespace
} // namespace dcmflow::test
