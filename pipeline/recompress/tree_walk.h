// TreeWalk: everything below a folder, one entry at a time, each folder before what is in it.
//
// One thread. Iterative; it holds one chunk of names per level of depth, however many files there
// are. Within a folder files come before folders, in the order of their names (chunk by chunk where
// a folder has more entries than that). Symbolic links are reported, never followed: it cannot
// leave the root or go in rings. Left out, but counted: temporary files of ours (a killed run's).
// The destination, should the walk come upon it through some mount, is an error and not entered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
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
    void never_enter(dev_t device, ino_t inode) { forbidden_ = {device, inode}; }
    [[nodiscard]] std::optional<TreeEntry> next();
    // Nothing of the folder that next() has just given.
    void skip_folder() { levels_.pop_back(); }
    [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

  private:
    struct Level {
        std::filesystem::path path;
        std::filesystem::directory_iterator rest;
        std::vector<TreeEntry> files;   // the next one last
        std::vector<TreeEntry> folders; // the next one last
    };
    [[nodiscard]] std::optional<TreeEntry> enter(TreeEntry folder);
    [[nodiscard]] std::optional<TreeEntry> read_chunk(Level& level);

    std::filesystem::path root_;
    std::size_t chunk_;
    std::vector<Level> levels_;
    std::optional<std::pair<dev_t, ino_t>> forbidden_;
    std::uint64_t left_out_ = 0;
    bool started_ = false;
};

} // namespace dcmflow::recompress
