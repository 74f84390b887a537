// Attributes: what rules may ask of an object: two questions. Knows no DCMTK, no pixels.
//
// Implementations are read-only and may be asked from one thread at a time.
#pragma once

#include "rules/tag_path.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::rules {

struct AttributeValues {
    std::string vr; // two letters, "UN" if unknown
    std::vector<std::string>
        values; // UTF-8, one per value (backslash split where the VR has it),
                // padding trimmed; numbers of binary VRs in decimal. May be empty.
};

// Facts about the transfer, not the object.
enum class ContextKey { calling_aet, called_aet, peer_ip, transfer_syntax };
inline constexpr std::array context_keys{ContextKey::calling_aet, ContextKey::called_aet,
                                         ContextKey::peer_ip, ContextKey::transfer_syntax};
[[nodiscard]] std::string_view to_string(ContextKey key);
[[nodiscard]] std::optional<ContextKey> context_key_from(std::string_view name);

class Attributes {
  public:
    virtual ~Attributes() = default;
    // All values at the path, over all items where it says [*]; nullopt if the tag is nowhere
    // there. A sequence itself (exists RequestAttributesSequence) is present with no values.
    [[nodiscard]] virtual std::optional<AttributeValues> find(const TagPath& path) const = 0;
    // transfer_syntax as its UID, peer_ip as an address without port; empty if there is no such
    // fact (a file from a folder has no calling_aet).
    [[nodiscard]] virtual std::string context(ContextKey key) const = 0;
};

} // namespace dcmflow::rules
