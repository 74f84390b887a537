// Blobs as plain files: whole or not at all, whatever fails.
#include "pipeline/spool/file_blobs.h"

#include "tests/spool/support.h"
#include "tests/spool/test_files.h"

#include <cstring>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>
#include <thread>

namespace dcmflow::spool_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::UnorderedElementsAre;

// In pieces, with the first four bytes patched at the end, as a receiver does.
Result<std::string> put(BlobStore& store, const std::vector<std::byte>& bytes,
                        const std::string& derived = {}) {
    auto writer = derived.empty() ? store.create() : store.create_derived(derived);
    if (!writer)
        return tl::unexpected(writer.error());
    auto first = bytes;
    std::fill_n(first.begin(), std::min<std::size_t>(4, first.size()), std::byte{0});
    constexpr std::size_t piece = 8 << 10;
    for (std::size_t at = 0; at < first.size(); at += piece)
        if (auto status =
                (*writer)->write(std::span(first).subspan(at, std::min(piece, first.size() - at)));
            !status)
            return tl::unexpected(status.error());
    if (auto status =
            (*writer)->patch(0, std::span(bytes).first(std::min<std::size_t>(4, bytes.size())));
        !status)
        return tl::unexpected(status.error());
    return (*writer)->commit();
}

bool holds(const BlobStore& store, const std::string& name, const std::vector<std::byte>& bytes) {
    const auto view = store.open(name);
    return view && (*view)->bytes().size() == bytes.size() &&
           (bytes.empty() || std::memcmp((*view)->bytes().data(), bytes.data(), bytes.size()) == 0);
}

class FileBlobsTest : public testing::Test {
  protected:
    std::unique_ptr<FileBlobs> open(const FileBlobsOptions& options = {}) {
        auto store = FileBlobs::open_folder(folder / "data", files, options);
        EXPECT_TRUE(store) << store.error().text;
        return store ? std::move(*store) : nullptr;
    }
    TempFolder folder;
    std::shared_ptr<FailingFiles> files = std::make_shared<FailingFiles>();
};

TEST_F(FileBlobsTest, GivesBackWhatItWasGiven) {
    auto store = open();
    for (const std::size_t size : {0U, 1U, 65'536U, 3'000'000U}) {
        const auto bytes = some_bytes(size, static_cast<unsigned>(size));
        const auto name = put(*store, bytes);
        ASSERT_TRUE(name) << name.error().text;
        EXPECT_TRUE(holds(*store, *name, bytes)) << size;
        EXPECT_TRUE(store->exists(*name));
        EXPECT_EQ(store->path(*name).parent_path().parent_path(), folder / "data" / "objects");
        EXPECT_THAT(*name, MatchesRegex("[0-9]{8}T[0-9]{4}-[0-9A-Z]{6}/[0-9A-Z]{26}\\.dcm"));
    }
    EXPECT_EQ(store->list()->size(), 4U);
    EXPECT_EQ(store->usage().bytes, 3'065'537U);
    EXPECT_GT(store->usage().disk_total, store->usage().disk_free);
    EXPECT_EQ(open()->usage().bytes, 3'065'537U) << "counted again at open";
}

TEST_F(FileBlobsTest, FilesAreNotForTheWholeWorld) {
    auto store = open();
    const auto name = put(*store, some_bytes(10, 1));
    for (const auto& path :
         {store->path(*name), store->path(*name).parent_path(), folder / "data"}) {
        struct stat info {};
        ASSERT_EQ(::stat(path.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0007, 0U) << path;
    }
}

TEST_F(FileBlobsTest, TheUnfinishedFileCanBeReadAndPatched) {
    auto store = open();
    auto writer = std::move(store->create().value());
    EXPECT_TRUE(writer->view()->empty());
    ASSERT_TRUE(writer->write(some_bytes(1000, 1)));
    EXPECT_TRUE(std::ranges::equal(*writer->view(), some_bytes(1000, 1)));
    ASSERT_TRUE(writer->write(some_bytes(10, 2)));
    EXPECT_EQ(writer->view()->size(), 1010U);
    EXPECT_EQ(writer->size(), 1010U);
    EXPECT_EQ(writer->patch(1009, some_bytes(2, 1)).error().code, ErrorCode::invalid_argument);
    ASSERT_TRUE(writer->patch(1000, some_bytes(10, 3)));
    EXPECT_TRUE(std::ranges::equal(writer->view()->subspan(1000), some_bytes(10, 3)));
    EXPECT_EQ(store->usage().bytes, 1010U);
    const auto name = writer->commit();
    ASSERT_TRUE(name);
    EXPECT_FALSE(writer->write(some_bytes(1, 1))) << "it is finished";
    EXPECT_FALSE(writer->commit());
    writer.reset();
    EXPECT_TRUE(store->exists(*name));
}

TEST_F(FileBlobsTest, WithoutCommitNothingStays) {
    auto store = open();
    {
        auto writer = std::move(store->create().value());
        ASSERT_TRUE(writer->write(some_bytes(1000, 1)));
        EXPECT_EQ(files_in(folder / "data"), 1U);
    }
    EXPECT_EQ(files_in(folder / "data"), 0U);
    EXPECT_EQ(store->usage().bytes, 0U);
    auto writer = std::move(store->create().value());
    ASSERT_TRUE(writer->write(some_bytes(1000, 1)));
    (void)put(*store, some_bytes(1, 1), "1-1.2");
    const auto next = open(); // as if the process had died
    EXPECT_EQ(files_in(folder / "data"), 0U);
    EXPECT_EQ(next->usage().bytes, 0U);
}

TEST_F(FileBlobsTest, RemovedIsGoneAndAViewLivesOn) {
    auto store = open();
    const auto bytes = some_bytes(100'000, 7);
    const auto name = put(*store, bytes).value();
    const auto view = store->open(name).value();
    ASSERT_TRUE(store->remove(name));
    EXPECT_TRUE(store->remove(name)) << "gone already is fine";
    EXPECT_FALSE(store->exists(name));
    EXPECT_EQ(store->open(name).error().code, ErrorCode::not_found);
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes));
    EXPECT_EQ(store->usage().bytes, 0U);
}

TEST_F(FileBlobsTest, NamesCannotLeadOutOfTheFolder) {
    auto store = open();
    for (const auto* name : {"../x.dcm", "a/../../x.dcm", "/etc/passwd", "a/b/c.dcm", "", ".", "..",
                             ".hidden", "a/.dcm", "a\nb", "a/b.txt"}) {
        EXPECT_FALSE(store->exists(name)) << name;
        EXPECT_EQ(store->open(name).error().code, ErrorCode::not_found) << name;
        EXPECT_EQ(store->path(name), std::filesystem::path{}) << name;
        EXPECT_TRUE(store->remove(name));
        EXPECT_FALSE(store->quarantine(name, "x"));
    }
    for (const auto* name : {"", "../x", "a/b", ".x", "a b"})
        EXPECT_FALSE(store->create_derived(name)) << name;
}

TEST_F(FileBlobsTest, DerivedBlobsAreReplacedAndRemovedByPrefix) {
    auto store = open();
    ASSERT_EQ(put(*store, some_bytes(100, 1), "12-1.2.4"), "12-1.2.4");
    ASSERT_TRUE(put(*store, some_bytes(50, 2), "12-1.2.4"));
    EXPECT_TRUE(holds(*store, "12-1.2.4", some_bytes(50, 2)));
    ASSERT_TRUE(put(*store, some_bytes(10, 3), "12-1.2.5"));
    ASSERT_TRUE(put(*store, some_bytes(1, 4), "123-1.2.4"));
    EXPECT_EQ(store->usage().bytes, 61U);
    EXPECT_THAT(*store->list(), IsEmpty()) << "objects only";
    store->remove_derived("12-");
    EXPECT_FALSE(store->exists("12-1.2.4"));
    EXPECT_TRUE(store->exists("123-1.2.4"));
    EXPECT_EQ(store->usage().bytes, 1U);
    EXPECT_TRUE(store->remove("123-1.2.4"));
    EXPECT_EQ(store->usage().bytes, 0U);
    EXPECT_EQ(files->folder_syncs(), 1)
        << "a cache is not synced; the one is the data folder's at open";
}

TEST_F(FileBlobsTest, QuarantineKeepsTheBytesAndSaysWhy) {
    auto store = open();
    const auto name = put(*store, some_bytes(1000, 1)).value();
    ASSERT_TRUE(store->quarantine(name, "no file meta information"));
    EXPECT_THAT(*store->list(), IsEmpty());
    EXPECT_EQ(store->usage().bytes, 0U);
    const auto base = store->path(name).stem().string();
    EXPECT_EQ(std::filesystem::file_size(folder / "data" / "quarantine" / (base + ".dcm")), 1000U);
    EXPECT_GT(std::filesystem::file_size(folder / "data" / "quarantine" / (base + ".txt")), 20U);
    EXPECT_FALSE(store->quarantine(name, "again"));
}

TEST_F(FileBlobsTest, BucketsRollAndEmptyOnesGo) {
    auto store = open({.bucket_files = 2});
    std::set<std::string> buckets;
    std::vector<std::string> names;
    for (int i = 0; i < 5; ++i) {
        names.push_back(put(*store, some_bytes(10, 1)).value());
        buckets.insert(names.back().substr(0, names.back().find('/')));
    }
    EXPECT_EQ(buckets.size(), 3U);
    for (const auto& name : names)
        ASSERT_TRUE(store->remove(name));
    const auto left = [&] {
        return std::distance(std::filesystem::directory_iterator(folder / "data" / "objects"), {});
    };
    EXPECT_EQ(left(), 1) << "the current one stays";
    EXPECT_TRUE(put(*store, some_bytes(10, 1)));
    store = open();
    EXPECT_EQ(left(), 1);
    ASSERT_TRUE(store->remove(store->list()->at(0)));
    EXPECT_EQ(left(), 0);
}

TEST_F(FileBlobsTest, ABrokenFolderTakesNoMoreFiles) {
    auto store = open();
    const auto first = put(*store, some_bytes(10, 1)).value();
    // write, patch, fdatasync, close, rename are calls 2 to 6 after create; the folder's sync is
    // the 7th.
    files->fail(7, EIO, false);
    const auto refused = put(*store, some_bytes(10, 2));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::io);
    EXPECT_THAT(refused.error().text, HasSubstr("sync of folder"));
    EXPECT_THAT(*store->list(), UnorderedElementsAre(first));
    const auto second = put(*store, some_bytes(10, 3)).value();
    EXPECT_NE(second.substr(0, second.find('/')), first.substr(0, first.find('/')));
}

TEST_F(FileBlobsTest, AFailedSyncIsNotRepeated) {
    auto store = open();
    (void)put(*store, some_bytes(10, 1));
    auto writer = std::move(store->create().value());
    ASSERT_TRUE(writer->write(some_bytes(10, 1)));
    files->fail(1, EIO, false);
    const auto refused = writer->commit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::io);
    EXPECT_FALSE(writer->commit()) << "the second sync would succeed, and the data be lost";
    EXPECT_EQ(files_in(folder / "data"), 1U);
}

TEST_F(FileBlobsTest, ThreadsShareFolderSyncs) {
    auto store = open();
    constexpr int threads = 8;
    constexpr int each = 25;
    std::mutex mutex;
    std::map<std::string, unsigned> committed;
    {
        std::vector<std::jthread> workers;
        for (int t = 0; t < threads; ++t)
            workers.emplace_back([&, t] {
                for (int i = 0; i < each; ++i) {
                    const auto seed = static_cast<unsigned>(t * each + i);
                    const auto name = put(*store, some_bytes(2000, seed));
                    ASSERT_TRUE(name) << name.error().text;
                    const std::lock_guard lock(mutex);
                    committed[*name] = seed;
                }
            });
    }
    EXPECT_EQ(committed.size(), static_cast<std::size_t>(threads * each));
    for (const auto& [name, seed] : committed)
        EXPECT_TRUE(holds(*store, name, some_bytes(2000, seed)));
    EXPECT_LE(files->folder_syncs(), threads * each + 2);
    EXPECT_EQ(store->usage().bytes, static_cast<std::uint64_t>(threads * each * 2000));
}

// A sync covers the renames that were done before it began, not those that came while it ran.
TEST(FileBlobsSync, AThreadThatComesDuringASyncWaitsForTheNext) {
    class GateFiles final : public PassingFiles {
      public:
        int fsync_folder(const Path& path) override {
            if (path.parent_path().filename() != "objects")
                return real_->fsync_folder(path);
            if (++bucket_syncs == 1) {
                running.set_value();
                go.get_future().wait();
            }
            return real_->fsync_folder(path);
        }
        int rename(const Path& from, const Path& to, bool replace) override {
            const int result = real_->rename(from, to, replace);
            ++renames;
            return result;
        }
        std::atomic<int> bucket_syncs{0};
        std::atomic<int> renames{0};
        std::promise<void> running;
        std::promise<void> go;
    };
    for (int round = 0; round < 20; ++round) {
        TempFolder folder;
        const auto files = std::make_shared<GateFiles>();
        auto store = FileBlobs::open_folder(folder / "data", files);
        ASSERT_TRUE(store);
        std::jthread first([&] { EXPECT_TRUE(put(**store, some_bytes(10, 1))); });
        files->running.get_future().wait();
        std::jthread second([&] { EXPECT_TRUE(put(**store, some_bytes(10, 2))); });
        while (files->renames < 2)
            std::this_thread::yield();
        for (int i = 0; i < 100; ++i)
            std::this_thread::yield(); // let it get into the queue for the sync
        files->go.set_value();
        first.join();
        second.join();
        EXPECT_EQ(files->bucket_syncs, 2);
    }
}

// Every call that can fail fails once, or from then on.
void sweep(int error, bool persistent) {
    std::vector<std::vector<std::byte>> contents;
    for (unsigned seed = 0; seed <= 4; ++seed)
        contents.push_back(some_bytes(30'000, seed));
    bool struck = true;
    int nth = 1;
    for (; struck && nth < 500; ++nth) {
        TempFolder folder;
        const auto files = std::make_shared<FailingFiles>();
        std::map<std::string, unsigned> committed;
        {
            auto opened = FileBlobs::open_folder(folder / "data", files, {.bucket_files = 2});
            ASSERT_TRUE(opened);
            files->fail(nth, error, persistent);
            for (unsigned seed = 1; seed <= 4; ++seed) {
                const auto name = put(**opened, contents[seed]);
                if (name)
                    committed[*name] = seed;
                else
                    EXPECT_EQ(name.error().code,
                              error == ENOSPC ? ErrorCode::no_space : ErrorCode::io);
                (void)put(**opened, some_bytes(1'000, seed), "1-1.2");
            }
            struck = files->struck();
        }
        files->heal();
        auto store = FileBlobs::open_folder(folder / "data", files);
        ASSERT_TRUE(store) << store.error().text;
        std::uint64_t bytes = 0;
        for (const auto& name : std::vector((*store)->list().value())) {
            // A name that was not given out may be there (its folder's sync failed, and so did the
            // removal), but whole.
            bool whole = false;
            for (unsigned seed = 1; seed <= 4 && !whole; ++seed)
                whole = holds(**store, name, contents[seed]);
            EXPECT_TRUE(whole) << name << " after a fault at call " << nth;
            bytes += 30'000;
        }
        for (const auto& [name, seed] : committed)
            EXPECT_TRUE(holds(**store, name, contents[seed])) << "after a fault at call " << nth;
        EXPECT_EQ((*store)->usage().bytes, bytes);
        EXPECT_EQ(files_in(folder / "data" / "tmp"), 0U);
        EXPECT_EQ(files_in(folder / "data" / "derived"), 0U);
    }
    EXPECT_GT(nth, 30);
    EXPECT_FALSE(struck) << "the run never got through";
}

TEST(FileBlobsSweep, NoSpaceOnce) {
    sweep(ENOSPC, false);
}
TEST(FileBlobsSweep, NoSpaceForGood) {
    sweep(ENOSPC, true);
}
TEST(FileBlobsSweep, IoErrorOnce) {
    sweep(EIO, false);
}
TEST(FileBlobsSweep, IoErrorForGood) {
    sweep(EIO, true);
}

class PowerCut : public testing::TestWithParam<ForgetfulFiles::Cut> {};

TEST_P(PowerCut, WhatWasCommittedSurvivesAndNothingElseIsHalf) {
    TempFolder folder;
    std::filesystem::create_directories(folder / "root");
    const auto files = std::make_shared<ForgetfulFiles>(folder / "root");
    auto opened = FileBlobs::open_folder(folder / "root" / "data", files, {.bucket_files = 7});
    ASSERT_TRUE(opened) << opened.error().text;
    (void)files->fsync_folder(folder / "root"); // the spool's part
    auto& store = **opened;
    std::mutex mutex;
    std::map<std::string, unsigned> committed;
    std::atomic<unsigned> next{0};
    std::vector<std::jthread> workers;
    for (int t = 0; t < 4; ++t)
        workers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested() && next < 400) {
                const auto seed = ++next;
                const auto name = put(store, some_bytes(3000, seed));
                ASSERT_TRUE(name) << name.error().text;
                const std::lock_guard lock(mutex);
                committed[*name] = seed;
            }
        });
    int cuts = 0;
    while (next < 400) {
        std::map<std::string, unsigned> promised;
        {
            const std::lock_guard lock(mutex);
            promised = committed;
        }
        const auto after = folder / ("after" + std::to_string(++cuts));
        files->cut_power(GetParam(), after);
        auto survivor = FileBlobs::open_folder(after / "data");
        ASSERT_TRUE(survivor) << survivor.error().text;
        for (const auto& [name, seed] : promised)
            EXPECT_TRUE(holds(**survivor, name, some_bytes(3000, seed)));
        for (const auto& name : std::vector((*survivor)->list().value()))
            EXPECT_EQ((*survivor)->open(name).value()->bytes().size(), 3000U)
                << "half a file under a final name";
        std::filesystem::remove_all(after);
    }
    EXPECT_GT(cuts, 1);
}

INSTANTIATE_TEST_SUITE_P(FileBlobs, PowerCut,
                         testing::Values(ForgetfulFiles::Cut::nothing_unsynced,
                                         ForgetfulFiles::Cut::names_without_data,
                                         ForgetfulFiles::Cut::torn));

} // namespace
} // namespace dcmflow::spool_test
