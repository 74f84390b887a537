// Expression: one `when` condition, parsed once, evaluated for every object (design §7).
//
// Immutable and cheap to copy; any thread. Total: it cannot loop, do I/O or fail at run time. Its
// text is at most 64 KiB, its nesting at most 64, and its regular expressions are linear in what
// they search.
#pragma once

#include "rules/attributes.h"
#include "rules/parse_error.h"

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow::rules {

// One comparison as it was evaluated, for `explain`.
struct Evaluation {
    std::string comparison; // source text of the comparison
    std::string seen;       // the values it saw, e.g. `"CT"`, or `missing`
    bool holds = false;
};

class Lookup;

class Expression {
  public:
    [[nodiscard]] static tl::expected<Expression, ParseError> parse(std::string_view text,
                                                                    const Dictionary& dictionary);
    [[nodiscard]] bool holds(const Attributes& attributes) const;
    // Same answer; also appends every comparison that was needed to reach it.
    [[nodiscard]] bool explain(const Attributes& attributes, std::vector<Evaluation>& trace) const;
    [[nodiscard]] const std::string& text() const;

  private:
    friend class Ruleset; // shares one Lookup among its rules
    struct Node;
    [[nodiscard]] bool evaluate(Lookup& lookup, std::vector<Evaluation>* trace) const;
    explicit Expression(std::shared_ptr<const Node> root, std::string text);
    std::shared_ptr<const Node> root_;
    std::string text_;
};

} // namespace dcmflow::rules
