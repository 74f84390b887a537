#include "pipeline/config/config.h"

#include "pipeline/config/reader.h"
#include "pipeline/config/values.h"
#include "pipeline/dicom/attributes.h"
#include "rules/map_attributes.h"

#include <algorithm>
#include <fmt/format.h>

namespace dcmflow {

namespace {

struct Difference {
    std::string got;
    std::string expected;
};

std::vector<std::string> sorted(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> destinations_of(const rules::Decision& decision) {
    std::vector<std::string> names;
    for (const auto& delivery : decision.deliveries)
        names.push_back(delivery.destination);
    return names;
}

std::string outcome_text(const rules::Decision& decision) {
    const auto names = destinations_of(decision);
    if (!names.empty())
        return "sent to " + join(std::span<const std::string>(names));
    if (!decision.matched_rules.empty())
        return "dropped";
    return decision.disposition == rules::Disposition::hold ? "held: no rule matched"
                                                            : "dropped: no rule matched";
}

std::optional<Difference> compare_destinations(const ConfigTest& test,
                                               const rules::Decision& decision) {
    if (test.unmatched) {
        const auto wanted =
            *test.unmatched == "hold" ? rules::Disposition::hold : rules::Disposition::drop;
        if (decision.matched_rules.empty() && decision.disposition == wanted)
            return std::nullopt;
        return Difference{outcome_text(decision),
                          fmt::format("no rule to match, and {}", *test.unmatched)};
    }
    if (sorted(destinations_of(decision)) == sorted(test.send))
        return std::nullopt;
    return Difference{outcome_text(decision),
                      test.send.empty()
                          ? "it to be sent nowhere"
                          : "it to be sent to " + join(std::span<const std::string>(test.send))};
}

// The priority of a test is that of its most urgent delivery.
std::optional<Difference> compare_priority(const ConfigTest& test,
                                           const rules::Decision& decision) {
    if (!test.priority || decision.deliveries.empty())
        return std::nullopt;
    const auto urgent =
        std::min_element(decision.deliveries.begin(), decision.deliveries.end(),
                         [](const auto& a, const auto& b) { return a.priority < b.priority; });
    if (urgent->priority == *test.priority)
        return std::nullopt;
    return Difference{fmt::format("sent with priority {}", rules::to_string(urgent->priority)),
                      fmt::format("priority {}", rules::to_string(*test.priority))};
}

} // namespace

std::vector<ConfigError> run_config_tests(const Config& config) {
    std::vector<ConfigError> failures;
    const DicomDictionary dictionary;
    for (const auto& test : config.tests) {
        const auto attributes = rules::MapAttributes::make(test.given, dictionary);
        if (!attributes) { // load_config refuses such names: only for a Config made by hand
            failures.push_back(
                {config.file.string(), test.line, test.column,
                 fmt::format("test {}: {}", shown(test.name), attributes.error().error.what),
                 attributes.error().error.expected});
            continue;
        }
        const auto decision = config.rules->decide(*attributes);
        auto difference = compare_destinations(test, decision);
        if (!difference)
            difference = compare_priority(test, decision);
        if (!difference)
            continue;
        const auto matched =
            decision.matched_rules.empty()
                ? std::string{}
                : fmt::format(" by the rules: {}",
                              join(std::span<const std::string>(decision.matched_rules)));
        failures.push_back(
            {config.file.string(), test.line, test.column,
             fmt::format("test {} failed: {}{}", shown(test.name), difference->got, matched),
             difference->expected});
    }
    return failures;
}

} // namespace dcmflow
