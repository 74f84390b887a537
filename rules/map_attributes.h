// MapAttributes: an object made of a few named values: the `given` of a config's own tests, and of
// ours.
//
// Immutable; any thread. Holds copies; the dictionary is used in making it only.
#pragma once

#include "rules/attributes.h"
#include "rules/parse_error.h"

#include <map>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow::rules {

// A name in the map that is neither a context name nor a tag; `error` counts into `name`.
struct MapError {
    std::string name;
    ParseError error;
};

class MapAttributes final : public Attributes {
  public:
    // Names as rules write them: `Modality`, `(0008,103E)`,
    // `RequestAttributesSequence[*].AccessionNumber`, `calling_aet`. A backslash separates values
    // where the VR has several. An empty text is a present but empty tag, an absent name a missing
    // one. A sequence is present if a path through it is given;
    // `[*]` in a name answers for every item, `[0]` for that item and for `[*]` in a rule.
    [[nodiscard]] static tl::expected<MapAttributes, MapError>
    make(const std::map<std::string, std::string>& given, const Dictionary& dictionary);

    [[nodiscard]] std::optional<AttributeValues> find(const TagPath& path) const override;
    [[nodiscard]] std::string context(ContextKey key) const override;

  private:
    struct Entry {
        TagPath path;
        AttributeValues values;
    };
    MapAttributes() = default;

    std::vector<Entry> entries_;
    std::map<ContextKey, std::string> context_;
};

} // namespace dcmflow::rules
