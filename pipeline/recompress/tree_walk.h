// TreeWalk: everything below a folder, one entry at a time, each folder before what is in it.
//
// One thread. Iterative; it holds one chunk of names per level of depth, however many files there
// are. Within a folder files come before folders, in the order of their names (chunk by chunk where
// a folder has more entries than that). Symbolic links are reported, never followed: it cannot
// leave the root or go in rings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dcmflow::recompress {

struct TreeEntry {
    enum class Kind : std::uint8_t { file, folder, link, special, error };
    Kind kind = Kind::file;
    std::filesystem::path path; // below the root; empty: the root itself
    std::string error;          // of Kind::error: why the rest of this folder cannot be read
};

class TreeWalk {
  public:
    explicit TreeWalk(std::filesystem::path root, std::size_t chunk = 4096);
    [[nodiscard]] std::optional<TreeEntry> next();

  private:
    struct Level {
        std::filesystem::path path;
        std::filesystem::directory_iterator rest;
        std::vector<TreeEntry> files;   // the next one last
        std::vector<TreeEntry> folders; // the next one last
    };
    [[nodiscard]] std::optional<TreeEntry> enter(TreeEntry folder);
    [[nodiscard]] std::optional<TreeEntry> read_chunk(Level& level) const;

    std::filesystem::path root_;
    std::size_t chunk_;
    std::vector<Level> levels_;
    bool started_ = false;
};

} // namespace dcmflow::recompress
