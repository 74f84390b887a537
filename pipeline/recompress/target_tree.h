// TargetTree: the folder that results go to, and TargetFolder, one open folder in it.
//
// The tree belongs to the run's feeder; TargetFolders are shared by the jobs of their files, any
// thread. A folder is synced once, when the last of its jobs is done with it: problems() has those
// that could not be. No folder below the root is reached through a symbolic link.
#pragma once

#include "pipeline/deliver/durable_file.h"
#include "pipeline/result.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
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
    // The folder at `path` below the root; the same one as long as the same is asked for.
    [[nodiscard]] Result<std::shared_ptr<TargetFolder>> folder(const std::filesystem::path& path);
    // Once every folder was let go.
    [[nodiscard]] std::vector<std::string> problems();

  private:
    TargetTree(std::filesystem::path root, deliver::Descriptor folder);
    std::filesystem::path root_;
    deliver::Descriptor folder_;
    std::shared_ptr<TargetFolder::Problems> problems_ = std::make_shared<TargetFolder::Problems>();
    std::filesystem::path last_path_;
    Result<std::shared_ptr<TargetFolder>> last_;
};

} // namespace dcmflow::recompress
