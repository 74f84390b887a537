// Decision: where one object goes. The pure result of rules × attributes; journalled when the
// object is accepted and never re-made by a crash or an edited rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::rules {

enum class Priority : std::uint8_t { stat = 0, normal = 1, bulk = 2 }; // smaller goes first
[[nodiscard]] std::string_view to_string(Priority priority);
[[nodiscard]] std::optional<Priority> priority_from(std::string_view text);

struct PlannedDelivery {
    std::string destination;
    Priority priority = Priority::normal; // the most urgent of the rules that named it
    friend bool operator==(const PlannedDelivery&, const PlannedDelivery&) = default;
};

enum class Disposition : std::uint8_t {
    deliver, // to the deliveries listed
    hold,    // no rule matched and `unmatched: hold`
    drop,    // no rule matched and `unmatched: drop`, or every rule that matched sends nowhere
};

struct Decision {
    Disposition disposition = Disposition::hold;
    std::vector<PlannedDelivery> deliveries; // in order of first mention, one per destination
    std::vector<std::string> matched_rules;  // names, in order
};

} // namespace dcmflow::rules
