// Files named on the command line: folders walked, contents mapped read-only. One thread.
#pragma once

#include "pipeline/result.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>

namespace dcmflow::cli {

// Calls `on_file` for `path`, or for every regular file below it, in the order of their names;
// `on_error` for what can't be read. Links to folders are not followed (they could be a ring).
// Stops if a call returns false.
using OnFile = std::function<bool(const std::filesystem::path&)>;
using OnFileError = std::function<bool(const std::filesystem::path&, const Error&)>;
bool walk_files(const std::filesystem::path& path, const OnFile& on_file,
                const OnFileError& on_error);

// The bytes of a file, as long as it lives. Only what is touched is read. A file that is cut short
// by others meanwhile ends the process (SIGBUS): for commands, never for the router.
class MappedFile {
  public:
    [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  private:
    explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
    std::span<const std::byte> bytes_; // empty: nothing is mapped
};

} // namespace dcmflow::cli
