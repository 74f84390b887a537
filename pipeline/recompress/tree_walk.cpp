#include "pipeline/recompress/tree_walk.h"

#include "pipeline/recompress/target_file.h"

#include <algorithm>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace dcmflow::recompress {

namespace fs = std::filesystem;
using Kind = TreeEntry::Kind;

namespace {

Kind kind_of(const fs::directory_entry& entry) {
    std::error_code error;
    switch (entry.symlink_status(error).type()) {
    case fs::file_type::regular:
        return Kind::file;
    case fs::file_type::directory:
        return Kind::folder;
    case fs::file_type::symlink:
        return Kind::link;
    case fs::file_type::none:
    case fs::file_type::not_found:
        return Kind::file; // opening it says why not
    default:
        return Kind::special;
    }
}

void sort_last_first(std::vector<TreeEntry>& entries) {
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.path.native() > b.path.native(); });
}

} // namespace

TreeWalk::TreeWalk(fs::path root, std::size_t chunk) : root_(std::move(root)), chunk_(chunk) {}

std::optional<TreeEntry> TreeWalk::next() {
    if (!std::exchange(started_, true))
        return enter({Kind::folder, {}, {}});
    while (!levels_.empty()) {
        Level& level = levels_.back();
        if (!level.files.empty()) {
            auto entry = std::move(level.files.back());
            level.files.pop_back();
            return entry;
        }
        if (!level.folders.empty()) {
            auto entry = std::move(level.folders.back());
            level.folders.pop_back();
            return enter(std::move(entry));
        }
        if (level.rest == fs::directory_iterator())
            levels_.pop_back();
        else if (auto problem = read_chunk(level))
            return problem;
    }
    return std::nullopt;
}

std::optional<TreeEntry> TreeWalk::enter(TreeEntry folder) {
    std::error_code error;
    const auto whole = folder.path.empty() ? root_ : root_ / folder.path;
    struct stat status {};
    if (forbidden_ && ::stat(whole.c_str(), &status) == 0 &&
        *forbidden_ == std::pair{status.st_dev, status.st_ino})
        return TreeEntry{Kind::error, std::move(folder.path), "it is the destination"};
    fs::directory_iterator rest(whole, error);
    if (error)
        return TreeEntry{Kind::error, std::move(folder.path), error.message()};
    levels_.push_back({folder.path, std::move(rest), {}, {}});
    return folder;
}

std::optional<TreeEntry> TreeWalk::read_chunk(Level& level) {
    std::error_code error;
    for (std::size_t n = 0; n < chunk_ && level.rest != fs::directory_iterator(); ++n) {
        const auto kind = kind_of(*level.rest);
        const auto name = level.rest->path().filename();
        if ((kind == Kind::file || kind == Kind::link) && is_temporary_name(name.native())) {
            ++left_out_;
        } else {
            auto& list = kind == Kind::folder ? level.folders : level.files;
            list.push_back({kind, level.path / name, {}});
        }
        level.rest.increment(error); // an error makes it the end
    }
    sort_last_first(level.files);
    sort_last_first(level.folders);
    if (error)
        return TreeEntry{Kind::error, level.path, error.message()};
    return std::nullopt;
}

} // namespace dcmflow::recompress
