// The examples of docs/rules.md: what it shows as a rule is one, what it shows as a mistake is one.
#include "map_dictionary.h"

#include <filesystem>
#include <fstream>

namespace dcmflow::rules {
namespace {

std::filesystem::path manual() {
    for (auto folder = std::filesystem::absolute(__FILE__); folder.has_relative_path();) {
        folder = folder.parent_path();
        if (exists(folder / "docs" / "rules.md"))
            return folder / "docs" / "rules.md";
    }
    return {};
}

std::vector<std::string> blocks(const std::string& label) {
    std::ifstream file(manual());
    std::vector<std::string> found;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line == "```" + label) {
            found.emplace_back();
            inside = true;
        } else if (line == "```") {
            inside = false;
        } else if (inside) {
            found.back() += line + "\n";
        }
    }
    return found;
}

TEST(Manual, EveryExampleParses) {
    const auto examples = blocks("rule");
    ASSERT_GE(examples.size(), 8U) << manual();
    for (const auto& example : examples) {
        const auto result = Expression::parse(example, MapDictionary{});
        EXPECT_TRUE(result) << example << result.error().offset << ": " << result.error().what;
    }
}

TEST(Manual, EveryMistakeIsOne) {
    const auto mistakes = blocks("rule-error");
    ASSERT_GE(mistakes.size(), 5U) << manual();
    for (const auto& mistake : mistakes)
        EXPECT_FALSE(Expression::parse(mistake, MapDictionary{})) << mistake;
}

// What the text around the examples promises.
TEST(Manual, ExamplesDoWhatTheySay) {
    const auto examples = blocks("rule");
    const auto example = [&](std::string_view part) {
        for (const auto& text : examples)
            if (text.find(part) != std::string::npos)
                return parsed(text);
        throw std::logic_error("no example with " + std::string(part));
    };
    EXPECT_TRUE(example("18:00").holds(object({{"Modality", "CT"}, {"StudyTime", "180000"}})));
    EXPECT_TRUE(example("18:00").holds(object({{"Modality", "CT"}, {"StudyTime", "065959.9"}})));
    EXPECT_FALSE(example("18:00").holds(object({{"Modality", "CT"}, {"StudyTime", "120000"}})));
    EXPECT_TRUE(
        example("stroke|trauma").holds(object({{"StudyDescription", "CT Stroke, native"}})));
    EXPECT_FALSE(example("stroke|trauma").holds(object({{"StudyDescription", "Breaststroke"}})));
    EXPECT_TRUE(
        example("10.20.0.0/16").holds(object({{"peer_ip", "10.20.3.4"}, {"calling_aet", "CT1"}})));
    EXPECT_FALSE(example("10.20.0.0/16")
                     .holds(object({{"peer_ip", "10.20.3.4"}, {"calling_aet", "CT OLD"}})));
    EXPECT_TRUE(example("2015").holds(object({{"StudyDate", "20141231"}, {"PatientName", "A^B"}})));
    EXPECT_FALSE(example("2015").holds(object({{"StudyDate", "20150101"}})));
    EXPECT_FALSE(
        example("2015").holds(object({{"StudyDate", "2014"}, {"LossyImageCompression", "01"}})));
    EXPECT_TRUE(holds("PatientName ~ \"^DOE\\^\"", {{"PatientName", "DOE^JOHN"}}));
}

} // namespace
} // namespace dcmflow::rules
