// TargetTree: the folder that results go to, and TargetFolder, one open folder in it.
//
// The tree belongs to the run's feeder; TargetFolders are shared by the jobs of their files, any
// thread. A folder is synced once, when the last of its jobs is done with it: problems() has those
// that could not be. No folder below the root is reached through a symbolic link, and none is the
// source.
#pragma once

#include "pipeline/deliver/durable_file.h"
#include "pipeline/result.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace dcmflow::recompress {

class TargetFolder {
  public:
    struct Problems {
        std::mutex mutex;
        std::vector<std::string> texts;
    };
    TargetFolder(deliver::Descriptor folder, std::string path, std::shared_ptr<Problems> problems);
    ~TargetFolder();
    TargetFolder(const TargetFolder&) = delete;
    TargetFolder& operator=(const TargetFolder&) = delete;

    [[nodiscard]] int get() const { return folder_.get(); }
    void changed() { changed_ = true; } // a file was put in place

  private:
    deliver::Descriptor folder_;
    std::string path_;
    std::shared_ptr<Problems> problems_;
    std::atomic<bool> changed_{false};
};

class TargetTree {
  public:
    // Makes the folder, and those above it, if they are missing.
    [[nodiscard]] static Result<TargetTree> open(const std::filesystem::path& root);
    [[nodiscard]] int get() const { return folder_.get(); } // the root
    // Whether upper and lower case are one there: tried out with a file.
    [[nodiscard]] bool folds_case() const;
    void never_open(dev_t device, ino_t inode) { forbidden_ = {device, inode}; }
    // The folder at `path` below the root; the same one as long as the same is asked for.
    [[nodiscard]] Result<std::shared_ptr<TargetFolder>> folder(const std::filesystem::path& path);
    // Once every folder was let go.
    [[nodiscard]] std::vector<std::string> problems();

  private:
    TargetTree(std::filesystem::path root, deliver::Descriptor folder);
    [[nodiscard]] Result<deliver::Descriptor> open_below(const std::filesystem::path& path) const;

    std::filesystem::path root_;
    deliver::Descriptor folder_;
    std::optional<std::pair<dev_t, ino_t>> forbidden_;
    std::shared_ptr<TargetFolder::Problems> problems_ = std::make_shared<TargetFolder::Problems>();
    std::filesystem::path last_path_;
    Result<std::shared_ptr<TargetFolder>> last_;
};

} // namespace dcmflow::recompress
