#include "tests/spool/journal_suite.h"

#include "pipeline/spool/sqlite_journal.h"

namespace dcmflow::spool_test {

void JournalTest::open() {
    auto opened = GetParam().open(folder.path(), clock);
    ASSERT_TRUE(opened) << opened.error().text;
    journal = std::move(*opened);
    journal->on_work([this](const std::string& destination) {
        const std::lock_guard lock(told_mutex_);
        told_.push_back(destination);
    });
}

ReclaimReport JournalTest::crash_and_start(int poison_crashes, int weight) {
    reopen();
    const auto report = journal->reclaim(poison_crashes, weight);
    EXPECT_TRUE(report) << report.error().text;
    return report.value_or(ReclaimReport{});
}

InstanceId JournalTest::accept(const std::string& uid, const rules::Decision& decision,
                               int content) {
    const auto accepted = journal->accept(request_for(uid, decision, content));
    EXPECT_TRUE(accepted) << accepted.error().text;
    return accepted ? accepted->id : 0;
}

void JournalTest::plan_all() {
    const auto leases = journal->lease_routing(100000);
    ASSERT_TRUE(leases) << leases.error().text;
    for (const auto& lease : *leases) {
        std::vector<PlannedSyntax> planned;
        for (const auto& delivery : lease.deliveries)
            planned.push_back({delivery.id, lease.row.instance.transfer_syntax_uid, ""});
        journal->plan(lease.row.id, planned);
    }
    journal->flush();
}

std::vector<SendingLease> JournalTest::lease(const std::string& destination, std::size_t most) {
    auto leases = journal->lease_sending(destination, most, clock.now);
    EXPECT_TRUE(leases) << leases.error().text;
    return leases.value_or(std::vector<SendingLease>{});
}

void JournalTest::settle(const SendingLease& lease, DeliveryState to, const std::string& error,
                         std::int64_t due) {
    journal->settle({.delivery = lease.delivery.id, .state = to, .error = error, .due = due});
    journal->flush();
}

std::vector<QueueEntry> JournalTest::rows(QueueFilter filter) {
    auto found = journal->query(filter);
    EXPECT_TRUE(found) << found.error().text;
    return found.value_or(std::vector<QueueEntry>{});
}

Delivery JournalTest::row(const std::string& uid, const std::string& destination) {
    journal->flush();
    std::vector<Delivery> found;
    for (const auto& entry : rows({.sop_instance_uid = uid, .undelivered_only = false}))
        if (entry.delivery.destination == destination)
            found.push_back(entry.delivery);
    EXPECT_EQ(found.size(), 1U) << uid << " to '" << destination << "'";
    return found.empty() ? Delivery{} : found.back();
}

DestinationSummary JournalTest::summary(const std::string& destination) {
    const auto all = journal->summary();
    EXPECT_TRUE(all) << all.error().text;
    if (all)
        for (const auto& one : *all)
            if (one.destination == destination)
                return one;
    ADD_FAILURE() << "no summary for '" << destination << "'";
    return {};
}

std::vector<std::string> JournalTest::told() {
    const std::lock_guard lock(told_mutex_);
    return std::exchange(told_, {});
}

INSTANTIATE_TEST_SUITE_P(
    Journals, JournalTest,
    testing::Values(JournalMaker{
        "Sqlite",
        [](const std::filesystem::path& folder,
           ManualClock& clock) -> Result<std::unique_ptr<Journal>> {
            return SqliteJournal::open({.file = folder / "journal.sqlite",
                                        .clock = [&clock] { return clock.now.load(); }})
                .map([](std::unique_ptr<SqliteJournal> journal) -> std::unique_ptr<Journal> {
                    return journal;
                });
        }}),
    [](const auto& suite) { return suite.param.name; });

} // namespace dcmflow::spool_test
