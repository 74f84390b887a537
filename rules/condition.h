// Condition: the syntax tree of a rule's condition, and its evaluation. Immutable once parsed; any
// thread.
//
// Internal to rules/; Expression is what others see. Lookup belongs to one evaluation and one
// thread.
#pragma once

#include "rules/attributes.h"
#include "rules/expression.h"
#include "rules/operators.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dcmflow::rules {

// What a comparison asks about: a tag, or a fact of the transfer.
struct Subject {
    std::optional<ContextKey> context;
    TagPath path;     // if not a context
    std::string key;  // the same for every spelling of the same tag
    std::string text; // as written
    Family family = Family::unknown;
    std::string vr; // of the dictionary, may be empty
};

struct Comparison {
    Subject subject;
    const Operator* op = nullptr; // a row of the table
    bool negated = false;         // the operator's own, or `not in`
    Operands operands;
    std::string text; // as written
};

struct Condition {
    enum class Kind : std::uint8_t { all, any, none, comparison }; // and, or, not
    Kind kind = Kind::comparison;
    std::vector<Condition> children;    // of none exactly one
    std::vector<Comparison> comparison; // one, of kind comparison
};

// Asks an object for each attribute at most once.
class Lookup {
  public:
    explicit Lookup(const Attributes& attributes) : attributes_(attributes) {}
    // The reference lives as long as the Lookup; the subject must too.
    const std::optional<AttributeValues>& values(const Subject& subject);

  private:
    const Attributes& attributes_;
    std::unordered_map<std::string_view, std::optional<AttributeValues>> seen_;
};

// Stops as soon as the answer is known. `trace` may be null. Recursion is as deep as the nesting,
// which the parser bounds.
[[nodiscard]] bool evaluate(const Condition& condition, Lookup& lookup,
                            std::vector<Evaluation>* trace);

} // namespace dcmflow::rules
