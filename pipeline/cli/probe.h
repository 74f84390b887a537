// Trying a destination, for `check --connect` and `echo`: what to ask for, and how to show the
// answer.
#pragma once

#include "pipeline/config/config.h"
#include "pipeline/deliver/destination.h"

#include <string>
#include <vector>

namespace dcmflow::cli {

// The usual storage classes in the syntaxes of the destination's ladder.
[[nodiscard]] std::vector<Need> probe_needs(const DestinationConfig& destination);

struct ProbeReport {
    std::string destination;
    std::vector<ProbeStep> steps;
    [[nodiscard]] bool ok() const; // there were steps, and all went well
};
// Connects now; blocks until the destination's own time-outs at most.
[[nodiscard]] ProbeReport probe(const DestinationConfig& destination);

[[nodiscard]] std::string probe_table(const std::vector<ProbeReport>& reports);
[[nodiscard]] std::string probe_json(const ProbeReport& report); // JSON Lines, one object per step

} // namespace dcmflow::cli
