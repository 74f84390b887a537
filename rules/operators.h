// Operators: THE table of what may stand between a tag and a value. Internal to rules/.
//
// A new operator is one test function and one row in operators.cpp; lexer, parser and explain
// follow it.
#pragma once

#include "rules/literal.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace re2 {
class RE2;
}

namespace dcmflow::rules {

enum class Operand : std::uint8_t {
    none,    // stands before the tag and asks whether it is there
    value,   // one literal of the tag's VR
    ordered, // the same, and the VR must have an order
    list,    // [literal, …]
    text,    // any text
    pattern, // a regular expression in quotes
};

// What an operator was given; filled in by the parser as its Operand says.
struct Operands {
    std::vector<Literal> literals;
    std::string text;
    std::shared_ptr<const re2::RE2> pattern;
};

struct Operator {
    std::string_view spelling;
    Operand operand;
    bool negated; // the complement of the test, for missing tags too: != is not (==)
    bool (*test)(const Operands& operands,
                 std::string_view value); // of one trimmed value; null for none
};

[[nodiscard]] std::span<const Operator> operators();
[[nodiscard]] const Operator* find_operator(std::string_view spelling);
// and, or, not, and the operators that are words: never a tag, and never a value without quotes.
[[nodiscard]] bool is_reserved(std::string_view word);

// RE2, UTF-8, with a bound on memory and on the size of the program; or RE2's complaint.
[[nodiscard]] tl::expected<std::shared_ptr<const re2::RE2>, std::string>
compile_pattern(std::string_view text);

} // namespace dcmflow::rules
