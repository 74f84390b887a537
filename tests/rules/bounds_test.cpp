// Bombs and garbage: bounded work, a clear error, never a crash.
#include "map_dictionary.h"

#include <random>

namespace dcmflow::rules {
namespace {

std::string repeated(std::string_view text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i)
        out += text;
    return out;
}

TEST(Bounds, Nesting) {
    const auto nested = [](std::string_view open, std::size_t depth, std::string_view close) {
        return Expression::parse(repeated(open, depth) + "Rows == 1" + repeated(close, depth),
                                 MapDictionary{});
    };
    for (const std::string_view open : {"(", "not ", "not("}) {
        const std::string_view close = open.ends_with('(') ? ")" : "";
        const std::size_t levels = open == "not(" ? 2 : 1;
        EXPECT_TRUE(nested(open, 64 / levels, close)) << open;
        for (const std::size_t depth : {64 / levels + 1, std::size_t{10'000}}) {
            const auto bomb = nested(open, depth, close);
            ASSERT_FALSE(bomb) << open;
            EXPECT_EQ(bomb.error().what, "more than 64 levels of ( ) and not");
            EXPECT_EQ(bomb.error().offset, open.size() * (64 / levels)) << open;
        }
    }
    // Depth is of nesting, not of length: groups one after the other are free.
    EXPECT_TRUE(
        Expression::parse(repeated("(Rows == 1) or not ", 3000) + "Rows == 2", MapDictionary{}));
}

TEST(Bounds, LongConditions) {
    const auto chain = repeated("Rows == 1 or ", 5000) + "Rows == 2";
    EXPECT_TRUE(holds(chain, {{"Rows", "2"}}));
    EXPECT_FALSE(holds(chain, {{"Rows", "3"}}));
    const auto mixed = repeated("Rows == 1 and Rows == 1 or ", 2400) + "Rows == 2";
    EXPECT_TRUE(holds(mixed, {{"Rows", "2"}}));

    const std::string limit = "PatientID == " + std::string(64 * 1024 - 13, 'x');
    EXPECT_TRUE(Expression::parse(limit, MapDictionary{}));
    const auto longer = Expression::parse(limit + "x", MapDictionary{});
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().offset, 64U * 1024);
    EXPECT_NE(longer.error().what.find("64 KiB"), std::string::npos);
    EXPECT_FALSE(Expression::parse(std::string(10'000'000, '('), MapDictionary{}));
}

TEST(Bounds, Lists) {
    EXPECT_TRUE(holds("Rows in [" + repeated("1,", 999) + "2]", {{"Rows", "2"}}));
    const auto text = "Rows in [" + repeated("1,", 1000) + "2]";
    const auto longer = Expression::parse(text, MapDictionary{});
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().offset, text.size() - 2);
}

TEST(Bounds, RegularExpressionsAreLinear) {
    // Exponential in a backtracking engine.
    const std::string text(50'000, 'a');
    EXPECT_FALSE(holds("StudyDescription ~ '^(a+)+$'", {{"StudyDescription", text + "!"}}));
    EXPECT_FALSE(holds("StudyDescription ~ '(a|aa)*[ab]{40}c'", {{"StudyDescription", text}}));
    // Close to the largest program, whose automaton does not fit in its memory: slower, still
    // right.
    EXPECT_TRUE(holds("StudyDescription ~ '(x+x+)+y.{200}[ab]{200}$'",
                      {{"StudyDescription", "xxxy" + std::string(400, 'a')}}));
}

TEST(Bounds, LongValues) {
    const std::string big(5'000'000, '1');
    EXPECT_FALSE(holds("Rows == 1 or StudyDate == 2020 or StudyTime == 11 or PatientAge == 1Y or "
                       "AcquisitionDateTime == 2020 or DiffusionBValue == 1",
                       {{"Rows", big},
                        {"StudyDate", big},
                        {"StudyTime", big},
                        {"PatientAge", big},
                        {"AcquisitionDateTime", big},
                        {"DiffusionBValue", big}}));
    EXPECT_TRUE(holds("StudyTime == 11:11:11", {{"StudyTime", "111111." + big}}));
    std::vector<Evaluation> trace;
    EXPECT_TRUE(parsed("StudyDescription contains 111")
                    .explain(object({{"StudyDescription", big}}), trace));
    EXPECT_LT(trace.at(0).seen.size(), 100U);
}

// Suggestions are slow in a debug build, and have their own test.
class QuietDictionary final : public MapDictionary {
    std::optional<std::string> suggest(std::string_view) const override { return {}; }
};

// Whatever the text, parse answers; whatever it accepts, evaluation answers, and an error lies in
// the text.
void expect_total(const std::string& text) {
    static const auto full = object({{"Modality", "CT"},
                                     {"ImageType", "A\\B"},
                                     {"Rows", "512"},
                                     {"StudyDate", "20200101"},
                                     {"StudyTime", "12"},
                                     {"peer_ip", "10.0.0.1"},
                                     {"RequestAttributesSequence[0].CodeValue", "x"}});
    static const auto empty = object({});
    const auto result = Expression::parse(text, QuietDictionary{});
    if (!result) {
        ASSERT_LE(result.error().offset, text.size()) << text;
        ASSERT_FALSE(result.error().what.empty()) << text;
        ASSERT_FALSE(result.error().expected.empty()) << text;
        return;
    }
    for (const auto* attributes : {&full, &empty}) {
        std::vector<Evaluation> trace;
        ASSERT_EQ(result->holds(*attributes), result->explain(*attributes, trace)) << text;
        ASSERT_FALSE(trace.empty()) << text;
    }
}

TEST(Garbage, RandomBytesNeverCrash) {
    std::mt19937 random(20200517);
    for (int round = 0; round < 50'000; ++round) {
        std::string text(random() % 60, '\0');
        for (char& c : text)
            c = static_cast<char>(random() % 256);
        expect_total(text);
    }
}

TEST(Garbage, RandomTokensNeverCrash) {
    const char* const tokens[] = {"Modality",    "Rows",        "StudyDate",
                                  "StudyTime",   "ImageType",   "peer_ip",
                                  "calling_aet", "PixelData",   "RequestAttributesSequence",
                                  "[*]",         "[0]",         ".",
                                  ".CodeValue",  "(",           ")",
                                  "[",           "]",           ",",
                                  "==",          "!=",          "<",
                                  "<=",          ">",           ">=",
                                  "~",           "in",          "not",
                                  "and",         "or",          "contains",
                                  "exists",      "missing",     "\"(a|b)*\"",
                                  "'x'",         "\"",          "\\",
                                  "CT",          "512",         "-1.5e3",
                                  "2020-01-01",  "12:30",       "10.0.0.0/8",
                                  "0008",        "0060",        "0029",
                                  "10",          "\"CREATOR\"", "*",
                                  "?",           "é",           "=",
                                  "!",           "&&"};
    std::mt19937 random(7);
    int accepted = 0;
    for (int round = 0; round < 40'000; ++round) {
        std::string text;
        for (auto count = 1 + random() % 7; count > 0; --count) {
            text += tokens[random() % std::size(tokens)];
            if (random() % 4 != 0)
                text += ' ';
        }
        expect_total(text);
        accepted += Expression::parse(text, QuietDictionary{}).has_value() ? 1 : 0;
    }
    EXPECT_GT(accepted, 50); // the soup does reach the evaluator
}

TEST(Garbage, DamagedConditionsNeverCrash) {
    const std::string whole = "not (Modality in [CT, \"MR\"] and SliceThickness <= 1.25) or "
                              "StudyDescription ~ \"(?i)stroke\" and "
                              "exists (0029,\"SIEMENS CSA HEADER\",10) or "
                              "RequestAttributesSequence[*].(0040,0009) != 'a\\'b' and "
                              "StudyDate >= 2020-01-31 and peer_ip not in [10.0.0.0/8, fd00::/8]";
    expect_total(whole);
    ASSERT_TRUE(Expression::parse(whole, MapDictionary{}));
    for (std::size_t i = 0; i <= whole.size(); ++i)
        expect_total(whole.substr(0, i));
    std::mt19937 random(11);
    for (int round = 0; round < 10'000; ++round) {
        auto text = whole;
        for (auto damage = 1 + random() % 3; damage > 0; --damage) {
            const auto at = random() % text.size();
            switch (random() % 3) {
            case 0:
                text[at] = static_cast<char>(random() % 256);
                break;
            case 1:
                text.erase(at, 1 + random() % 8);
                break;
            default:
                text.insert(at, text.substr(random() % text.size(), random() % 12));
                break;
            }
            if (text.empty())
                text = " ";
        }
        expect_total(text);
    }
}

TEST(Garbage, RandomValuesNeverCrash) {
    const auto expression = parsed(
        "Rows == 5 or DiffusionBValue < 5 or RecommendedDisplayFrameRateInFloat > 5 or StudyDate < "
        "2020 or "
        "StudyTime < 12:00 or AcquisitionDateTime < 2020-01-01T00:00Z or PatientAge < 1Y or "
        "FrameIncrementPointer == FrameTime or peer_ip in [10.0.0.0/8] or (0029,'X',01) < 5 or "
        "StudyDescription ~ 'ab+' or StudyDescription contains xyz");
    const char* const tags[] = {"Rows",
                                "DiffusionBValue",
                                "RecommendedDisplayFrameRateInFloat",
                                "StudyDate",
                                "StudyTime",
                                "AcquisitionDateTime",
                                "PatientAge",
                                "FrameIncrementPointer",
                                "peer_ip",
                                "(0029,'X',01)",
                                "StudyDescription"};
    constexpr std::string_view likely = "0123456789+-.:eETZYMWD/ \\,()";
    std::mt19937 random(3);
    for (int round = 0; round < 5'000; ++round) {
        Given given;
        for (const auto* tag : tags) {
            auto& value = given[tag];
            for (auto length = random() % 24; length > 0; --length)
                value += random() % 8 == 0 ? static_cast<char>(random() % 256)
                                           : likely[random() % likely.size()];
        }
        std::vector<Evaluation> trace;
        const auto attributes = object(given);
        ASSERT_EQ(expression.holds(attributes), expression.explain(attributes, trace));
    }
}

} // namespace
} // namespace dcmflow::rules
