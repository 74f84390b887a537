// A destination as the command line names it: by its name in the config, or "AET@host:port".
#pragma once

#include "pipeline/cli/cli.h"
#include "pipeline/config/config.h"

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow::cli {

// In the order of `targets`; the config is read once, and only if one of them is a name. On failure
// what is wrong went to stderr, and the exit code is the error. `calling_aet`: ours for
// "AET@host:port", and for named ones unless empty.
[[nodiscard]] tl::expected<std::vector<DestinationConfig>, int>
find_targets(const Shared& shared, const std::vector<std::string>& targets,
             const std::string& calling_aet);

} // namespace dcmflow::cli
