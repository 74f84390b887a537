// TagPath: where an attribute sits in an object: a tag, or a path through sequences.
//
// A value. Written as `Modality`, `(0008,103E)`, `(0029,"SIEMENS CSA HEADER",10)`,
// `RequestAttributesSequence[*].ScheduledProcedureStepID`, `OtherSequence[0].(0010,0020)`.
#pragma once

#include "rules/parse_error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow::rules {

struct PathStep {
    std::uint16_t group = 0;
    std::uint16_t element = 0;         // low byte only when private_creator is set
    std::string private_creator;       // empty: a plain tag
    std::optional<std::uint32_t> item; // sequence item, 0-based; nullopt on a non-last step: [*]
    std::string vr;                    // from the dictionary, empty if unknown
};

struct TagPath {
    std::vector<PathStep> steps; // never empty; all but the last step are sequences
    std::string text;            // as the user wrote it, for explanations
};

// Keyword → tag and VR. The pipeline gives the DICOM dictionary, tests a map. Any thread.
struct DictionaryEntry {
    std::uint16_t group = 0;
    std::uint16_t element = 0;
    std::string vr; // two letters
};
class Dictionary {
  public:
    virtual ~Dictionary() = default;
    [[nodiscard]] virtual std::optional<DictionaryEntry>
    by_keyword(std::string_view keyword) const = 0;
    [[nodiscard]] virtual std::optional<DictionaryEntry> by_tag(std::uint16_t group,
                                                                std::uint16_t element) const = 0;
    // The keyword that a mistyped one most likely meant (NearestWord helps), for error messages.
    [[nodiscard]] virtual std::optional<std::string> suggest(std::string_view /*keyword*/) const {
        return std::nullopt;
    }
    // The UID of a name that a rule may write instead: `jpeg-ls`, `CTImageStorage`.
    [[nodiscard]] virtual std::optional<std::string> uid_by_name(std::string_view /*name*/) const {
        return std::nullopt;
    }
};

// One path and nothing else; offsets of an error count into `text`.
[[nodiscard]] tl::expected<TagPath, ParseError> parse_tag_path(std::string_view text,
                                                               const Dictionary& dictionary);

// The same for every spelling of a path: "0008,0060", "0029,SIEMENS CSA HEADER,10",
// "0040,0275[*].0040,0009".
[[nodiscard]] std::string canonical(const TagPath& path);

} // namespace dcmflow::rules
