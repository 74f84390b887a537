// The walk: everything once, in order, whatever the chunk; never through a link.
#include "pipeline/recompress/tree_walk.h"
#include "tests/recompress/scratch.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace dcmflow::recompress {
namespace {

using Kind = TreeEntry::Kind;
using ::testing::ElementsAre;

char letter(Kind kind) {
    switch (kind) {
    case Kind::file:
        return 'f';
    case Kind::folder:
        return 's';
    case Kind::link:
        return 'l';
    case Kind::special:
        return 'x';
    case Kind::error:
        break;
    }
    return 'e';
}

class Walk : public test::Scratch {
  protected:
    [[nodiscard]] std::vector<std::string> walk(std::size_t chunk = 4096) const {
        std::vector<std::string> all;
        TreeWalk tree(root_, chunk);
        while (const auto entry = tree.next())
            all.push_back(letter(entry->kind) + (":" + entry->path.string()));
        return all;
    }
};

TEST_F(Walk, FilesBeforeFoldersByName) {
    write("b", "");
    write("a", "");
    write("z/2", "");
    write("z/1", "");
    write("c/y/3", "");
    EXPECT_THAT(walk(), ElementsAre("s:", "f:a", "f:b", "s:c", "s:c/y", "f:c/y/3", "s:z", "f:z/1",
                                    "f:z/2"));
}

TEST_F(Walk, ChunksLeaveNothingOutAndRepeatNothing) {
    for (int n = 0; n < 25; ++n) {
        write("f" + std::to_string(n), "");
        write("d" + std::to_string(n) + "/inner", "");
    }
    auto whole = walk();
    auto chunked = walk(3);
    std::sort(whole.begin(), whole.end());
    std::sort(chunked.begin(), chunked.end());
    EXPECT_EQ(whole.size(), 76U);
    EXPECT_EQ(chunked, whole);
}

TEST_F(Walk, LinksAndSpecialsAreReportedNotEntered) {
    write("real/file", "");
    fs::create_symlink(root_, at("real/ring"));
    fs::create_symlink("nowhere", at("real/dangling"));
    ASSERT_EQ(::mkfifo(at("real/pipe").c_str(), 0600), 0);
    EXPECT_THAT(walk(), ElementsAre("s:", "s:real", "l:real/dangling", "f:real/file", "x:real/pipe",
                                    "l:real/ring"));
}

TEST_F(Walk, AFolderThatVanishesIsAnErrorAndTheRestGoesOn) {
    write("gone/file", "");
    write("here/file", "");
    TreeWalk tree(root_);
    ASSERT_EQ(tree.next()->kind, Kind::folder); // the root; its names are read at the next step
    const auto gone = tree.next();
    ASSERT_EQ(gone->path, "gone");
    fs::remove_all(at("here"));
    EXPECT_EQ(tree.next()->path, "gone/file");
    const auto here = tree.next();
    EXPECT_EQ(here->kind, Kind::error);
    EXPECT_EQ(here->path, "here");
    EXPECT_NE(here->error, "");
    EXPECT_FALSE(tree.next());
}

TEST_F(Walk, DeepTreesNeedNoStack) {
    fs::path deep;
    for (int n = 0; n < 200; ++n)
        deep /= "d";
    write((deep / "file").string(), "");
    EXPECT_EQ(walk().back(), "f:" + (deep / "file").string());
}

TEST_F(Walk, WhatAKilledRunLeftIsLeftOut) {
    write("a", "");
    write(".dcmflow-0123456789abcdef.tmp", "half");
    fs::create_symlink("a", at(".dcmflow-0123456789abcdef-link.tmp"));
    write(".dcmflow-0123456789abcdef.tmp.dcm", "no name of ours");
    write(".dcmflow-.tmp", "nor this");
    EXPECT_THAT(walk(),
                ElementsAre("s:", "f:.dcmflow-.tmp", "f:.dcmflow-0123456789abcdef.tmp.dcm", "f:a"));
    TreeWalk tree(root_);
    while (tree.next()) {
    }
    EXPECT_EQ(tree.left_out(), 2U);
}

TEST_F(Walk, TheDestinationIsAnErrorAndNotEntered) {
    write("a/out/result", "");
    write("b/file", "");
    struct stat out {};
    ASSERT_EQ(::stat(at("a/out").c_str(), &out), 0);
    TreeWalk tree(root_);
    tree.never_enter(out.st_dev, out.st_ino);
    std::vector<std::string> all;
    while (const auto entry = tree.next())
        all.push_back(letter(entry->kind) + (":" + entry->path.string()));
    EXPECT_THAT(all, ElementsAre("s:", "s:a", "e:a/out", "s:b", "f:b/file"));
}

} // namespace
} // namespace dcmflow::recompress
