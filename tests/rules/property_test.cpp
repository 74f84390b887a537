// Random conditions on random objects, against an evaluator written here in a dozen lines.
#include "map_dictionary.h"

#include <functional>
#include <random>

namespace dcmflow::rules {
namespace {

// A condition's text, and what it must mean, told by plain C++ on the values behind the object.
struct Object {
    std::optional<std::vector<std::string>> image_type; // CS, several values
    std::optional<std::string> description;             // LO
    std::optional<int> rows;                            // US
    std::optional<std::pair<int, int>> date;            // year, month of a DA, always on the 15th
};
struct Sentence {
    std::string text;
    std::function<bool(const Object&)> means;
};

class Author {
  public:
    explicit Author(unsigned seed) : random_(seed) {}

    int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
    template <std::size_t N> std::string one_of(const char* const (&choices)[N]) {
        return choices[random_() % N];
    }

    Object object() {
        Object made;
        if (pick(4) != 0) {
            made.image_type.emplace();
            for (int count = 1 + pick(3); count > 0; --count)
                made.image_type->push_back(word());
        }
        if (pick(4) != 0)
            made.description = word() + " " + word();
        if (pick(4) != 0)
            made.rows = pick(5);
        if (pick(4) != 0)
            made.date = std::pair(2019 + pick(3), 1 + pick(3));
        return made;
    }

    Sentence sentence(int depth) {
        switch (depth == 0 ? 3 : pick(5)) {
        case 0: {
            const auto inner = sentence(depth - 1);
            return {"not (" + inner.text + ")", [=](const Object& o) { return !inner.means(o); }};
        }
        case 1: {
            const auto a = sentence(depth - 1);
            const auto b = sentence(depth - 1);
            return {"(" + a.text + ") and (" + b.text + ")",
                    [=](const Object& o) { return a.means(o) && b.means(o); }};
        }
        case 2: {
            const auto a = sentence(depth - 1);
            const auto b = sentence(depth - 1);
            return {"(" + a.text + ") or (" + b.text + ")",
                    [=](const Object& o) { return a.means(o) || b.means(o); }};
        }
        default:
            return comparison();
        }
    }

    Sentence comparison() {
        switch (pick(6)) {
        case 0:
            return text_comparison();
        case 1:
            return number_comparison();
        case 2:
            return date_comparison();
        case 3: {
            const auto needle = word();
            return {"StudyDescription contains " + needle, [=](const Object& o) {
                        return o.description && o.description->find(needle) != std::string::npos;
                    }};
        }
        case 4:
            return {"exists Rows", [](const Object& o) { return o.rows.has_value(); }};
        default:
            return {"missing StudyDescription", [](const Object& o) { return !o.description; }};
        }
    }

  private:
    std::string word() { return std::string(1, static_cast<char>('A' + pick(4))); }

    template <class T> static bool compare(const std::string& op, const T& a, const T& b) {
        return op == "=="   ? a == b
               : op == "<"  ? a < b
               : op == "<=" ? a <= b
               : op == ">"  ? a > b
                            : a >= b;
    }
    std::string order() { return one_of({"==", "<", "<=", ">", ">="}); }

    Sentence text_comparison() {
        const auto op = order();
        const auto value = word();
        return {"ImageType " + op + " " + value, [=](const Object& o) {
                    bool any = false;
                    for (const auto& type : o.image_type.value_or(std::vector<std::string>{}))
                        any = any || compare(op, type, value);
                    return any;
                }};
    }

    Sentence number_comparison() {
        const auto op = order();
        const int value = pick(5);
        return {"Rows " + op + " " + std::to_string(value) + one_of({"", ".0", "e0"}),
                [=](const Object& o) { return o.rows && compare(op, *o.rows, value); }};
    }

    Sentence date_comparison() {
        const auto op = order();
        const std::pair value(2019 + pick(3), 1 + pick(3));
        return {"StudyDate " + op + " " + std::to_string(value.first) + "-0" +
                    std::to_string(value.second),
                [=](const Object& o) { return o.date && compare(op, *o.date, value); }};
    }

    std::mt19937 random_;
};

MapAttributes attributes_of(const Object& made) {
    Given given;
    for (const auto& type : made.image_type.value_or(std::vector<std::string>{}))
        (given["ImageType"] += given["ImageType"].empty() ? "" : "\\") += type;
    if (made.description)
        given["StudyDescription"] = *made.description;
    if (made.rows)
        given["Rows"] = std::to_string(*made.rows);
    if (made.date)
        given["StudyDate"] =
            std::to_string(made.date->first) + "0" + std::to_string(made.date->second) + "15";
    return object(given);
}

TEST(Property, AgreesWithAReferenceEvaluator) {
    Author author(42);
    std::vector<std::pair<Object, MapAttributes>> objects;
    for (int i = 0; i < 200; ++i) {
        const auto made = author.object();
        objects.emplace_back(made, attributes_of(made));
    }
    int held = 0;
    for (int i = 0; i < 300; ++i) {
        const auto sentence = author.sentence(5);
        const auto expression = parsed(sentence.text);
        for (const auto& [made, attributes] : objects) {
            const bool holds_here = expression.holds(attributes);
            ASSERT_EQ(holds_here, sentence.means(made)) << sentence.text;
            held += holds_here ? 1 : 0;
        }
    }
    EXPECT_GT(held, 10'000); // and neither side is trivially true or false
    EXPECT_LT(held, 50'000);
}

TEST(Property, NotIsTheComplementAndDoubleNotIsNothing) {
    Author author(43);
    for (int i = 0; i < 300; ++i) {
        const auto text = author.sentence(4).text;
        const auto plain = parsed(text);
        const auto complement = parsed("not (" + text + ")");
        const auto twice = parsed("not not (" + text + ")");
        for (int j = 0; j < 20; ++j) {
            const auto attributes = attributes_of(author.object());
            ASSERT_NE(plain.holds(attributes), complement.holds(attributes)) << text;
            ASSERT_EQ(plain.holds(attributes), twice.holds(attributes)) << text;
        }
    }
}

TEST(Property, ComplementsOfOperatorsAreExact) {
    const std::pair<const char*, const char*> pairs[] = {
        {"ImageType != A", "not (ImageType == A)"},
        {"ImageType not in [A, B]", "not (ImageType in [A, B])"},
        {"ImageType in [A, B]", "ImageType == A or ImageType == B"},
        {"Rows != 2", "not (Rows == 2)"},
        {"Rows not in [1, 2]", "not (Rows == 1) and not (Rows == 2)"},
        {"StudyDate != 2020-01", "not (StudyDate == 2020-01)"},
        {"StudyDescription not contains A", "not (StudyDescription contains A)"},
        {"StudyDescription not ~ '^A'", "not (StudyDescription ~ '^A')"},
        {"missing Rows", "not (exists Rows)"},
        {"Rows <= 2", "Rows < 2 or Rows == 2"}, // one value: trichotomy
        {"missing Rows or Rows <= 2", "not (Rows > 2)"},
        {"missing StudyDate or StudyDate < 2020", "not (StudyDate >= 2020)"},
    };
    Author author(44);
    for (int j = 0; j < 1000; ++j) {
        const auto attributes = attributes_of(author.object());
        for (const auto& [one, other] : pairs)
            ASSERT_EQ(parsed(one).holds(attributes), parsed(other).holds(attributes)) << one;
    }
}

} // namespace
} // namespace dcmflow::rules
