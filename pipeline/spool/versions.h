// The versions of the libraries that this room uses. Pure; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace dcmflow {

[[nodiscard]] std::vector<std::pair<std::string, std::string>>
spool_library_versions(); // name, version

} // namespace dcmflow
