#include "rules/condition.h"

#include "rules/text.h"

#include <algorithm>

namespace dcmflow::rules {
namespace {

constexpr std::size_t most_values_shown = 8;

// Values that rules cannot read: no comparison holds, whatever it is with.
bool is_opaque(std::string_view vr) {
    return vr == "UN" || !is_comparable(family_of(vr));
}

bool any_value(const Comparison& comparison, const AttributeValues& seen) {
    const auto test = [&](std::string_view value) {
        return comparison.op->test(comparison.operands, trimmed(value));
    };
    // Present but empty is one empty value: StudyDescription == "" finds it.
    if (seen.values.empty())
        return !is_opaque(seen.vr) && test({});
    return std::ranges::any_of(seen.values, test);
}

bool compare(const Comparison& comparison, const std::optional<AttributeValues>& seen) {
    const bool test = comparison.op->operand == Operand::none
                          ? seen.has_value()
                          : seen && any_value(comparison, *seen);
    return test != comparison.negated;
}

// A value that says nothing because it is malformed must not do so in silence.
bool is_malformed(const Comparison& comparison, std::string_view value) {
    const auto& literals = comparison.operands.literals;
    return !literals.empty() && !value.empty() && !literals.front().order(value);
}

std::string describe(const Comparison& comparison, const std::optional<AttributeValues>& seen) {
    if (!seen)
        return "missing";
    if (seen->values.empty())
        return is_opaque(seen->vr) ? "present" : "empty";
    std::string out;
    for (std::size_t i = 0; i < seen->values.size(); ++i) {
        if (i > 0)
            out += ", ";
        if (i == most_values_shown)
            return out + "… (" + std::to_string(seen->values.size()) + " values)";
        const auto value = trimmed(seen->values[i]);
        out += quoted(value, '"');
        if (is_malformed(comparison, value))
            (out += " (not ") += std::string(names_of(comparison.subject.family).noun) + ")";
    }
    return out;
}

} // namespace

const std::optional<AttributeValues>& Lookup::values(const Subject& subject) {
    const auto [entry, first] = seen_.try_emplace(subject.key);
    if (!first)
        return entry->second;
    if (!subject.context) {
        entry->second = attributes_.find(subject.path);
    } else if (auto text = attributes_.context(*subject.context); !text.empty()) {
        entry->second.emplace().values.push_back(std::move(text));
    }
    return entry->second;
}

bool evaluate(const Condition& condition, Lookup& lookup, std::vector<Evaluation>* trace) {
    const auto child = [&](const Condition& part) { return evaluate(part, lookup, trace); };
    switch (condition.kind) {
    case Condition::Kind::all:
        return std::ranges::all_of(condition.children, child);
    case Condition::Kind::any:
        return std::ranges::any_of(condition.children, child);
    case Condition::Kind::none:
        return std::ranges::none_of(condition.children, child);
    case Condition::Kind::comparison:
        break;
    }
    const Comparison& comparison = condition.comparison.front();
    const auto& seen = lookup.values(comparison.subject);
    const bool holds = compare(comparison, seen);
    if (trace != nullptr)
        trace->push_back({comparison.text, describe(comparison, seen), holds});
    return holds;
}

} // namespace dcmflow::rules
