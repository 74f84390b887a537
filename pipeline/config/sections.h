// The sections of the config file, one function each. Internal to pipeline/config.
//
// Each reads its part of the root map into the config and reports every mistake to the reader.
#pragma once

#include "pipeline/config/config.h"
#include "pipeline/config/reader.h"
#include "rules/tag_path.h"

#include <string>
#include <vector>

namespace dcmflow {

void read_node(Section& root, Reader& reader, Config& config);
void read_listen(Section& root, Reader& reader, Config& config);
void read_operate(Section& root, Reader& reader);

// The names of all destinations, those with mistakes in them included; what rules may refer to.
struct DestinationNames {
    bool present = false; // the file has the key at all; if not, that alone is reported
    std::vector<std::string> names;
    std::vector<std::string> used; // by a rule or by `unmatched`
    [[nodiscard]] bool has(std::string_view name) const;
};
[[nodiscard]] DestinationNames read_destinations(Section& root, Reader& reader, Config& config,
                                                 const rules::Dictionary& dictionary);

// rules, unmatched and tests; makes config.rules if there was no mistake.
void read_rules(Section& root, Reader& reader, Config& config, const rules::Dictionary& dictionary,
                DestinationNames& destinations);
void read_tests(Section& root, Reader& reader, Config& config, const rules::Dictionary& dictionary,
                const DestinationNames& destinations);

// A name in a list or a value that must be a destination; reports if it is none.
[[nodiscard]] bool check_destination(Reader& reader, const YamlNode& node, const std::string& name,
                                     const DestinationNames& destinations,
                                     std::string_view also = {});

// A layout's text between braces, with its place; reports unbalanced braces. For folder
// destinations.
void check_layout(Reader& reader, const YamlNode& node, const rules::Dictionary& dictionary);

} // namespace dcmflow
