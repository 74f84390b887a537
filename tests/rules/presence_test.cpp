// Missing tags, empty tags, several values.
#include "map_dictionary.h"

namespace dcmflow::rules {
namespace {

TEST(Presence, OnAMissingTagEveryComparisonIsFalseAndEveryComplementTrue) {
    for (const std::string text :
         {"Modality == CT", "Modality < CT", "Modality <= CT", "Modality > CT", "Modality >= CT",
          "Modality in [CT]", "Modality contains CT", "Modality ~ '.*'", "Rows == 0", "Rows < 9",
          "Rows >= 0", "StudyDate >= 1900", "StudyTime <= 23", "PatientAge < 99Y",
          "(0029,\"X\",01) == ''", "peer_ip in [0.0.0.0/0, ::/0]", "calling_aet ~ ''",
          "exists Modality", "exists calling_aet"}) {
        EXPECT_FALSE(holds(text, {})) << text;
        EXPECT_TRUE(holds("not " + text, {})) << text;
    }
    for (const std::string text :
         {"Modality != CT", "Modality not in [CT]", "Rows != 0", "missing Modality",
          "Modality not contains CT", "Modality not ~ 'CT'", "peer_ip != 10.0.0.1"})
        EXPECT_TRUE(holds(text, {})) << text;
}

TEST(Presence, ExistsMeansPresentEvenIfEmpty) {
    EXPECT_TRUE(holds("exists StudyDescription", {{"StudyDescription", ""}}));
    EXPECT_FALSE(holds("missing StudyDescription", {{"StudyDescription", ""}}));
    EXPECT_TRUE(holds("exists StudyDescription", {{"StudyDescription", "x"}}));
    EXPECT_TRUE(holds("exists PixelData and missing Rows", {{"PixelData", ""}}));
    // "Has a value" is written with ~
    EXPECT_FALSE(holds("StudyDescription ~ '.'", {{"StudyDescription", "  "}}));
    EXPECT_TRUE(holds("StudyDescription ~ '.'", {{"StudyDescription", "x"}}));
}

TEST(Presence, AnEmptyTagIsOneEmptyText) {
    EXPECT_TRUE(holds("StudyDescription == ''", {{"StudyDescription", ""}}));
    EXPECT_TRUE(holds("StudyDescription != x", {{"StudyDescription", ""}}));
    EXPECT_FALSE(holds("StudyDescription == ''", {{"StudyDescription", "x"}}));
    EXPECT_FALSE(holds("Rows == 0", {{"Rows", ""}}));
    EXPECT_TRUE(holds("Rows ~ '^$'", {{"Rows", ""}}));
}

TEST(Presence, WhatCannotBeReadIsNotEmpty) {
    // Unknown, binary or a private sequence: present, without values that rules could see.
    for (const std::string text : {"(0029,1010) == ''", "(0029,1010) ~ ''", "(0029,1010) < 1"})
        EXPECT_FALSE(holds(text, {{"(0029,1010)", ""}})) << text;
    EXPECT_TRUE(holds("exists (0029,1010)", {{"(0029,1010)", ""}}));
}

TEST(Presence, ContextFactsMayBeAbsent) {
    EXPECT_TRUE(holds("missing calling_aet", {{"calling_aet", ""}}));
    EXPECT_TRUE(holds("exists calling_aet", {{"calling_aet", "X"}}));
}

TEST(MultipleValues, AComparisonHoldsIfItHoldsForAny) {
    const Given given{{"ImageType", "ORIGINAL\\PRIMARY\\AXIAL"}, {"PixelSpacing", "0.5\\0.75"}};
    EXPECT_TRUE(holds("ImageType == AXIAL", given));
    EXPECT_TRUE(holds("ImageType == ORIGINAL", given));
    EXPECT_FALSE(holds("ImageType == LOCALIZER", given));
    EXPECT_FALSE(holds("ImageType != AXIAL", given));
    EXPECT_TRUE(holds("ImageType != LOCALIZER", given));
    EXPECT_TRUE(holds("ImageType in [LOCALIZER, PRIMARY]", given));
    EXPECT_FALSE(holds("ImageType not in [LOCALIZER, PRIMARY]", given));
    EXPECT_TRUE(holds("ImageType contains XIA", given));
    EXPECT_FALSE(
        holds("ImageType contains 'L\\P' or ImageType ~ 'ORIGINAL.PRIMARY'", {{"ImageType", "A"}}));
    EXPECT_TRUE(holds("PixelSpacing < 0.6 and PixelSpacing > 0.7", given)); // by different values
    EXPECT_FALSE(holds("PixelSpacing < 0.5", given));
}

TEST(MultipleValues, OneMalformedValueDoesNotHideTheOthers) {
    EXPECT_TRUE(holds("PixelSpacing == 0.75", {{"PixelSpacing", "x\\\\0.75"}}));
}

} // namespace
} // namespace dcmflow::rules
