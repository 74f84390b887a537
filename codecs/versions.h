// The versions of the libraries that this room uses, as they are loaded now. Pure; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace dcmflow::codecs {

[[nodiscard]] std::vector<std::pair<std::string, std::string>> library_versions(); // name, version

} // namespace dcmflow::codecs
