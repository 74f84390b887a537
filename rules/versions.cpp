#include "rules/versions.h"

namespace dcmflow::rules {

// RE2 tells no version at run time; this is the one we were built with.
std::vector<std::pair<std::string, std::string>> library_versions() { return {{"RE2", DCMFLOW_RE2_VERSION}}; }

} // namespace dcmflow::rules
