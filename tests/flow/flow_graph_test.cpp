// The graph: counts, not times.

#include "flow_fixture.h"

#include "pipeline/feeder.h"

namespace dcmflow::test {
namespace {

class Graph : public FlowTest {
  protected:
    void run_until_ready(std::size_t wanted, std::uint64_t memory = 64U << 20, int workers = 2) {
        Budget budget(memory);
        FlowOptions options;
        options.workers = workers;
        Flow flow(options, config, *spool, transcoder, *acceptance, *logger);
        Feeder feeder(*spool, budget, flow, *logger);
        feeder.start();
        EXPECT_TRUE(eventually([&] { return in_state(DeliveryState::ready) >= wanted; }));
        feeder.stop();
        flow.drain();
        made = flow.counters().made;
        instances = flow.counters().instances;
        EXPECT_EQ(flow.counters().failures, 0U);
        EXPECT_EQ(budget.used(), 0U) << "every credit came back";
        EXPECT_LE(budget.peak(), memory);
    }
    std::uint64_t made = 0;
    std::uint64_t instances = 0;
};

TEST_F(Graph, EncodesOncePerSyntaxForAllDestinations) {
    open({destination("a", {"jpeg-ls"}), destination("b", {"jpeg-ls", "explicit-le"}), destination("c", {"original"}),
          destination("d", {"jpeg2000"})});
    for (unsigned i = 0; i < 5; ++i)
        put("2.25.9." + std::to_string(i), i);
    run_until_ready(20);
    EXPECT_EQ(instances, 5U);
    EXPECT_EQ(made, 10U) << "five as JPEG-LS, five as JPEG 2000";
    for (const auto& row : rows()) {
        EXPECT_TRUE(row.row.pixel_digest) << "the journal keeps the digest of the pixels";
        const auto& wanted = row.delivery.destination;
        EXPECT_EQ(row.delivery.syntax, wanted == "c"   ? explicit_le
                                       : wanted == "d" ? "1.2.840.10008.1.2.4.90"
                                                       : jpeg_ls);
        EXPECT_EQ(row.delivery.reason, "");
    }
}

TEST_F(Graph, WhatCannotBeCodedGoesAsItCameWithAReason) {
    open({destination("a", {"jpeg2000"})}); // JPEG-LS keeps unused bits
    put("2.25.9", 1, true);
    run_until_ready(1);
    EXPECT_EQ(rows()[0].delivery.syntax, explicit_le);
    EXPECT_EQ(rows()[0].delivery.reason, "dirty_bits");
}

TEST_F(Graph, AStepThatTheDestinationRefusesIsSkipped) {
    open({destination("a", {"jpeg-ls", "jpeg2000", "explicit-le"})});
    acceptance->learn("a", {{std::string(ct_image), std::string(jpeg_ls), false}});
    put("2.25.9");
    run_until_ready(1);
    EXPECT_EQ(rows()[0].delivery.syntax, "1.2.840.10008.1.2.4.90");
    EXPECT_EQ(rows()[0].delivery.reason, "not_accepted");
}

TEST_F(Graph, ObjectsLargerThanTheBudgetPassOneByOne) {
    open({destination("a", {"jpeg-ls"})});
    for (unsigned i = 0; i < 6; ++i)
        put("2.25.9." + std::to_string(i), i, false, 128);
    run_until_ready(6, 1000);
    EXPECT_EQ(made, 6U);
}

TEST_F(Graph, OneWorkerIsEnough) {
    open({destination("a", {"jpeg-ls"})});
    for (unsigned i = 0; i < 20; ++i)
        put("2.25.9." + std::to_string(i), i);
    run_until_ready(20, 64U << 20, 1);
    EXPECT_EQ(made, 20U);
}

TEST_F(Graph, CancelledJobsGoBackToTheQueue) {
    open({destination("a", {"jpeg-ls"})});
    for (unsigned i = 0; i < 10; ++i)
        put("2.25.9." + std::to_string(i), i);
    Budget budget(64U << 20);
    {
        Flow flow({.workers = 1}, config, *spool, transcoder, *acceptance, *logger);
        flow.cancel();
        Feeder feeder(*spool, budget, flow, *logger);
        auto leases = spool->journal().lease_routing(10);
        ASSERT_TRUE(leases);
        ASSERT_EQ(leases->size(), 10U);
        for (auto& leased : *leases) {
            Lease lease(spool->journal(), std::move(leased));
            auto credit = budget.acquire(1000, {});
            auto blob = spool->open_verified(lease.row());
            ASSERT_TRUE(blob) << blob.error().text;
            flow.submit(std::make_shared<Job>(std::move(lease), std::move(*credit), std::move(*blob)));
        }
        flow.drain();
        EXPECT_EQ(flow.counters().instances, 0U);
    }
    EXPECT_EQ(budget.used(), 0U);
    EXPECT_EQ(in_state(DeliveryState::waiting), 10U);
    auto again = spool->journal().lease_routing(20);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->size(), 10U) << "they can be leased again";
}

TEST_F(Graph, ADerivedBlobThatIsThereIsNotMadeAgain) {
    open({destination("a", {"jpeg-ls"})});
    put("2.25.9");
    run_until_ready(1);
    const auto id = rows()[0].delivery.id;
    QueueFilter filter;
    filter.ids = {id};
    ASSERT_TRUE(spool->journal().act(QueueAction::hold, filter, ""));
    ASSERT_TRUE(spool->journal().act(QueueAction::release, filter, ""));
    run_until_ready(1);
    EXPECT_EQ(made, 0U);
    EXPECT_EQ(rows()[0].delivery.syntax, jpeg_ls);
}

TEST_F(Graph, AnObjectThatCannotBeOpenedIsHeldAndTheOthersPass) {
    open({destination("a", {"jpeg-ls"})});
    for (unsigned i = 0; i < 12; ++i)
        put("2.25.9." + std::to_string(i), i);
    for (unsigned i = 0; i < 9; ++i) { // more than the feeder leases at once, and first in line
        const auto path = spool->blobs().path(rows()[i].row.instance.blob);
        std::filesystem::remove(path);
        std::filesystem::create_directory(path);
    }
    run_until_ready(3);
    EXPECT_EQ(in_state(DeliveryState::held), 9U);
}

TEST_F(Graph, ADamagedBlobIsHeldAndNeverLeaves) {
    open({destination("a", {"jpeg-ls"})});
    put("2.25.8");
    put("2.25.9");
    const auto path = spool->blobs().path(rows()[0].row.instance.blob);
    {
        std::FILE* file = std::fopen(path.c_str(), "r+b");
        ASSERT_NE(file, nullptr);
        std::fseek(file, -10, SEEK_END);
        std::fputc(0x55, file);
        std::fclose(file);
    }
    run_until_ready(1);
    EXPECT_EQ(in_state(DeliveryState::held), 1U);
    EXPECT_EQ(in_state(DeliveryState::ready), 1U);
}

} // namespace
} // namespace dcmflow::test
