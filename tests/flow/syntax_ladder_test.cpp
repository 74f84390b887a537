// The ladder of a destination for one object: what is tried, in which order, and why not the first wish.
#include "pipeline/syntax_ladder.h"

#include "codecs/transfer_syntax.h"
#include "flow_fixture.h"

#include <gmock/gmock.h>

namespace dcmflow::test {
namespace {

namespace uid = codecs::uid;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

class Ladder : public FlowTest {
  protected:
    void SetUp() override { open({destination("a", {"original"})}); }

    void refuse(std::string_view syntax) {
        acceptance->learn("a", {{std::string(ct_image), std::string(syntax), false}});
    }

    SyntaxLadder ladder(const std::vector<std::string>& wanted, std::string_view source = explicit_le) {
        Instance instance;
        instance.sop_class_uid = ct_image;
        instance.transfer_syntax_uid = source;
        const auto bytes = source == explicit_le ? small_image("2.25.9", 1, "CT", false, 64) : as_fragments();
        const auto opened = OpenedDataSet::open(bytes, source);
        EXPECT_TRUE(opened);
        SizeTrial trial(transcoder, opened->data_set(), source);
        return make_ladder(wanted, "a", instance, &trial, acceptance.get());
    }

    // The same image with a fragment instead of its pixels: enough for what looks at headers only.
    static std::vector<std::byte> as_fragments() {
        auto bytes = small_image("2.25.9", 1, "CT", false, 64);
        bytes.resize(bytes.size() - 2 * 64 * 64 - 12);
        for (const int value : std::initializer_list<int>{0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, // Pixel Data
                                0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0,                            // no table
                                0xFE, 0xFF, 0x00, 0xE0, 4, 0, 0, 0, 0xFF, 0xD8, 0xFF, 0xD9,    // a frame
                                0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0})
            bytes.push_back(static_cast<std::byte>(value));
        return bytes;
    }
};

TEST_F(Ladder, AutoRanksWhatTheDestinationTakes) {
    const auto all = ladder({"auto"});
    EXPECT_EQ(all.steps.back(), explicit_le);
    EXPECT_GT(all.steps.size(), 1U);
    const auto best = all.steps.front();
    refuse(best);
    const auto without = ladder({"auto"});
    EXPECT_THAT(without.steps, Not(Contains(best)));
    EXPECT_EQ(without.steps.front(), all.steps.at(1));
}

// Nothing after the object as it is makes sense, unless the destination refuses it so.
TEST_F(Ladder, AutoGoesOnOnlyIfTheObjectAsItIsIsRefused) {
    EXPECT_THAT(ladder({"auto", "implicit-le"}).steps, Not(Contains(uid::implicit_le)));
    refuse(explicit_le);
    EXPECT_THAT(ladder({"auto", "implicit-le"}).steps, Contains(uid::implicit_le));
}

// A node that takes only what every node must take.
TEST_F(Ladder, AutoEndsWithTheNativeSyntaxes) {
    for (const auto candidate : auto_candidates())
        refuse(candidate);
    refuse(explicit_le);
    const auto made = ladder({"auto"});
    EXPECT_THAT(made.steps, ElementsAre(uid::implicit_le, explicit_le));
    EXPECT_TRUE(made.if_smaller.empty());
}

TEST_F(Ladder, WhatAutoPutsBeforeTheObjectMustBeSmallerThanIt) {
    const auto made = ladder({"auto"});
    EXPECT_THAT(made.if_smaller, ::testing::ElementsAreArray(made.steps.begin(), made.steps.end() - 1));
    refuse(explicit_le);
    EXPECT_TRUE(ladder({"auto"}).if_smaller.empty());
}

TEST_F(Ladder, AutoWithNothingAcceptedSaysSo) {
    for (const auto candidate : auto_candidates())
        refuse(candidate);
    const auto made = ladder({"auto"});
    EXPECT_THAT(made.steps, ElementsAre(explicit_le));
    EXPECT_EQ(made.reason, "not_accepted");
}

TEST_F(Ladder, LossyPixelsGoAsTheyCame) {
    for (const char* wish : {"jpeg-ls", "auto"}) {
        const auto made = ladder({wish, "explicit-le"}, uid::jpeg_baseline);
        EXPECT_THAT(made.steps, ElementsAre(uid::jpeg_baseline));
        EXPECT_EQ(made.reason, "lossy_source");
    }
}

// Design §5: decoded only when a destination takes nothing else; never into another compression.
TEST_F(Ladder, LossyPixelsAreDecodedForADestinationThatRefusesThem) {
    refuse(uid::jpeg_ls_near);
    const auto made = ladder({"jpeg-ls", "auto", "explicit-le"}, uid::jpeg_ls_near);
    EXPECT_THAT(made.steps, ElementsAre(uid::explicit_le, uid::implicit_le, uid::jpeg_ls_near));
    EXPECT_EQ(made.reason, "lossy_source");
}

TEST_F(Ladder, ProposesAllThatAutoChoosesFrom) {
    const auto proposed = proposed_syntaxes({"jpeg2000", "auto", "explicit-le", "original"});
    EXPECT_EQ(proposed.front(), uid::jpeg2000);
    EXPECT_EQ(proposed.back(), uid::implicit_le);
    EXPECT_EQ(proposed.size(), auto_candidates().size() + 2);
}

} // namespace
} // namespace dcmflow::test
