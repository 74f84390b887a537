// Synthetic studies: deterministic, well-formed, and what they say they are.
#include "pipeline/cli/synthetic.h"

#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/part10.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace dcmflow::cli {
namespace {

using ::testing::HasSubstr;

const std::vector<StudySpec> one_of_each{{StudyKind::ct, 2},
                                         {StudyKind::mr, 2},
                                         {StudyKind::us, 1},
                                         {StudyKind::cr, 1},
                                         {StudyKind::sr, 2}};

TEST(Synthetic, TheSameSeedGivesTheSameBytesAndAnotherOneOthers) {
    const std::vector<StudySpec> small{{StudyKind::ct, 2}, {StudyKind::mr, 2}, {StudyKind::sr, 2}};
    const SyntheticStudies first(small, 7);
    const SyntheticStudies second(small, 7);
    const SyntheticStudies other(small, 8);
    ASSERT_EQ(first.size(), 6U);
    for (std::size_t i = 0; i < first.size(); ++i) {
        const auto object = first.make(i);
        const auto again = second.make(i);
        EXPECT_EQ(object.sop_instance_uid, again.sop_instance_uid);
        EXPECT_TRUE(object.data_set == again.data_set) << object.path;
        EXPECT_NE(object.sop_instance_uid, other.make(i).sop_instance_uid);
    }
}

TEST(Synthetic, EveryObjectIsSoundAndIsWhatItSays) {
    const SyntheticStudies studies(one_of_each, 1);
    std::set<std::string> uids;
    std::set<std::string> paths;
    for (std::size_t i = 0; i < studies.size(); ++i) {
        const auto object = studies.make(i);
        SCOPED_TRACE(object.path);
        const auto data_set =
            DataSet::scan(object.data_set, Encoding::of(object.transfer_syntax_uid));
        ASSERT_TRUE(data_set) << data_set.error().text;
        const auto instance = identify(*data_set, object.transfer_syntax_uid);
        ASSERT_TRUE(instance) << instance.error().text;
        EXPECT_EQ(instance->sop_instance_uid, object.sop_instance_uid);
        EXPECT_EQ(instance->sop_class_uid, object.sop_class_uid);
        EXPECT_TRUE(is_valid_uid(instance->study_instance_uid));
        EXPECT_TRUE(is_valid_uid(instance->series_instance_uid));
        EXPECT_FALSE(instance->patient_id.empty());
        EXPECT_FALSE(instance->accession_number.empty());
        EXPECT_NE(data_set->find(0x0029, 0x1010), nullptr) << "a private block";
        EXPECT_NE(data_set->find(0x0040, 0x0275), nullptr) << "a nested sequence";
        EXPECT_TRUE(uids.insert(object.sop_instance_uid).second);
        EXPECT_TRUE(paths.insert(object.path).second);
    }
}

TEST(Synthetic, PixelDataHasTheLengthThatTheHeaderGives) {
    const SyntheticStudies studies(one_of_each, 1);
    for (std::size_t i = 0; i < studies.size(); ++i) {
        const auto object = studies.make(i);
        SCOPED_TRACE(object.path);
        const auto data_set =
            DataSet::scan(object.data_set, Encoding::of(object.transfer_syntax_uid));
        ASSERT_TRUE(data_set);
        const auto* pixels = data_set->find(0x7FE0, 0x0010);
        if (data_set->text(0x0008, 0x0060) == "SR") {
            EXPECT_EQ(pixels, nullptr);
            EXPECT_NE(data_set->find(0x0040, 0xA730), nullptr);
            continue;
        }
        ASSERT_NE(pixels, nullptr);
        const auto frames = data_set->text(0x0028, 0x0008);
        const std::uint64_t expected =
            std::uint64_t{*data_set->us(0x0028, 0x0010)} * *data_set->us(0x0028, 0x0011) *
            *data_set->us(0x0028, 0x0002) * (*data_set->us(0x0028, 0x0100) / 8U) *
            (frames.empty() ? 1U : std::stoul(frames));
        EXPECT_EQ(pixels->value_length, expected);
    }
}

TEST(Synthetic, SlicesOfASeriesBelongTogether) {
    const SyntheticStudies studies({{StudyKind::ct, 2}}, 3);
    const auto first = studies.make(0);
    const auto second = studies.make(1);
    const auto a = DataSet::scan(first.data_set, Encoding::of(first.transfer_syntax_uid));
    const auto b = DataSet::scan(second.data_set, Encoding::of(second.transfer_syntax_uid));
    ASSERT_TRUE(a && b);
    for (const unsigned element : {0x000DU, 0x000EU, 0x0052U})
        EXPECT_EQ(a->text(0x0020, static_cast<std::uint16_t>(element)),
                  b->text(0x0020, static_cast<std::uint16_t>(element)));
    EXPECT_EQ(a->text(0x0010, 0x0020), b->text(0x0010, 0x0020));
    EXPECT_NE(a->text(0x0020, 0x0032), b->text(0x0020, 0x0032));
    EXPECT_NE(a->text(0x0008, 0x0018), b->text(0x0008, 0x0018));
}

TEST(Synthetic, SpecsAreReadAndMistakesNamed) {
    const auto studies = parse_studies("ct:200,mr:100,sr");
    ASSERT_TRUE(studies);
    ASSERT_EQ(studies->size(), 3U);
    EXPECT_EQ((*studies)[0].kind, StudyKind::ct);
    EXPECT_EQ((*studies)[0].count, 200U);
    EXPECT_EQ((*studies)[2].count, 1U);
    for (const char* bad :
         {"", "ct:", "ct:0", "ct:-1", "ct:x", "pet:3", "ct:1,", "ct:1,ct:2", "ct:99999999999"}) {
        const auto result = parse_studies(bad);
        ASSERT_FALSE(result) << bad;
        EXPECT_THAT(result.error().text, HasSubstr("expected")) << bad;
    }
}

} // namespace
} // namespace dcmflow::cli
