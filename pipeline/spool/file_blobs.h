// FileBlobs: the BlobStore of plain files.
//
//   objects/<bucket>/<name>.dcm   durable; a bucket is a folder per stretch of time, so that
//   objects that
//                                 arrive together share one folder sync
//   derived/<name>                the cache; wiped at open
//   tmp/                          unfinished files; wiped at open
//   quarantine/<name>.dcm, .txt   what could not be adopted, and why
//
// Object names are "<bucket>/<name>.dcm", derived names have no slash. Any thread. Outlives its
// writers. A file appears under objects/ only after its data was synced; commit() returns only
// after the folder was. A failed sync is never repeated (Linux forgets the failed pages and the
// second call would succeed): the file is removed and the error reported; a folder whose sync
// failed takes no more files.
#pragma once

#include "pipeline/spool/blob_store.h"
#include "pipeline/spool/files.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace dcmflow {

struct FileBlobsOptions {
    std::size_t bucket_files = 4096; // then a new bucket begins
    std::chrono::minutes bucket_age{60};
    std::uint64_t writeback_step = 1 << 20; // write-back begins every so many bytes
};

class FileBlobs final : public BlobStore {
  public:
    [[nodiscard]] static Result<std::unique_ptr<FileBlobs>>
    open_folder(const std::filesystem::path& folder, std::shared_ptr<Files> files = real_files(),
                const FileBlobsOptions& options = {});
    ~FileBlobs() override;

    [[nodiscard]] Result<std::unique_ptr<BlobWriter>> create() override;
    [[nodiscard]] Result<std::unique_ptr<BlobWriter>>
    create_derived(std::string_view name) override;
    [[nodiscard]] Result<std::unique_ptr<BlobView>> open(std::string_view name) const override;
    [[nodiscard]] bool exists(std::string_view name) const override;
    [[nodiscard]] std::filesystem::path path(std::string_view name) const override;
    [[nodiscard]] Status remove(std::string_view name) override;
    [[nodiscard]] Status quarantine(std::string_view name, std::string_view why) override;
    [[nodiscard]] Result<std::vector<std::string>> list() const override;
    void remove_derived(std::string_view prefix) override;
    [[nodiscard]] BlobUsage usage() const override;

    // 26 characters, sortable by time of making: 48 bits of milliseconds, 80 random bits.
    [[nodiscard]] static std::string make_name();

  private:
    class Bucket;
    class Writer;

    FileBlobs(std::filesystem::path folder, std::shared_ptr<Files> files,
              const FileBlobsOptions& options);
    [[nodiscard]] Status prepare();
    [[nodiscard]] Status wipe(const std::filesystem::path& folder);
    [[nodiscard]] Status count_objects();
    [[nodiscard]] Result<std::unique_ptr<BlobWriter>> create_file(std::string derived_name);
    [[nodiscard]] Result<std::shared_ptr<Bucket>> bucket();
    [[nodiscard]] Result<std::shared_ptr<Bucket>> new_bucket();
    [[nodiscard]] bool bucket_in_use(const std::string& name);
    void note_derived(const std::string& name, std::uint64_t bytes);

    const std::filesystem::path folder_;
    const std::shared_ptr<Files> files_;
    const FileBlobsOptions options_;
    std::atomic<std::int64_t> bytes_{0};

    std::mutex bucket_mutex_; // guards the two below
    std::shared_ptr<Bucket> current_;
    std::map<std::string, std::weak_ptr<Bucket>>
        live_; // commits may still be on their way into them

    mutable std::mutex derived_mutex_;                          // guards the one below
    std::map<std::string, std::uint64_t, std::less<>> derived_; // name → bytes
};

} // namespace dcmflow
