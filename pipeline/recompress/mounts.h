// Where a folder lies in its file system, whatever the mount it was reached through.
//
// A function; any thread. Reads /proc/self/mountinfo; without it, or where a path is in no mount
// that is told there, nullopt: then nothing is known.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace dcmflow::recompress {

struct FileSystemPlace {
    std::string device; // "major:minor" as mountinfo has it
    std::filesystem::path path;
};

// `path` must be canonical.
[[nodiscard]] std::optional<FileSystemPlace> place_of(const std::filesystem::path& path);

} // namespace dcmflow::recompress
