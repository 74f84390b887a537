// How a tag is written, and what MapAttributes finds under it.
#include "map_dictionary.h"

namespace dcmflow::rules {
namespace {

TagPath path(std::string_view text) {
    auto result = parse_tag_path(text, MapDictionary{});
    if (!result)
        throw std::logic_error(result.error().what);
    return *result;
}

TEST(TagPath, EverySpellingOfATag) {
    for (const std::string text :
         {"SeriesDescription", "(0008,103E)", "(0008,103e)", "( 0008 , 103E )"}) {
        const auto tag = path(text);
        ASSERT_EQ(tag.steps.size(), 1U);
        EXPECT_EQ(tag.steps[0].group, 0x0008);
        EXPECT_EQ(tag.steps[0].element, 0x103E);
        EXPECT_EQ(tag.steps[0].vr, "LO");
        EXPECT_FALSE(tag.steps[0].item);
        EXPECT_EQ(tag.text, text);
        EXPECT_EQ(canonical(tag), "0008,103E");
    }
}

TEST(TagPath, Private) {
    const auto tag = path("(0029,\"SIEMENS CSA HEADER\",1a)");
    EXPECT_EQ(tag.steps[0].group, 0x0029);
    EXPECT_EQ(tag.steps[0].element, 0x1A);
    EXPECT_EQ(tag.steps[0].private_creator, "SIEMENS CSA HEADER");
    EXPECT_EQ(tag.steps[0].vr, "");
    EXPECT_EQ(canonical(tag), "0029,SIEMENS CSA HEADER,1A");
    EXPECT_EQ(path("(0029,1010)").steps[0].element, 0x1010);
}

TEST(TagPath, ThroughSequences) {
    const auto tag = path("RequestAttributesSequence[*].(0032,1064)[2].CodeValue");
    ASSERT_EQ(tag.steps.size(), 3U);
    EXPECT_FALSE(tag.steps[0].item);
    EXPECT_EQ(tag.steps[0].vr, "SQ");
    EXPECT_EQ(tag.steps[1].item, 2U);
    EXPECT_EQ(tag.steps[2].vr, "SH");
    EXPECT_EQ(canonical(tag), "0040,0275[*].0032,1064[2].0008,0100");
    EXPECT_EQ(canonical(path("(0029,'X',10)[0].(0029,'X',11)")), "0029,X,10[0].0029,X,11");
}

TEST(Sequences, StarIsAnyItemAndANumberIsOne) {
    const Given given{{"RequestAttributesSequence[0].ScheduledProcedureStepID", "A"},
                      {"RequestAttributesSequence[1].ScheduledProcedureStepID", "B"},
                      {"RequestAttributesSequence[1].(0008,0050)", "77"}};
    EXPECT_TRUE(holds("RequestAttributesSequence[*].ScheduledProcedureStepID == B", given));
    EXPECT_FALSE(holds("RequestAttributesSequence[0].ScheduledProcedureStepID == B", given));
    EXPECT_TRUE(holds("RequestAttributesSequence[1].(0040,0009) == B", given));
    EXPECT_TRUE(holds("RequestAttributesSequence[*].AccessionNumber == 77", given));
    EXPECT_FALSE(holds("exists RequestAttributesSequence[0].AccessionNumber", given));
    EXPECT_FALSE(holds("exists RequestAttributesSequence[2].AccessionNumber", given));
    EXPECT_TRUE(holds("missing AccessionNumber", given));
    EXPECT_TRUE(holds("exists RequestAttributesSequence", given));
    EXPECT_TRUE(holds("(0040,0275)[*].CodeValue != X", given));
    EXPECT_TRUE(
        holds("exists (0040,0275)[1].RequestedProcedureCodeSequence",
              {{"RequestAttributesSequence[*].RequestedProcedureCodeSequence[0].CodeValue", "x"}}));
}

TEST(Sequences, AnEmptySequenceExists) {
    EXPECT_TRUE(holds("exists RequestAttributesSequence", {{"RequestAttributesSequence", ""}}));
    EXPECT_FALSE(holds("exists RequestAttributesSequence[*].CodeValue",
                       {{"RequestAttributesSequence", ""}}));
}

TEST(Private, CreatorIsPartOfTheTag) {
    const Given given{{"(0029,\"SIEMENS CSA HEADER\",10)", "SYNGO"}};
    EXPECT_TRUE(holds("(0029,\"SIEMENS CSA HEADER\",10) == SYNGO", given));
    EXPECT_FALSE(holds("(0029,\"SIEMENS MEDCOM\",10) == SYNGO", given));
    EXPECT_FALSE(holds("(0029,0010) == SYNGO", given));
    // A tag in brackets inside a group in brackets
    EXPECT_TRUE(
        holds("((0029,'SIEMENS CSA HEADER',10) == SYNGO and (missing (0008,0060)))", given));
}

TEST(MapAttributes, NamesTheMistakeInAGivenName) {
    const auto wrong =
        MapAttributes::make({{"Modality", "CT"}, {"Modalty", "CT"}}, MapDictionary{});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().name, "Modalty");
    EXPECT_EQ(wrong.error().error.what, "unknown tag 'Modalty' (did you mean 'Modality'?)");
    const auto trailing = MapAttributes::make({{"Modality x", "CT"}}, MapDictionary{});
    ASSERT_FALSE(trailing);
    EXPECT_EQ(trailing.error().error.offset, 9U);
}

TEST(MapAttributes, SplitsValuesWhereTheVrDoes) {
    EXPECT_EQ(object({{"ImageType", "A\\ B \\"}}).find(path("ImageType"))->values,
              (std::vector<std::string>{"A", "B", ""}));
    EXPECT_EQ(object({{"PatientComments", "a\\b"}}).find(path("PatientComments"))->values.size(),
              1U);
    EXPECT_EQ(object({{"ImageType", ""}}).find(path("ImageType"))->values.size(), 0U);
    EXPECT_FALSE(object({}).find(path("ImageType")));
    EXPECT_EQ(object({{"peer_ip", "10.0.0.1"}}).context(ContextKey::peer_ip), "10.0.0.1");
    EXPECT_EQ(object({}).context(ContextKey::calling_aet), "");
}

TEST(ContextNames, RoundTrip) {
    for (const auto key : context_keys)
        EXPECT_EQ(context_key_from(to_string(key)), key);
    EXPECT_FALSE(context_key_from("calling"));
}

} // namespace
} // namespace dcmflow::rules
