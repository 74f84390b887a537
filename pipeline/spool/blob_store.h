// BlobStore: durable bytes under names of our own making. Names never come from input.
//
// Owned by the Spool. Thread rules: the store from any thread, one BlobWriter by one thread at a time.
// It knows nothing of DICOM, queues or decisions. Two areas: `objects` (durable, what was accepted) and
// `derived` (a cache: never synced, wiped at start, re-made if missing).
#pragma once

#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

// One new blob being written. Destroyed before commit() it leaves nothing behind.
class BlobWriter {
  public:
    virtual ~BlobWriter() = default;
    [[nodiscard]] virtual Status write(std::span<const std::byte> bytes) = 0;
    // Overwrites bytes that were already written (a length or digest known only at the end).
    [[nodiscard]] virtual Status patch(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
    [[nodiscard]] virtual std::uint64_t size() const = 0;
    // Bytes written so far, readable before commit (for the scanner). Invalid after the next call.
    [[nodiscard]] virtual Result<std::span<const std::byte>> view() = 0;
    // Data synced, renamed into place, folder synced: survives a power cut. Returns the blob's name.
    [[nodiscard]] virtual Result<std::string> commit() = 0;
};

// A blob mapped for reading; the bytes stay valid as long as this lives, even if the blob is removed.
class BlobView {
  public:
    virtual ~BlobView() = default;
    [[nodiscard]] virtual std::span<const std::byte> bytes() const = 0;
};

struct BlobUsage {
    std::uint64_t bytes = 0;       // in objects, derived and unfinished ones
    std::uint64_t disk_free = 0;   // of the file system, for non-root
    std::uint64_t inodes_free = 0;
    std::uint64_t disk_total = 0;
};

class BlobStore {
  public:
    virtual ~BlobStore() = default;
    [[nodiscard]] virtual Result<std::unique_ptr<BlobWriter>> create() = 0;
    // A derived blob: commit() renames but syncs nothing. `name` must be made of [A-Za-z0-9._-].
    [[nodiscard]] virtual Result<std::unique_ptr<BlobWriter>> create_derived(std::string_view name) = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<BlobView>> open(std::string_view name) const = 0;
    [[nodiscard]] virtual bool exists(std::string_view name) const = 0;
    // Where a blob's file is, for sendfile-like use and for people. Only file stores have one.
    [[nodiscard]] virtual std::filesystem::path path(std::string_view name) const = 0;
    [[nodiscard]] virtual Status remove(std::string_view name) = 0; // ok if it is gone already
    // Moves an object out of the queue's reach, with a text file beside it that says why.
    [[nodiscard]] virtual Status quarantine(std::string_view name, std::string_view why) = 0;
    [[nodiscard]] virtual Result<std::vector<std::string>> list() const = 0; // objects only
    // Removes all derived blobs whose names begin with `prefix`; what could not be removed is left.
    virtual void remove_derived(std::string_view prefix) = 0;
    [[nodiscard]] virtual BlobUsage usage() const = 0;
};

} // namespace dcmflow
