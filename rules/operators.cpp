#include "rules/operators.h"

#include <algorithm>
#include <re2/re2.h>

namespace dcmflow::rules {
namespace {

// Also bounds the program to about 10,000 instructions; a search is linear in that × the text.
constexpr std::int64_t pattern_memory = 1 << 20;

using Order = std::strong_ordering;

bool any_equal(const Operands& operands, std::string_view value) {
    return std::ranges::any_of(operands.literals, [&](const Literal& literal) {
        return literal.order(value) == Order::equal;
    });
}
bool less(const Operands& operands, std::string_view value) {
    return operands.literals.front().order(value) == Order::less;
}
bool less_equal(const Operands& operands, std::string_view value) {
    const auto order = operands.literals.front().order(value);
    return order == Order::less || order == Order::equal;
}
bool greater(const Operands& operands, std::string_view value) {
    return operands.literals.front().order(value) == Order::greater;
}
bool greater_equal(const Operands& operands, std::string_view value) {
    const auto order = operands.literals.front().order(value);
    return order == Order::greater || order == Order::equal;
}
bool contains(const Operands& operands, std::string_view value) {
    return value.find(operands.text) != std::string_view::npos;
}
bool matches(const Operands& operands, std::string_view value) {
    return RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *operands.pattern);
}

constexpr Operator operator_table[] = {
    {"==", Operand::value, false, any_equal},     {"!=", Operand::value, true, any_equal},
    {"<", Operand::ordered, false, less},         {"<=", Operand::ordered, false, less_equal},
    {">", Operand::ordered, false, greater},      {">=", Operand::ordered, false, greater_equal},
    {"in", Operand::list, false, any_equal}, // `not` before a word or ~ is the parser's: not in
    {"contains", Operand::text, false, contains}, {"~", Operand::pattern, false, matches},
    {"exists", Operand::none, false, nullptr},    {"missing", Operand::none, true, nullptr},
};

} // namespace

std::span<const Operator> operators() {
    return operator_table;
}

const Operator* find_operator(std::string_view spelling) {
    const auto* row = std::ranges::find(operator_table, spelling, &Operator::spelling);
    return row == std::end(operator_table) ? nullptr : row;
}

bool is_reserved(std::string_view word) {
    return word == "and" || word == "or" || word == "not" || find_operator(word) != nullptr;
}

tl::expected<std::shared_ptr<const re2::RE2>, std::string> compile_pattern(std::string_view text) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(pattern_memory);
    auto pattern = std::make_shared<const RE2>(re2::StringPiece(text.data(), text.size()), options);
    if (!pattern->ok())
        return tl::unexpected(pattern->error());
    return pattern;
}

} // namespace dcmflow::rules
