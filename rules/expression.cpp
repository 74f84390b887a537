#include "rules/expression.h"

#include "rules/condition.h"
#include "rules/parser.h"

#include <utility>

namespace dcmflow::rules {

struct Expression::Node {
    Condition condition;
};

Expression::Expression(std::shared_ptr<const Node> root, std::string text)
    : root_(std::move(root)), text_(std::move(text)) {}

tl::expected<Expression, ParseError> Expression::parse(std::string_view text,
                                                       const Dictionary& dictionary) {
    auto condition = parse_condition(text, dictionary);
    if (!condition)
        return tl::unexpected(std::move(condition.error()));
    return Expression(std::make_shared<const Node>(Node{std::move(*condition)}), std::string(text));
}

bool Expression::holds(const Attributes& attributes) const {
    Lookup lookup(attributes);
    return evaluate(lookup, nullptr);
}

bool Expression::explain(const Attributes& attributes, std::vector<Evaluation>& trace) const {
    Lookup lookup(attributes);
    return evaluate(lookup, &trace);
}

const std::string& Expression::text() const {
    return text_;
}

bool Expression::evaluate(Lookup& lookup, std::vector<Evaluation>* trace) const {
    return rules::evaluate(root_->condition, lookup, trace);
}

} // namespace dcmflow::rules
