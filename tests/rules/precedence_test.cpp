// and, or, not and ( ): which binds to what.
#include "map_dictionary.h"

namespace dcmflow::rules {
namespace {

// Every combination of three facts, so that a wrong grouping must show.
template <class Expected> void expect_table(std::string_view text, Expected expected) {
    const auto expression = parsed(text);
    for (int bits = 0; bits < 8; ++bits) {
        const bool a = bits & 1;
        const bool b = bits & 2;
        const bool c = bits & 4;
        const auto attributes = object({{"Modality", a ? "CT" : "MR"},
                                        {"StationName", b ? "B" : "X"},
                                        {"Rows", c ? "512" : "1"}});
        EXPECT_EQ(expression.holds(attributes), expected(a, b, c)) << text << " " << a << b << c;
    }
}

constexpr const char* a_ = "Modality == CT";
constexpr const char* b_ = "StationName == B";
constexpr const char* c_ = "Rows == 512";

std::string join(std::initializer_list<const char*> parts) {
    std::string text;
    for (const auto* part : parts)
        (text += part) += ' ';
    return text;
}

TEST(Precedence, AndBindsTighterThanOr) {
    expect_table(join({a_, "or", b_, "and", c_}),
                 [](bool a, bool b, bool c) { return a || (b && c); });
    expect_table(join({a_, "and", b_, "or", c_}),
                 [](bool a, bool b, bool c) { return (a && b) || c; });
}

TEST(Precedence, NotBindsTighterThanAndAndLooserThanComparisons) {
    expect_table(join({"not", a_, "and", b_, "or", c_}),
                 [](bool a, bool b, bool c) { return (!a && b) || c; });
    expect_table(join({a_, "and not", b_, "or not", c_}),
                 [](bool a, bool b, bool c) { return (a && !b) || !c; });
    expect_table(join({"not not", a_}), [](bool a, bool, bool) { return a; });
}

TEST(Precedence, ParenthesesGroup) {
    expect_table(join({"(", a_, "or", b_, ") and", c_}),
                 [](bool a, bool b, bool c) { return (a || b) && c; });
    expect_table(join({"not (", a_, "or", b_, ") or", c_}),
                 [](bool a, bool b, bool c) { return !(a || b) || c; });
    expect_table(join({"((", a_, ")) and (not (", b_, "))"}),
                 [](bool a, bool b, bool) { return a && !b; });
}

TEST(Precedence, ChainsOfOneKind) {
    expect_table(join({a_, "and", b_, "and", c_}),
                 [](bool a, bool b, bool c) { return a && b && c; });
    expect_table(join({a_, "or", b_, "or", c_}),
                 [](bool a, bool b, bool c) { return a || b || c; });
}

TEST(Precedence, SpacesAreFreeAndNeedless) {
    EXPECT_TRUE(holds("(Modality==CT)and(Rows>=512)", {{"Modality", "CT"}, {"Rows", "512"}}));
    EXPECT_TRUE(holds("\n Modality\t==\r\n CT \n", {{"Modality", "CT"}}));
    EXPECT_TRUE(holds("Modality in[CT,MR]", {{"Modality", "MR"}}));
}

} // namespace
} // namespace dcmflow::rules
