#include "pipeline/spool/versions.h"

#include <sqlite3.h>
#include <xxhash.h>

namespace dcmflow {

std::vector<std::pair<std::string, std::string>> spool_library_versions() {
    const auto xxhash = XXH_versionNumber(); // 801 for 0.8.1
    return {{"SQLite", sqlite3_libversion()},
            {"xxHash", std::to_string(xxhash / 10'000) + "." + std::to_string(xxhash / 100 % 100) +
                           "." + std::to_string(xxhash % 100)}};
}

} // namespace dcmflow
