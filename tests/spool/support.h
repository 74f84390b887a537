// What the spool's tests share: folders that go away, a clock by hand, requests and blobs.
#pragma once

#include "pipeline/spool/spool.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dcmflow::spool_test {

class TempFolder {
  public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

// Unix ms; begins at a date that is not 0.
struct ManualClock {
    std::atomic<std::int64_t> now{1'700'000'000'000};
};

inline const std::string ct_class = "1.2.840.10008.5.1.4.1.1.2";
inline const std::string explicit_le = "1.2.840.10008.1.2.1";
inline const std::string jpeg_ls = "1.2.840.10008.1.2.4.80";

rules::Decision deliver_to(const std::vector<std::string>& destinations,
                           rules::Priority priority = rules::Priority::normal);
// A request whose blob exists in name only; `content` makes the digest.
AcceptRequest request_for(const std::string& sop_uid, const rules::Decision& decision,
                          int content = 0);

// `size` bytes that depend on `seed`.
std::vector<std::byte> some_bytes(std::size_t size, unsigned seed);

// The bytes of a blob as the receiver makes it, and the request that goes with it but for the
// blob's name.
struct BlobRequest {
    AcceptRequest request;
    std::vector<std::byte> file;
};
BlobRequest blob_request(const std::string& sop_uid, const rules::Decision& decision,
                         const std::vector<std::byte>& data_set);
// Writes a Part 10 blob as the receiver does, and the request that goes with it.
AcceptRequest store_blob(Spool& spool, const std::string& sop_uid, const rules::Decision& decision,
                         const std::vector<std::byte>& data_set);
// The adopting callback: as the intake does it, in short.
Adopt adopt_to(const rules::Decision& decision);

// Overwrites one byte of a file.
void flip_byte(const std::filesystem::path& file, std::uint64_t offset);
std::size_t files_in(const std::filesystem::path& folder); // recursively

} // namespace dcmflow::spool_test
