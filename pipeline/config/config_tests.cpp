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

std::string sent_to(const rules::Decision& decision) {
    switch (decision.disposition) {
    case rules::Disposition::hold:
        return "held, no rule matched";
    case rules::Disposition::drop:
        return "dropped, no rule matched";
    case rules::Disposition::deliver:
        break;
    }
    std::vector<std::string> names;
    for (const auto& delivery : decision.deliveries)
        names.push_back(delivery.destination);
    return names.empty() ? "sent nowhere" : "sent to " + join(std::span<const std::string>(names));
}

std::optional<Difference> compare_destinations(const ConfigTest& test,
                                               const rules::Decision& decision) {
    if (test.unmatched) {
        const bool same =
            decision.disposition ==
            (*test.unmatched == "hold" ? rules::Disposition::hold : rules::Disposition::drop);
        if (same)
            return std::nullopt;
        return Difference{sent_to(decision),
                          *test.unmatched == "hold" ? "it to be held" : "it to be dropped"};
    }
    std::vector<std::string> names;
    for (const auto& delivery : decision.deliveries)
        names.push_back(delivery.destination);
    if (sorted(names) == sorted(test.send))
        return std::nullopt;
    return Difference{sent_to(decision),
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
        const rules::MapAttributes attributes(test.given, dictionary);
        const auto decision = config.rules->decide(attributes);
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
