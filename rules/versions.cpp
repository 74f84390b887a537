#include "rules/versions.h"

namespace dcmflow::rules {

// RE2 tells no version at run time; this is that of the library file we were linked with.
std::vector<std::pair<std::string, std::string>> library_versions() {
    return {{"RE2", "ABI " DCMFLOW_RE2_VERSION}};
}

} // namespace dcmflow::rules
