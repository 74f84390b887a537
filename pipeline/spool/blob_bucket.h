// Bucket: one folder under objects/, and the sync that all who put a file there share.
//
// Part of FileBlobs. Any thread. A thread that renamed its file into the folder calls sync(); the
// first one there syncs for all whose rename was done before, the others wait. Once a sync has
// failed the folder is broken: everyone who still waits fails, and no new file is put there.
#pragma once

#include "pipeline/spool/file_blobs.h"

namespace dcmflow {

class FileBlobs::Bucket {
  public:
    Bucket(std::filesystem::path path, std::string name)
        : path_(std::move(path)), name_(std::move(name)) {}

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const std::string& name() const { return name_; }

    // Whether one more file may go here; counts it.
    [[nodiscard]] bool take_place(const FileBlobsOptions& options) {
        const std::lock_guard lock(mutex_);
        if (error_ != 0 || files_ >= options.bucket_files ||
            std::chrono::steady_clock::now() - made_ >= options.bucket_age)
            return false;
        ++files_;
        return true;
    }

    [[nodiscard]] int sync(Files& files) {
        std::unique_lock lock(mutex_);
        const auto mine = ++renamed_;
        while (synced_ < mine && error_ == 0) {
            if (syncing_) {
                changed_.wait(lock);
                continue;
            }
            syncing_ = true;
            const auto covers = renamed_;
            lock.unlock();
            const int result = files.fsync_folder(path_);
            lock.lock();
            syncing_ = false;
            if (result < 0)
                error_ = result;
            else
                synced_ = covers;
            changed_.notify_all();
        }
        return synced_ >= mine ? 0 : error_;
    }

  private:
    const std::filesystem::path path_;
    const std::string name_;
    const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();

    std::mutex mutex_; // guards all below
    std::condition_variable changed_;
    std::size_t files_ = 0;
    std::uint64_t renamed_ = 0; // generations: files that were renamed into the folder …
    std::uint64_t synced_ = 0;  // … and how many of them a completed sync covers
    bool syncing_ = false;
    int error_ = 0;
};

} // namespace dcmflow
