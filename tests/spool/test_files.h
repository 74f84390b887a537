// Files for tests: one that fails at the Nth call, one that can lose the power.
#pragma once

#include "pipeline/spool/files.h"

#include <atomic>
#include <map>
#include <mutex>

namespace dcmflow::spool_test {

// Passes all calls on; the derived ones change some.
class PassingFiles : public Files {
  public:
    int create(const Path& path) override { return real_->create(path); }
    int open_read(const Path& path) override { return real_->open_read(path); }
    std::int64_t write(int fd, std::span<const std::byte> bytes) override {
        return real_->write(fd, bytes);
    }
    std::int64_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        return real_->pwrite(fd, bytes, offset);
    }
    void begin_writeback(int fd, std::uint64_t offset, std::uint64_t length) override {
        real_->begin_writeback(fd, offset, length);
    }
    int fdatasync(int fd) override { return real_->fdatasync(fd); }
    int close(int fd) override { return real_->close(fd); }
    std::int64_t size(int fd) override { return real_->size(fd); }
    std::int64_t size(const Path& path) override { return real_->size(path); }
    int map(int fd, std::size_t length, Prefault prefault, const std::byte** address) override {
        return real_->map(fd, length, prefault, address);
    }
    void unmap(const std::byte* address, std::size_t length) override {
        real_->unmap(address, length);
    }
    int rename(const Path& from, const Path& to, bool replace) override {
        return real_->rename(from, to, replace);
    }
    int unlink(const Path& path) override { return real_->unlink(path); }
    int make_folder(const Path& path) override { return real_->make_folder(path); }
    int remove_folder(const Path& path) override { return real_->remove_folder(path); }
    int fsync_folder(const Path& path) override { return real_->fsync_folder(path); }
    int list(const Path& path, std::vector<Entry>& entries) override {
        return real_->list(path, entries);
    }
    int space(const Path& path, Space& space) override { return real_->space(path, space); }

  protected:
    std::shared_ptr<Files> real_ = real_files();
};

// The nth call that can fail fails; if persistent, all later ones too. A failing write writes half
// before.
class FailingFiles final : public PassingFiles {
  public:
    void fail(int nth, int error, bool persistent) {
        error_ = error;
        persistent_ = persistent;
        struck_ = false;
        countdown_ = nth;
    }
    void heal() { countdown_ = 0; }
    bool struck() const { return struck_; }
    int folder_syncs() const { return folder_syncs_; }

    int create(const Path& path) override { return strikes() ? -error_ : real_->create(path); }
    std::int64_t write(int fd, std::span<const std::byte> bytes) override {
        if (!strikes())
            return real_->write(fd, bytes);
        (void)!real_->write(fd, bytes.first(bytes.size() / 2));
        return -error_;
    }
    std::int64_t pwrite(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        return strikes() ? -error_ : real_->pwrite(fd, bytes, offset);
    }
    int fdatasync(int fd) override { return strikes() ? -error_ : real_->fdatasync(fd); }
    int close(int fd) override {
        const int result = real_->close(fd);
        return strikes() ? -error_ : result;
    }
    int map(int fd, std::size_t length, Prefault prefault, const std::byte** address) override {
        return strikes() ? -error_ : real_->map(fd, length, prefault, address);
    }
    int rename(const Path& from, const Path& to, bool replace) override {
        return strikes() ? -error_ : real_->rename(from, to, replace);
    }
    int unlink(const Path& path) override { return strikes() ? -error_ : real_->unlink(path); }
    int make_folder(const Path& path) override {
        return strikes() ? -error_ : real_->make_folder(path);
    }
    int fsync_folder(const Path& path) override {
        ++folder_syncs_;
        return strikes() ? -error_ : real_->fsync_folder(path);
    }

  private:
    bool strikes() {
        const int left = countdown_;
        if (left == 0)
            return false;
        if (left > 1 || !persistent_)
            countdown_ = left - 1;
        struck_ = struck_ || left == 1;
        return left == 1;
    }
    std::atomic<int> countdown_{0};
    std::atomic<int> error_{0};
    std::atomic<bool> persistent_{false};
    std::atomic<bool> struck_{false};
    std::atomic<int> folder_syncs_{0};
};

// Remembers what was synced, and can make the folder as a power cut might leave it.
class ForgetfulFiles final : public PassingFiles {
  public:
    enum class Cut {
        nothing_unsynced,   // no name and no byte that was not synced
        names_without_data, // all names, but of the data only what was synced
        torn,               // all names, and half of the data that was not synced
    };
    explicit ForgetfulFiles(Path root) : root_(std::move(root)) { note_names(root_); }

    int create(const Path& path) override;
    int fdatasync(int fd) override;
    int fsync_folder(const Path& path) override;
    int rename(const Path& from, const Path& to, bool replace) override;
    int unlink(const Path& path) override;

    // Writes to `after` what survives of the root now.
    void cut_power(Cut cut, const Path& after);

  private:
    using Inode = std::uint64_t;
    void note_names(const Path& folder);
    void restore(Cut cut, const Path& from, const Path& to);

    const Path root_;
    std::mutex mutex_;
    std::map<Path, std::map<std::string, Inode>> names_; // of each folder, when it was synced last
    std::map<Inode, std::string> data_;                  // of each file, when it was synced last
    std::map<Inode, int> pins_; // keeps inodes of removed files from being used again
};

} // namespace dcmflow::spool_test
