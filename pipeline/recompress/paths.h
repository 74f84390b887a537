// Route: where a run reads and where it writes, checked before anything is written.
//
// A value; one thread. Refused: a destination inside the source or equal to it, and a source inside
// the destination, through whatever links and mounts they are named.
#pragma once

#include "pipeline/result.h"

#include <filesystem>

namespace dcmflow::recompress {

struct Route {
    bool is_tree = false;
    std::filesystem::path source;      // the folder, or the one file
    std::filesystem::path destination; // the folder that results go to
    std::filesystem::path name;        // of the one file there
};

// invalid_argument: the user asked for what cannot be; not_found: no such source.
[[nodiscard]] Result<Route> plan_route(const std::filesystem::path& source,
                                       const std::filesystem::path& destination);

// Whether a report may be written there: not over the source or in it, nor where a result goes.
[[nodiscard]] Status check_report(const Route& route, const std::filesystem::path& report);

// Whether `path`, which need not exist, is `folder` or would be somewhere in it.
[[nodiscard]] bool lies_within(const std::filesystem::path& path,
                               const std::filesystem::path& folder);

} // namespace dcmflow::recompress
