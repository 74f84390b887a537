// Ruleset: the rules of one config, in order; object in, Decision out (design §7).
//
// Immutable; any thread. Every rule that matches applies, until one says `stop`.
//
// A destination that several rules name gets the object once, with the most urgent of the
// priorities that those rules give; a rule that gives none has no say, and if none does it is
// normal. `unmatched` is for objects that no rule matched. An object that rules matched, but that
// none of them sends anywhere (`send: []`), is dropped: the administrator said so, and
// matched_rules says which rule.
#pragma once

#include "rules/decision.h"
#include "rules/expression.h"

#include <optional>
#include <string>
#include <vector>

namespace dcmflow::rules {

struct Rule {
    std::string name;
    std::optional<Expression> when; // nullopt: always
    std::vector<std::string> send;  // destination names; empty: matched, goes nowhere
    std::optional<Priority> priority;
    bool stop = false;
};

struct Unmatched {
    Disposition disposition = Disposition::hold; // deliver: to `destination`
    std::string destination;
};

// How one rule fared, for `explain`.
struct RuleTrace {
    std::string rule;
    bool reached = true; // false: an earlier rule said stop
    bool matched = false;
    std::vector<Evaluation> evaluations;
};

class Ruleset {
  public:
    Ruleset(std::vector<Rule> rules, Unmatched unmatched);
    [[nodiscard]] Decision decide(const Attributes& attributes) const;
    [[nodiscard]] Decision explain(const Attributes& attributes,
                                   std::vector<RuleTrace>& trace) const;
    [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
    [[nodiscard]] const Unmatched& unmatched() const { return unmatched_; }

  private:
    [[nodiscard]] Decision run(const Attributes& attributes, std::vector<RuleTrace>* trace) const;
    std::vector<Rule> rules_;
    Unmatched unmatched_;
};

} // namespace dcmflow::rules
