#include "pipeline/deliver/destination.h"

namespace dcmflow {

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
    case Outcome::delivered:
        return "delivered";
    case Outcome::retry_object:
        return "retry_object";
    case Outcome::retry_resources:
        return "retry_resources";
    case Outcome::retry_link:
        return "retry_link";
    case Outcome::unknown:
        return "unknown";
    case Outcome::refused_context:
        return "refused_context";
    case Outcome::refused:
        return "refused";
    case Outcome::failed:
        return "failed";
    }
    return "failed";
}

} // namespace dcmflow
