#include "rules/decision.h"

namespace dcmflow::rules {

std::string_view to_string(Priority priority) {
    switch (priority) {
    case Priority::stat:
        return "stat";
    case Priority::normal:
        return "normal";
    case Priority::bulk:
        return "bulk";
    }
    return "normal";
}

std::optional<Priority> priority_from(std::string_view text) {
    for (const auto priority : {Priority::stat, Priority::normal, Priority::bulk})
        if (text == to_string(priority))
            return priority;
    return std::nullopt;
}

} // namespace dcmflow::rules
