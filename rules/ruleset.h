// Ruleset: the rules of one config, in order; object in, Decision out (design §7).
//
// Immutable; any thread. Every rule that matches applies, until one says `stop`.
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
    std::vector<std::string> send;  // destination names; may be empty with stop: true
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
    [[nodiscard]] Decision explain(const Attributes& attributes, std::vector<RuleTrace>& trace) const;
    [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
    [[nodiscard]] const Unmatched& unmatched() const { return unmatched_; }

  private:
    std::vector<Rule> rules_;
    Unmatched unmatched_;
};

} // namespace dcmflow::rules
