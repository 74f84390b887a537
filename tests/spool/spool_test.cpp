// The spool: blobs and rows in step, at start, at the door and on the way out.
#include "pipeline/spool/spool.h"

#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/spool/file_blobs.h"
#include "tests/spool/fault_vfs.h"
#include "tests/spool/support.h"
#include "tests/spool/test_files.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

namespace dcmflow::spool_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SpoolTest : public testing::Test {
  protected:
    void SetUp() override { open(); }
    void open() {
        spool.reset();
        auto opened =
            Spool::open(options, {.files = files, .sqlite_vfs = faults.name(), .clock = {}});
        ASSERT_TRUE(opened) << opened.error().text;
        spool = std::move(*opened);
    }
    StartReport start() {
        auto report = spool->start(adopt_to(deliver_to({"archive"})));
        EXPECT_TRUE(report) << report.error().text;
        return report.value_or(StartReport{});
    }
    StartReport restart() {
        open();
        return start();
    }
    Accepted accept(const std::string& uid, unsigned seed, std::size_t size = 5000) {
        auto accepted =
            spool->accept(store_blob(*spool, uid, deliver_to({"archive"}), some_bytes(size, seed)));
        EXPECT_TRUE(accepted) << accepted.error().text;
        return accepted.value_or(Accepted{});
    }
    std::vector<QueueEntry> rows() {
        return spool->journal().query({.undelivered_only = false}).value();
    }
    InstanceRow row(const std::string& uid) {
        auto found =
            spool->journal().query({.sop_instance_uid = uid, .undelivered_only = false}).value();
        EXPECT_EQ(found.size(), 1U);
        return found.at(0).row;
    }
    void deliver_all() {
        auto& journal = spool->journal();
        for (const auto& lease : std::vector(journal.lease_routing(1000).value())) {
            std::vector<PlannedSyntax> planned;
            for (const auto& delivery : lease.deliveries)
                planned.push_back({delivery.id, explicit_le, ""});
            journal.plan(lease.row.id, planned);
        }
        for (const auto& lease : std::vector(journal.lease_sending("archive", 1000, 0).value()))
            journal.settle({.delivery = lease.delivery.id});
        journal.flush();
    }
    std::filesystem::path data() const { return options.folder; }

    TempFolder folder;
    FaultVfs faults;
    std::shared_ptr<FailingFiles> files = std::make_shared<FailingFiles>();
    SpoolOptions options{.folder = folder / "some" / "where" / "data"};
    std::unique_ptr<Spool> spool;
};

TEST_F(SpoolTest, TwoCannotHaveTheSameFolder) {
    const auto second = Spool::open(options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    EXPECT_THAT(second.error().text, HasSubstr(data().string()));
    EXPECT_THAT(second.error().text, HasSubstr(std::to_string(::getpid())));
    spool.reset();
    EXPECT_TRUE(Spool::open(options));
}

TEST_F(SpoolTest, ACleanRestartFindsNothingToSay) {
    (void)start();
    accept("1.1", 1);
    accept("1.2", 2);
    const auto report = restart();
    EXPECT_EQ(report.adopted + report.quarantined + report.lost + report.postponed, 0U);
    EXPECT_EQ(rows().size(), 2U);
    EXPECT_TRUE(spool->open_verified(row("1.1")));
}

TEST_F(SpoolTest, WithoutStartTheQueueCanBeSeenAndChanged) {
    (void)start();
    accept("1.1", 1);
    open();
    EXPECT_EQ(spool->journal().summary()->at(0).ready, 1U);
    EXPECT_EQ(*spool->journal().act(QueueAction::hold, {}, ""), 1U);
    (void)restart();
    EXPECT_EQ(rows().at(0).delivery.state, DeliveryState::held);
}

TEST_F(SpoolTest, AnOrphanIsAdopted) {
    (void)store_blob(*spool, "1.1", {}, some_bytes(5000, 1));
    const auto report = restart();
    EXPECT_EQ(report.adopted, 1U);
    ASSERT_EQ(rows().size(), 1U);
    EXPECT_EQ(rows().at(0).delivery.destination, "archive");
    EXPECT_TRUE(row("1.1").flagged);
    EXPECT_TRUE(spool->open_verified(row("1.1")));
    EXPECT_EQ(restart().adopted, 0U);
}

TEST_F(SpoolTest, AnOrphanThatIsADuplicateIsRemoved) {
    (void)start();
    accept("1.1", 1);
    deliver_all();
    (void)store_blob(*spool, "1.1", {}, some_bytes(5000, 1));
    EXPECT_EQ(spool->blobs().list()->size(), 2U);
    (void)restart();
    EXPECT_EQ(spool->blobs().list()->size(), 1U);
    ASSERT_EQ(rows().size(), 1U);
    EXPECT_EQ(rows().at(0).delivery.state, DeliveryState::delivered);
}

TEST_F(SpoolTest, AnUnreadableOrphanGoesToQuarantineWithAReason) {
    auto writer = spool->blobs().create().value();
    ASSERT_TRUE(writer->write(some_bytes(500, 1)));
    const auto name = writer->commit().value();
    const auto report = restart();
    EXPECT_EQ(report.quarantined, 1U);
    EXPECT_EQ(report.adopted, 0U);
    EXPECT_THAT(*spool->blobs().list(), IsEmpty());
    std::string text;
    for (const auto& entry : std::filesystem::directory_iterator(data() / "quarantine"))
        if (entry.path().extension() == ".txt")
            std::getline(std::ifstream(entry.path()), text, '\0');
    EXPECT_THAT(text, HasSubstr(name));
}

TEST_F(SpoolTest, WithoutSpaceInTheJournalOrphansWaitForTheNextStart) {
    (void)store_blob(*spool, "1.1", {}, some_bytes(5000, 1));
    (void)store_blob(*spool, "1.2", {}, some_bytes(5000, 2));
    open();
    ASSERT_TRUE(spool
                    ->start([&](const std::string& blob, std::span<const std::byte> file) {
                        faults.fail(1, SQLITE_FULL, SQLITE_FULL, true);
                        return adopt_to(deliver_to({"archive"}))(blob, file);
                    })
                    .map([](const StartReport& report) {
                        EXPECT_EQ(report.postponed, 2U);
                        EXPECT_EQ(report.adopted, 0U);
                    }));
    faults.heal();
    EXPECT_EQ(restart().adopted, 2U);
}

TEST_F(SpoolTest, ARowWithoutItsFileIsTheAlarm) {
    (void)start();
    const auto lost = accept("1.1", 1);
    accept("1.2", 2);
    std::filesystem::remove(spool->blobs().path(lost.blob));
    const auto report = restart();
    EXPECT_EQ(report.lost, 1U);
    EXPECT_THAT(report.lost_sop_instance_uids, ElementsAre("1.1"));
    const auto held = spool->journal().query({.state = DeliveryState::held}).value();
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].row.instance.sop_instance_uid, "1.1");
    EXPECT_THAT(held[0].delivery.last_error, HasSubstr("CT1")) << "where it can be sent again from";
    EXPECT_EQ(restart().lost, 1U) << "it is an alarm as long as it is so";

    accept("1.1", 1); // the modality sends it again
    EXPECT_EQ(rows().at(0).delivery.state, DeliveryState::waiting);
    EXPECT_TRUE(spool->open_verified(row("1.1")));
    EXPECT_EQ(restart().lost, 0U);
}

TEST_F(SpoolTest, ADeliveredRowWithoutItsFileIsNothingLost) {
    (void)start();
    const auto accepted = accept("1.1", 1);
    deliver_all();
    std::filesystem::remove(spool->blobs().path(accepted.blob));
    EXPECT_EQ(restart().lost, 0U);
    EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(SpoolTest, ADamagedFileDoesNotLeave) {
    (void)start();
    const auto accepted = accept("1.1", 1);
    accept("1.2", 2);
    const auto file = spool->blobs().path(accepted.blob);
    flip_byte(file, std::filesystem::file_size(file) - 100);
    const auto refused = spool->open_verified(row("1.1"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::malformed);
    EXPECT_THAT(refused.error().text, HasSubstr(file.string()));
    EXPECT_EQ(rows().at(0).delivery.state, DeliveryState::held);
    EXPECT_EQ(rows().at(0).delivery.last_error, refused.error().text);
    EXPECT_TRUE(spool->open_verified(row("1.2"))) << "others are not touched";
}

TEST_F(SpoolTest, ACutFileAndOneWithABrokenHeadDoNotLeaveEither) {
    (void)start();
    std::filesystem::resize_file(spool->blobs().path(accept("1.1", 1).blob), 3000);
    std::filesystem::resize_file(spool->blobs().path(accept("1.2", 2).blob), 0);
    flip_byte(spool->blobs().path(accept("1.3", 3).blob), 129);
    for (const auto* uid : {"1.1", "1.2", "1.3"})
        EXPECT_EQ(spool->open_verified(row(uid)).error().code, ErrorCode::malformed) << uid;
    std::filesystem::remove(spool->blobs().path(accept("1.4", 4).blob));
    EXPECT_EQ(spool->open_verified(row("1.4")).error().code, ErrorCode::not_found);
    EXPECT_EQ(spool->journal().query({.state = DeliveryState::held})->size(), 4U);
}

TEST_F(SpoolTest, TheDigestIsCheckedOncePerProcess) {
    (void)start();
    const auto accepted = accept("1.1", 1);
    EXPECT_FALSE(row("1.1").verified);
    ASSERT_TRUE(spool->open_verified(row("1.1")));
    EXPECT_TRUE(row("1.1").verified);
    (void)restart();
    EXPECT_FALSE(row("1.1").verified);
    flip_byte(spool->blobs().path(accepted.blob), 2000);
    EXPECT_FALSE(spool->open_verified(row("1.1")));
}

TEST_F(SpoolTest, OfADuplicateOneCopyStays) {
    (void)start();
    const auto first = accept("1.1", 1);
    const auto second = accept("1.1", 1);
    EXPECT_EQ(second.kind, AcceptKind::duplicate);
    EXPECT_EQ(second.blob, first.blob);
    EXPECT_THAT(*spool->blobs().list(), ElementsAre(first.blob));
    EXPECT_EQ(accept("1.1", 2).kind, AcceptKind::new_version);
    EXPECT_EQ(spool->blobs().list()->size(), 2U);
}

TEST_F(SpoolTest, EqualDigestsOfOtherBytesAreNoDuplicate) {
    (void)start();
    const auto first = accept("1.1", 1);
    auto request = store_blob(*spool, "1.1", deliver_to({"archive"}), some_bytes(5000, 2));
    request.instance.digest = digest_of(some_bytes(5000, 1)); // as a collision would have it
    const auto second = spool->accept(request);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->kind, AcceptKind::new_version);
    EXPECT_NE(second->blob, first.blob);
    EXPECT_EQ(spool->blobs().list()->size(), 2U);
}

TEST_F(SpoolTest, AResendReplacesADamagedOrMissingCopy) {
    (void)start();
    for (const bool missing : {false, true}) {
        const auto first = accept("1.1", 1);
        const auto file = spool->blobs().path(first.blob);
        if (missing)
            std::filesystem::remove(file);
        else
            flip_byte(file, std::filesystem::file_size(file) - 1);
        const auto second = accept("1.1", 1);
        EXPECT_EQ(second.kind, AcceptKind::stored);
        EXPECT_EQ(second.id, first.id);
        EXPECT_NE(second.blob, first.blob);
        EXPECT_TRUE(spool->open_verified(row("1.1")));
        EXPECT_EQ(rows().at(0).delivery.state, DeliveryState::waiting);
    }
    EXPECT_EQ(restart().adopted, 0U) << "the damaged copy is not adopted";
    EXPECT_EQ(spool->blobs().list()->size(), 1U);
}

TEST_F(SpoolTest, ARefusedObjectLeavesNoFile) {
    (void)start();
    accept("1.1", 1);
    auto request = store_blob(*spool, "1.2", deliver_to({"archive"}), some_bytes(5000, 2));
    faults.fail(1, SQLITE_FULL, SQLITE_FULL, true);
    const auto refused = spool->accept(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::no_space);
    EXPECT_EQ(spool->blobs().list()->size(), 1U);
    faults.heal();
    accept("1.2", 2);
    EXPECT_EQ(rows().size(), 2U);
}

TEST_F(SpoolTest, AfterAJournalIoErrorTheFileStaysForTheNextStart) {
    (void)start();
    const auto request = store_blob(*spool, "1.1", deliver_to({"archive"}), some_bytes(5000, 1));
    faults.fail(1, SQLITE_OK, SQLITE_IOERR_FSYNC, false);
    EXPECT_EQ(spool->accept(request).error().code, ErrorCode::io);
    EXPECT_EQ(spool->admit(1).error().code, ErrorCode::no_space) << "the door is shut";
    const auto report = restart();
    EXPECT_EQ(report.lost, 0U) << "whether or not the row made it to the disk";
    EXPECT_EQ(rows().size(), 1U);
    EXPECT_TRUE(spool->open_verified(row("1.1")));
}

TEST_F(SpoolTest, TheQuotaHoldsAndDeliveredObjectsMakeRoom) {
    options.quota = 40'000;
    (void)restart();
    for (int i = 0; i < 3; ++i)
        accept("1." + std::to_string(i), static_cast<unsigned>(i), 10'000);
    EXPECT_TRUE(spool->admit(5'000));
    const auto refused = spool->admit(15'000);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::no_space);
    EXPECT_THAT(refused.error().text, HasSubstr("quota"));
    EXPECT_FALSE(spool->admit(UINT64_MAX)) << "no overflow";
    EXPECT_EQ(rows().size(), 3U) << "what is not delivered is never evicted";
    deliver_all();
    (void)restart(); // a new process may evict at once
    EXPECT_TRUE(spool->admit(15'000));
    EXPECT_EQ(rows().size(), 2U) << "no more than was needed, the oldest first";
    EXPECT_EQ(rows().at(0).row.instance.sop_instance_uid, "1.1");
}

TEST_F(SpoolTest, FreeSpaceIsKept) {
    options.keep_free = UINT64_MAX / 2;
    (void)restart();
    const auto refused = spool->admit(1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::no_space);
    EXPECT_THAT(refused.error().text, HasSubstr("keep_free"));
}

TEST_F(SpoolTest, EvictionTakesTheDeliveredWithTheirDerivedBlobs) {
    (void)start();
    const auto first = accept("1.1", 1);
    deliver_all();
    const auto second = accept("1.2", 2);
    for (const auto id : {first.id, second.id}) {
        auto writer = spool->blobs().create_derived(Spool::derived_name(id, jpeg_ls)).value();
        ASSERT_TRUE(writer->write(some_bytes(100, 1)));
        ASSERT_TRUE(writer->commit());
    }
    EXPECT_EQ(*spool->evict(1), 0U) << "not that old";
    EXPECT_EQ(*spool->evict(INT64_MAX), 1U);
    EXPECT_FALSE(spool->blobs().exists(first.blob));
    EXPECT_FALSE(spool->blobs().exists(Spool::derived_name(first.id, jpeg_ls)));
    EXPECT_TRUE(spool->blobs().exists(second.blob));
    EXPECT_TRUE(spool->blobs().exists(Spool::derived_name(second.id, jpeg_ls)));
    EXPECT_EQ(rows().size(), 1U);
}

TEST_F(SpoolTest, AnEvictedFileThatStayedIsRemovedNotAdopted) {
    (void)start();
    const auto first = accept("1.1", 1);
    deliver_all();
    files->fail(1, EIO, true);
    EXPECT_FALSE(spool->evict(INT64_MAX));
    files->heal();
    ASSERT_TRUE(spool->blobs().exists(first.blob));
    const auto report = restart();
    EXPECT_EQ(report.adopted, 0U);
    EXPECT_FALSE(spool->blobs().exists(first.blob));
    EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(SpoolTest, DerivedNamesAreSafe) {
    EXPECT_EQ(Spool::derived_name(12, "1.2.840"), "12-1.2.840");
    EXPECT_EQ(Spool::derived_name(12, "../x"), "12-..__");
}

TEST_F(SpoolTest, AStartWithManyRowsOpensNoFile) {
    // Counted, not timed.
    class Counting final : public PassingFiles {
      public:
        std::atomic<int> opened{0};
        int open_read(const Path& path) override {
            ++opened;
            return real_->open_read(path);
        }
    };
    (void)start();
    for (int i = 0; i < 200; ++i)
        accept("1." + std::to_string(i), static_cast<unsigned>(i), 10);
    spool.reset();
    const auto counting = std::make_shared<Counting>();
    auto again = Spool::open(options, {.files = counting, .sqlite_vfs = {}, .clock = {}});
    ASSERT_TRUE(again);
    const auto report = (*again)->start(adopt_to(deliver_to({"archive"})));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->lost + report->adopted, 0U);
    EXPECT_EQ(counting->opened, 0);
}

} // namespace
} // namespace dcmflow::spool_test
