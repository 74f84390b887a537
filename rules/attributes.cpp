#include "rules/attributes.h"

namespace dcmflow::rules {

std::string_view to_string(ContextKey key) {
    switch (key) {
    case ContextKey::calling_aet:
        return "calling_aet";
    case ContextKey::called_aet:
        return "called_aet";
    case ContextKey::peer_ip:
        return "peer_ip";
    case ContextKey::transfer_syntax:
        return "transfer_syntax";
    }
    return {};
}

std::optional<ContextKey> context_key_from(std::string_view name) {
    for (const auto key : context_keys)
        if (name == to_string(key))
            return key;
    return std::nullopt;
}

} // namespace dcmflow::rules
