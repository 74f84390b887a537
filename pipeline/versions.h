// The version of dcmflow and those of the libraries it runs on, all rooms together. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dcmflow {

[[nodiscard]] std::string_view dcmflow_version();                                  // "0.1.0"
[[nodiscard]] std::vector<std::pair<std::string, std::string>> library_versions(); // name, version

} // namespace dcmflow
