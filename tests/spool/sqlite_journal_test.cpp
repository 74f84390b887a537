// What is particular to the SQLite journal: query plans, versions, what is synced, and a disk that
// refuses.
#include "pipeline/spool/sqlite_journal.h"

#include "pipeline/spool/sqlite_rows.h"
#include "pipeline/spool/sqlite_schema.h"
#include "tests/spool/fault_vfs.h"
#include "tests/spool/support.h"

#include <fstream>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sqlite3.h>
#include <thread>

namespace dcmflow::spool_test {
namespace {

using testing::HasSubstr;
using testing::Not;

class SqliteJournalTest : public testing::Test {
  protected:
    std::filesystem::path file() const { return folder / "journal.sqlite"; }
    Result<std::unique_ptr<SqliteJournal>> open() {
        return SqliteJournal::open({.file = file(), .vfs = faults.name(), .clock = {}});
    }
    static std::set<std::string> uids(const Journal& journal) {
        std::set<std::string> found;
        const auto rows = journal.query({.undelivered_only = false});
        EXPECT_TRUE(rows) << rows.error().text;
        if (rows)
            for (const auto& row : *rows)
                found.insert(row.row.instance.sop_instance_uid);
        return found;
    }

    TempFolder folder;
    FaultVfs faults;
};

TEST_F(SqliteJournalTest, TheFrequentQuestionsNeverScan) {
    auto journal = open();
    ASSERT_TRUE(journal) << journal.error().text;
    SqliteFault fault;
    const auto database = SqliteDatabase::open(file(), SqliteDatabase::Mode::read_only, "", fault);
    ASSERT_TRUE(database);
    // The last one is a page of an operator's list.
    const auto page = query_sql(filter_sql({.destination = "a", .limit = 100, .after = 7}));
    for (const std::string_view sql :
         {sqlite::waiting_sql, sqlite::ready_sql, sqlite::retry_sql, sqlite::next_due_sql,
          sqlite::finished_sql, std::string_view(page)}) {
        std::string plan;
        auto query = database->query("EXPLAIN QUERY PLAN " + std::string(sql));
        while (query.step())
            plan += query.text(3) + "\n";
        EXPECT_THAT(plan, HasSubstr("SEARCH")) << sql;
        EXPECT_THAT(plan, Not(HasSubstr("SCAN"))) << sql;
        EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE"))) << sql << "\n" << plan;
    }
    EXPECT_FALSE(database->fault());
}

TEST_F(SqliteJournalTest, ANewerSchemaIsRefusedByName) {
    ASSERT_TRUE(open());
    {
        SqliteFault fault;
        const auto database =
            SqliteDatabase::open(file(), SqliteDatabase::Mode::read_write_create, "", fault);
        database->execute("PRAGMA user_version = 7");
        ASSERT_FALSE(database->fault());
    }
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_THAT(refused.error().text, HasSubstr(file().string()));
    EXPECT_THAT(refused.error().text, HasSubstr("version 7"));
}

TEST_F(SqliteJournalTest, AFileOfVersion1IsUpgraded) {
    ASSERT_TRUE(open());
    {
        SqliteFault fault;
        const auto database =
            SqliteDatabase::open(file(), SqliteDatabase::Mode::read_write_create, "", fault);
        database->execute("ALTER TABLE instance DROP COLUMN pixel_digest; PRAGMA user_version = 1");
        ASSERT_FALSE(database->fault());
    }
    const auto opened = open();
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_TRUE((*opened)->query({})); // asks for every column
}

TEST_F(SqliteJournalTest, AFileOfAnotherKindIsRefused) {
    std::ofstream(file())
        << "this is no database, and it is long enough to have a header of one hundred bytes, "
           "which SQLite looks at before anything else";
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::malformed) << refused.error().text;
    std::filesystem::remove(file());
    {
        SqliteFault fault;
        const auto database =
            SqliteDatabase::open(file(), SqliteDatabase::Mode::read_write_create, "", fault);
        database->execute("CREATE TABLE contacts (name)");
    }
    const auto other = open();
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::malformed);
}

TEST_F(SqliteJournalTest, AcceptSyncsAndLeasesDoNot) {
    auto journal = std::move(open().value());
    ASSERT_TRUE(journal->accept(request_for("1", deliver_to({"a"}))));
    auto before = faults.syncs();
    ASSERT_TRUE(journal->accept(request_for("2", deliver_to({"a"}))));
    EXPECT_GT(faults.syncs(), before);
    before = faults.syncs();
    const auto leases = journal->lease_routing(10);
    journal->plan(leases->at(0).row.id, {{leases->at(0).deliveries.at(0).id, explicit_le, ""}});
    ASSERT_EQ(journal->lease_sending("a", 10, 0)->size(), 1U);
    journal->settle({.delivery = leases->at(0).deliveries.at(0).id});
    journal->flush();
    EXPECT_EQ(faults.syncs(), before) << "a power cut may take these back: one repeated delivery";
    ASSERT_TRUE(journal->set_paused("a", true));
    EXPECT_GT(faults.syncs(), before);
}

TEST_F(SqliteJournalTest, ManyCallersShareASync) {
    auto journal = std::move(open().value());
    // The listener holds the writer's thread after the first commit, so that the others gather
    // behind it.
    std::promise<void> held;
    std::promise<void> go;
    journal->on_work([&, first = true](const std::string&) mutable {
        if (!std::exchange(first, false))
            return;
        held.set_value();
        go.get_future().wait();
    });
    std::atomic<int> started{0};
    std::vector<std::jthread> callers;
    const auto call = [&] {
        const auto uid = "1." + std::to_string(++started);
        EXPECT_TRUE(journal->accept(request_for(uid, deliver_to({"a"}))));
    };
    callers.emplace_back(call);
    held.get_future().wait();
    const auto before = faults.syncs();
    for (int i = 1; i < 32; ++i)
        callers.emplace_back(call);
    while (started < 32)
        std::this_thread::yield();
    go.set_value();
    callers.clear();
    EXPECT_EQ(uids(*journal).size(), 32U);
    EXPECT_LT(faults.syncs() - before, 31) << "each had a sync of its own";
}

TEST_F(SqliteJournalTest, AFullDiskIsNoSpaceAndServiceResumes) {
    auto journal = std::move(open().value());
    ASSERT_TRUE(journal->accept(request_for("1", deliver_to({"a"}))));
    const auto leases = journal->lease_routing(10);
    faults.fail(1, SQLITE_FULL, SQLITE_FULL, true);
    const auto refused = journal->accept(request_for("2", deliver_to({"a"})));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::no_space) << refused.error().text;
    EXPECT_THAT(refused.error().text, HasSubstr(file().string()));
    EXPECT_TRUE(journal->healthy());
    EXPECT_EQ(journal->lease_sending("a", 1, 0).value_or(std::vector<SendingLease>{}).size(), 0U);
    // Posted meanwhile: it is kept and done when there is space.
    journal->plan(leases->at(0).row.id, {{leases->at(0).deliveries.at(0).id, explicit_le, ""}});
    EXPECT_FALSE(journal->accept(request_for("3", deliver_to({"a"}))));
    faults.heal();
    ASSERT_TRUE(journal->accept(request_for("4", deliver_to({"a"}))));
    EXPECT_EQ(journal->lease_sending("a", 10, 0)->size(), 1U) << "the plan was not forgotten";
    EXPECT_EQ(uids(*journal), (std::set<std::string>{"1", "4"}));
}

TEST_F(SqliteJournalTest, PostedWorkIsDoneWhenSpaceReturnsWithoutAnyoneAsking) {
    auto journal = std::move(open().value());
    ASSERT_TRUE(journal->accept(request_for("1", deliver_to({"a"}))));
    const auto leases = journal->lease_routing(10);
    std::promise<void> heard;
    journal->on_work([&](const std::string& destination) {
        if (destination == "a")
            heard.set_value();
    });
    faults.fail(1, SQLITE_FULL, SQLITE_FULL, true);
    journal->plan(leases->at(0).row.id, {{leases->at(0).deliveries.at(0).id, explicit_le, ""}});
    journal->flush(); // it was tried
    ASSERT_TRUE(faults.struck());
    faults.heal();
    EXPECT_EQ(heard.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    journal->on_work({});
}

TEST_F(SqliteJournalTest, AfterAFailedSyncNothingIsAcceptedAnyMore) {
    auto journal = std::move(open().value());
    ASSERT_TRUE(journal->accept(request_for("1", deliver_to({"a"}))));
    faults.fail(1, SQLITE_OK, SQLITE_IOERR_FSYNC, false);
    const auto last = journal->accept(request_for("2", deliver_to({"a"})));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code, ErrorCode::io) << last.error().text;
    EXPECT_FALSE(journal->healthy());
    faults.heal();
    EXPECT_EQ(journal->accept(request_for("99", deliver_to({"a"}))).error().code, ErrorCode::io);
    EXPECT_FALSE(journal->lease_routing(1));
    journal->flush(); // must not hang
    journal.reset();
    journal = std::move(open().value());
    EXPECT_TRUE(journal->healthy());
    EXPECT_TRUE(uids(*journal).contains("1"));
    EXPECT_FALSE(uids(*journal).contains("99"));
}

// Fails the Nth write or sync, for every N until the run gets through untouched.
void sweep(int write_code, int sync_code, bool persistent) {
    bool struck = true;
    int nth = 0;
    for (nth = 1; struck && nth < 300; ++nth) {
        TempFolder folder;
        FaultVfs faults;
        const SqliteJournalOptions options{
            .file = folder / "journal.sqlite", .vfs = faults.name(), .clock = {}};
        std::set<std::string> acknowledged;
        {
            auto journal = SqliteJournal::open(options);
            ASSERT_TRUE(journal);
            faults.fail(nth, write_code, sync_code, persistent);
            for (int i = 0; i < 3; ++i) {
                const auto uid = "1." + std::to_string(i);
                if ((*journal)->accept(request_for(uid, deliver_to({"a", "b"}))))
                    acknowledged.insert(uid);
                if (const auto leases = (*journal)->lease_routing(10))
                    for (const auto& lease : *leases)
                        (*journal)->plan(lease.row.id,
                                         {{lease.deliveries.at(0).id, explicit_le, ""}});
            }
            (*journal)->flush();
            struck = faults.struck();
            faults.heal();
        }
        auto journal = SqliteJournal::open({.file = options.file, .vfs = {}, .clock = {}});
        ASSERT_TRUE(journal) << journal.error().text;
        ASSERT_TRUE((*journal)->reclaim(3, 1));
        std::set<std::string> found;
        for (const auto& row : std::vector((*journal)->query({}).value()))
            found.insert(row.row.instance.sop_instance_uid);
        for (const auto& uid : acknowledged)
            EXPECT_TRUE(found.contains(uid)) << uid << " after a fault at call " << nth;
        SqliteFault fault;
        const auto database =
            SqliteDatabase::open(options.file, SqliteDatabase::Mode::read_only, "", fault);
        auto check = database->query("PRAGMA integrity_check");
        ASSERT_TRUE(check.step());
        EXPECT_EQ(check.text(0), "ok");
    }
    EXPECT_GT(nth, 10) << "the fault was never reached";
    EXPECT_FALSE(struck) << "the run never got through";
}

TEST(SqliteJournalSweep, FullOnce) {
    sweep(SQLITE_FULL, SQLITE_FULL, false);
}
TEST(SqliteJournalSweep, FullForGood) {
    sweep(SQLITE_FULL, SQLITE_FULL, true);
}
TEST(SqliteJournalSweep, IoErrorOnce) {
    sweep(SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, false);
}
TEST(SqliteJournalSweep, IoErrorForGood) {
    sweep(SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, true);
}

TEST_F(SqliteJournalTest, TheTallyAgreesWithTheRows) {
    auto journal = std::move(open().value());
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(journal->accept(request_for(std::to_string(i), deliver_to({"a", "b"}))));
    for (const auto& lease : std::vector(journal->lease_routing(15).value())) {
        std::vector<PlannedSyntax> planned;
        for (const auto& delivery : lease.deliveries)
            planned.push_back({delivery.id, explicit_le, ""});
        journal->plan(lease.row.id, planned);
    }
    int i = 0;
    for (const auto& lease : std::vector(journal->lease_sending("a", 12, 0).value()))
        journal->settle({.delivery = lease.delivery.id,
                         .state = i++ % 2 == 0 ? DeliveryState::delivered : DeliveryState::failed,
                         .error = "x"});
    ASSERT_TRUE(journal->act(QueueAction::move, {.destination = "b"}, "c"));
    ASSERT_TRUE(journal->act(QueueAction::drop, {.sop_instance_uid = "3"}, ""));
    ASSERT_TRUE(journal->forget(journal->finished(INT64_MAX, 1)->at(0).id));
    journal->flush();
    SqliteFault fault;
    const auto database = SqliteDatabase::open(file(), SqliteDatabase::Mode::read_only, "", fault);
    auto query = database->query(
        "SELECT t.deliveries, t.bytes, (SELECT count(*) FROM delivery d WHERE d.destination = "
        "t.destination AND d.state = t.state), (SELECT coalesce(sum(bytes), 0) FROM delivery "
        "d WHERE d.destination = t.destination AND d.state = t.state) FROM tally t");
    int rows = 0;
    for (; query.step(); ++rows) {
        EXPECT_EQ(query.integer(0), query.integer(2));
        EXPECT_EQ(query.integer(1), query.integer(3));
    }
    EXPECT_GE(rows, 6);
    EXPECT_EQ(database->number(
                  "SELECT count(*) FROM (SELECT DISTINCT destination, state FROM delivery EXCEPT "
                  "SELECT destination, state FROM tally)"),
              0);
}

} // namespace
} // namespace dcmflow::spool_test
