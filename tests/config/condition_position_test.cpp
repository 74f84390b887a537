// Where a mistake in a condition is, for every way YAML lets one write it.
#include "support.h"

#include "pipeline/config/yaml_document.h"

namespace dcmflow::test {
namespace {

// The place of the one mistake in a rule whose `when` is written as given (after "when: ", on line
// 5).
std::string place_of(const std::string& when) {
    Parts parts;
    parts.rules = "rules:\n  - when: " + when + "\n    name: r\n    send: [archive]\n";
    const auto config = parse_config(parts.text(), "c.yaml");
    if (config || config.error().size() != 1)
        return config ? "no error" : ::testing::PrintToString(texts(config.error()));
    const auto& error = config.error()[0];
    EXPECT_THAT(error.what, ::testing::HasSubstr("'Modalty'"));
    return std::to_string(error.line) + ":" + std::to_string(error.column);
}

TEST(ConditionPosition, PlainAndQuotedOnOneLine) { // `when:` has its value from column 11
    EXPECT_EQ(place_of("Modalty == CT"), "5:11");
    EXPECT_EQ(place_of("Modality == CT and Modalty == CT"), "5:30");
    EXPECT_EQ(place_of("'Modality == CT and Modalty == CT'"), "5:31");
    EXPECT_EQ(place_of("\"Modality == CT and Modalty == CT\""), "5:31");
    EXPECT_EQ(place_of("&cond Modality == CT and Modalty == CT"), "5:36");
    EXPECT_EQ(place_of("!!str Modality == CT and Modalty == CT"), "5:36");
}

TEST(ConditionPosition, EscapesAndQuotesInQuotes) {
    EXPECT_EQ(place_of(R"("StudyDescription ~ \"st\u00f6\" and Modalty == CT")"), "5:48");
    EXPECT_EQ(place_of(R"("StudyDescription ~ \"\xE4\u20ac\U0001F600\t\" and Modalty == CT")"),
              "5:62");
    EXPECT_EQ(place_of("'StudyDescription ~ \"it''s\" and Modalty == CT'"), "5:43");
    EXPECT_EQ(place_of("StudyDescription ~ \"größer\" and Modalty == CT"),
              "5:43"); // characters, not bytes
}

TEST(ConditionPosition, FoldedOverSeveralLines) {
    EXPECT_EQ(place_of("Modality == CT and\n      Modalty == CT"), "6:7");
    EXPECT_EQ(place_of("Modality == CT\n\n      and Modalty == CT"), "7:11");
    EXPECT_EQ(place_of("\"Modality == CT and\n      not Modalty == CT\""), "6:11");
    EXPECT_EQ(place_of("\"Modality == CT and \\\n      Modalty == CT\""), "6:7");
    EXPECT_EQ(place_of("'Modality == CT and\n      Modalty == CT'"), "6:7");
}

TEST(ConditionPosition, BlockScalars) {
    EXPECT_EQ(place_of("|\n      Modality == CT\n      and Modalty == CT"), "7:11");
    EXPECT_EQ(place_of(">\n      Modality == CT\n      and Modalty == CT"), "7:11");
    EXPECT_EQ(place_of(">-\n      Modality == CT and\n        Modalty == CT"), "7:9");
    EXPECT_EQ(place_of("|-\n\n      Modality == CT and Modalty == CT"), "7:26");
}

TEST(ConditionPosition, AtTheEnd) {
    Parts parts;
    parts.rules = "rules:\n  - {name: r, send: [archive], when: \"Modality ==\"}\n";
    const auto config = parse_config(parts.text(), "c.yaml");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error()[0].line, 5);
    EXPECT_EQ(config.error()[0].column, 50); // the closing quote
}

} // namespace
} // namespace dcmflow::test
