#include "rules/ruleset.h"

#include "rules/condition.h"

#include <algorithm>
#include <utility>

namespace dcmflow::rules {
namespace {

// A decision in the making; priorities stay open until every rule has spoken.
class Plan {
  public:
    void apply(const Rule& rule) {
        decision_.matched_rules.push_back(rule.name);
        for (const auto& destination : rule.send) {
            auto& priority = named(destination);
            if (rule.priority)
                priority = std::min(priority.value_or(*rule.priority), *rule.priority);
        }
    }

    Decision finish(const Unmatched& unmatched) {
        for (std::size_t i = 0; i < priorities_.size(); ++i)
            decision_.deliveries[i].priority = priorities_[i].value_or(Priority::normal);
        if (decision_.matched_rules.empty()) {
            decision_.disposition = unmatched.disposition;
            if (unmatched.disposition == Disposition::deliver)
                decision_.deliveries.push_back({unmatched.destination, Priority::normal});
        } else {
            decision_.disposition =
                decision_.deliveries.empty() ? Disposition::drop : Disposition::deliver;
        }
        return std::move(decision_);
    }

  private:
    std::optional<Priority>& named(const std::string& destination) {
        const auto found =
            std::ranges::find(decision_.deliveries, destination, &PlannedDelivery::destination);
        const auto index = static_cast<std::size_t>(found - decision_.deliveries.begin());
        if (found == decision_.deliveries.end()) {
            decision_.deliveries.push_back({destination, Priority::normal});
            priorities_.emplace_back();
        }
        return priorities_[index];
    }

    Decision decision_;
    std::vector<std::optional<Priority>> priorities_; // of the deliveries, in their order
};

} // namespace

Ruleset::Ruleset(std::vector<Rule> rules, Unmatched unmatched)
    : rules_(std::move(rules)), unmatched_(std::move(unmatched)) {}

Decision Ruleset::decide(const Attributes& attributes) const {
    return run(attributes, nullptr);
}

Decision Ruleset::explain(const Attributes& attributes, std::vector<RuleTrace>& trace) const {
    return run(attributes, &trace);
}

Decision Ruleset::run(const Attributes& attributes, std::vector<RuleTrace>* trace) const {
    Lookup lookup(attributes);
    Plan plan;
    bool stopped = false;
    for (const Rule& rule : rules_) {
        RuleTrace report{rule.name, !stopped, false, {}};
        if (!stopped) {
            auto* evaluations = trace != nullptr ? &report.evaluations : nullptr;
            report.matched = !rule.when || rule.when->evaluate(lookup, evaluations);
            if (report.matched)
                plan.apply(rule);
            stopped = report.matched && rule.stop;
        }
        if (trace != nullptr)
            trace->push_back(std::move(report));
        else if (stopped)
            break;
    }
    return plan.finish(unmatched_);
}

} // namespace dcmflow::rules
