// Source and target files at their edges: cut short while mapped, replaced whole, never half there.
#include "pipeline/recompress/mounts.h"
#include "pipeline/recompress/paths.h"
#include "pipeline/recompress/source_file.h"
#include "pipeline/recompress/target_file.h"
#include "pipeline/recompress/target_tree.h"
#include "tests/recompress/scratch.h"

#include <cerrno>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

// In place of the C library's: a file system without locks.
extern "C" int flock(int file, int operation) noexcept {
    if (dcmflow::recompress::test::no_locks == 0)
        return static_cast<int>(::syscall(SYS_flock, file, operation));
    errno = dcmflow::recompress::test::no_locks;
    return -1;
}

namespace dcmflow::recompress {
namespace {

using test::no_locks;

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t size = 256 << 10;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

class Source : public test::Scratch {};

TEST_F(Source, IsTheSameReadOrMapped) {
    const std::string text(size, 'x');
    write("file", text);
    for (const bool mapped : {false, true}) {
        auto source = SourceFile::open(at("file"));
        ASSERT_TRUE(source);
        ASSERT_TRUE(source->load(mapped ? 0 : size));
        EXPECT_EQ(source->is_mapped(), mapped);
        for (int n = 0; n < 3; ++n) { // pages that were given back come again
            EXPECT_TRUE(std::ranges::equal(source->bytes(), bytes_of(text)));
            source->consumed(40ULL << 20);
        }
        std::size_t seen = 0;
        EXPECT_TRUE(source->each_piece([&](auto piece) {
            seen += piece.size();
            return Status();
        }));
        EXPECT_EQ(seen, size);
        EXPECT_TRUE(source->unchanged());
    }
}

TEST_F(Source, CutShortWhileMappedIsAnErrorNotTheEnd) {
    write("file", std::string(size, 'x'));
    write("other", std::string(size, 'y'));
    auto source = SourceFile::open(at("file"));
    auto other = SourceFile::open(at("other"));
    ASSERT_TRUE(source && source->load(0));
    ASSERT_TRUE(other && other->load(0));
    ASSERT_EQ(::truncate(at("file").c_str(), 5000), 0);
    EXPECT_EQ(source->bytes().front(), std::byte{'x'});
    EXPECT_EQ(source->bytes().back(), std::byte{0}); // SIGBUS
    EXPECT_FALSE(source->unchanged());
    EXPECT_FALSE(source->each_piece([](auto) { return Status(); }));
    EXPECT_TRUE(other->unchanged());
    EXPECT_EQ(other->bytes().back(), std::byte{'y'});
}

TEST_F(Source, ChangedWhileItWasMapped) {
    write("file", std::string(size, 'x'));
    auto source = SourceFile::open(at("file"));
    ASSERT_TRUE(source && source->load(0));
    fs::last_write_time(at("file"), fs::last_write_time(at("file")) + std::chrono::seconds(1));
    EXPECT_FALSE(source->unchanged());
}

TEST_F(Source, EmptyAndOdd) {
    write("empty", "");
    auto empty = SourceFile::open(at("empty"));
    ASSERT_TRUE(empty && empty->load(0));
    EXPECT_TRUE(empty->bytes().empty());
    EXPECT_FALSE(SourceFile::open(root_));
    EXPECT_FALSE(SourceFile::open(at("none")));
    fs::create_symlink("empty", at("link"));
    EXPECT_FALSE(SourceFile::open(at("link")));
}

class Target : public test::Scratch {
  protected:
    Target() : folder_(::open(root_.c_str(), O_RDONLY | O_DIRECTORY)) {}
    [[nodiscard]] Result<TargetFile> create() const {
        return TargetFile::create(folder_.get(), "file");
    }
    deliver::Descriptor folder_;
};

TEST_F(Target, IsThereWholeOrNotAtAll) {
    {
        auto file = create();
        ASSERT_TRUE(file && file->write(bytes_of("half")));
        EXPECT_FALSE(fs::exists(at("file")));
    }
    EXPECT_THAT(names(""), IsEmpty());
    auto file = create();
    ASSERT_TRUE(file && file->write(bytes_of("whole file")) && file->patch(6, bytes_of("F")));
    EXPECT_FALSE(file->patch(10, bytes_of("!")));
    ASSERT_TRUE(file->finish({1'000'000'000, 5000}));
    EXPECT_EQ(read("file"), "whole File");
    EXPECT_THAT(names(""), ElementsAre("file"));
    struct stat status {};
    ASSERT_EQ(::stat(at("file").c_str(), &status), 0);
    EXPECT_EQ(status.st_mtim.tv_sec, 1'000'000'000);
    EXPECT_EQ(status.st_mtim.tv_nsec, 5000);
}

TEST_F(Target, TakesOverWhatACrashLeft) {
    std::string left;
    {
        auto file = create();
        ASSERT_TRUE(file);
        left = names("").front();
    }
    write(left, "of a run that was killed, and longer than the new one");
    auto file = create();
    ASSERT_TRUE(file && file->write(bytes_of("new")) && file->finish({0, 0}));
    EXPECT_EQ(read("file"), "new");
    EXPECT_THAT(names(""), ElementsAre("file"));
}

TEST_F(Target, TwoRunsDoNotMixTheirBytes) {
    auto first = create();
    ASSERT_TRUE(first && first->write(bytes_of("first")));
    const auto second = create();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    ASSERT_TRUE(first->finish({0, 0}));
    EXPECT_EQ(read("file"), "first");
}

// What another file of that name, or another writer, made of it must not pass for the result.
TEST_F(Target, PutsInPlaceOnlyWhatItWrote) {
    for (const bool replaced : {true, false}) {
        auto file = create();
        ASSERT_TRUE(file && file->write(bytes_of("whole file")));
        const std::string temporary = names("").front();
        if (replaced) {
            fs::rename(at(temporary), at("aside"));
            write(temporary, "other file");
        } else {
            ASSERT_EQ(::truncate(at(temporary).c_str(), 3), 0);
        }
        EXPECT_FALSE(file->finish({0, 0}));
        EXPECT_FALSE(fs::exists(at("file")));
        fs::remove(at(temporary));
    }
}

TEST_F(Target, ALinkLeavesTheTemporaryFileOfAnotherRunAlone) {
    auto file = create();
    ASSERT_TRUE(file && file->write(bytes_of("new")));
    ASSERT_TRUE(make_link(folder_.get(), "file", "elsewhere"));
    EXPECT_TRUE(fs::is_symlink(at("file")));
    EXPECT_TRUE(file->finish({0, 0}));
    EXPECT_EQ(read("file"), "new");
    for (int n = 0; n < 2; ++n)
        ASSERT_TRUE(make_link(folder_.get(), "link", "file"));
    EXPECT_THAT(names(""), ElementsAre("file", "link"));
    for (const auto& name : {".dcmflow-0123456789abcdef.tmp", ".dcmflow-0123456789abcdef-link.tmp"})
        EXPECT_TRUE(is_temporary_name(name)) << name;
}

TEST_F(Target, NeedsNoLocksWhereThereAreNone) {
    for (const int error : {ENOSYS, EOPNOTSUPP, ENOLCK}) {
        no_locks = error;
        auto file = create();
        no_locks = 0;
        ASSERT_TRUE(file && file->write(bytes_of("new")) && file->finish({0, 0})) << error;
        EXPECT_FALSE(file->is_locked());
    }
    no_locks = EIO;
    const auto failed = create();
    no_locks = 0;
    EXPECT_FALSE(failed);
    EXPECT_TRUE(create()->is_locked());
}

TEST_F(Target, ReplacesALinkNotWhatItPointsTo) {
    write("precious", "as it was");
    fs::create_symlink("precious", at("file"));
    auto file = create();
    ASSERT_TRUE(file && file->write(bytes_of("new")) && file->finish({0, 0}));
    EXPECT_EQ(read("precious"), "as it was");
    EXPECT_FALSE(fs::is_symlink(at("file")));
}

TEST_F(Target, NoFolderIsTheSource) {
    write("out/a/source/file", "");
    struct stat source {};
    ASSERT_EQ(::stat(at("out/a/source").c_str(), &source), 0);
    auto tree = TargetTree::open(at("out"));
    ASSERT_TRUE(tree);
    tree->never_open(source.st_dev, source.st_ino);
    EXPECT_TRUE(tree->folder("a/other"));
    EXPECT_FALSE(tree->folder("a/source"));
    EXPECT_FALSE(tree->folder("a/source/new"));
    EXPECT_THAT(names("out/a/source"), ElementsAre("file"));
}

TEST_F(Target, CaseIsTriedOutAndLeavesNothing) {
    const auto tree = TargetTree::open(at("out"));
    ASSERT_TRUE(tree);
    write("case", "");
    EXPECT_EQ(tree->folds_case(), fs::exists(at("CASE")));
    EXPECT_THAT(names("out"), IsEmpty());
}

class Routes : public test::Scratch {};

TEST_F(Routes, RefusesOverlapHoweverItIsNamed) {
    write("in/file", "");
    fs::create_directory_symlink("in", at("alias"));
    for (const auto* out : {"in", "in/", "in/x/y", "alias/x", "other/../in/x", ".", "",
                            "new/../alias/x", "new/deeper/../../alias/../in"}) {
        const auto route = plan_route(at("in"), at(out));
        ASSERT_FALSE(route) << out;
        EXPECT_EQ(route.error().code, ErrorCode::invalid_argument) << out;
    }
    EXPECT_TRUE(plan_route(at("in"), at("inside")));
    EXPECT_TRUE(plan_route(at("in"), at("alias/../new/deeper")));
    const auto before = fs::current_path();
    fs::current_path(at("in"));
    EXPECT_FALSE(plan_route(".", "new"));
    EXPECT_FALSE(plan_route(at("in"), "new/deeper"));
    fs::current_path(before);
}

TEST(Mounts, APlaceIsThatOfItsFileSystem) {
    const auto root = place_of("/");
    if (!root)
        GTEST_SKIP() << "the root is no mount here: a chroot into a plain folder";
    const auto proc = place_of("/proc/self");
    ASSERT_TRUE(root && proc);
    EXPECT_NE(proc->device, root->device);
    EXPECT_EQ(proc->path, "/self");
    const auto here = place_of(fs::temp_directory_path() / "no such folder");
    ASSERT_TRUE(here);
    EXPECT_EQ(here->path.filename(), "no such folder");
}

TEST_F(Routes, OneFile) {
    write("in/file", "");
    fs::create_directory(at("out"));
    EXPECT_EQ(plan_route(at("in/file"), at("out"))->name, "file");
    EXPECT_EQ(plan_route(at("in/file"), at("new/"))->name, "file");
    EXPECT_EQ(plan_route(at("in/file"), at("out/other"))->name, "other");
    EXPECT_EQ(plan_route(at("in/file"), "other")->destination, ".");
    EXPECT_FALSE(plan_route(at("in/file"), at("in")));
    EXPECT_FALSE(plan_route(at("in/file"), at("in/file")));
    EXPECT_EQ(plan_route(at("none"), at("out")).error().code, ErrorCode::not_found);
    EXPECT_FALSE(plan_route(at("in"), at("in/file")));
}

TEST_F(Routes, TheReportIsNeitherSourceNorResult) {
    write("in/file", "x");
    write("in/sub/other", "y");
    fs::create_directory(at("out"));
    fs::create_hard_link(at("in/file"), at("twin"));
    fs::create_symlink("in/file", at("alias"));
    fs::create_symlink("in/new", at("dangling"));
    const auto one = plan_route(at("in/file"), at("out/result"));
    for (const auto* report : {"in/file", "out/../in/file", "twin", "alias", "out/result",
                               "out/../out/result", "dangling"})
        EXPECT_FALSE(check_report(*one, at(report))) << report;
    EXPECT_TRUE(check_report(*one, at("report")));
    EXPECT_TRUE(check_report(*one, at("out/report")));
    const auto tree = plan_route(at("in"), at("out"));
    for (const auto* report : {"in/report", "alias", "dangling", "out/file", "out/sub/other"})
        EXPECT_FALSE(check_report(*tree, at(report))) << report;
    EXPECT_TRUE(check_report(*tree, at("out/report")));
}

} // namespace
} // namespace dcmflow::recompress
