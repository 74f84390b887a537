// Part 10 files (PS3.10 7.1): preamble, file meta information, data set.
//
// Pure functions over bytes; any thread. The meta information we write names us as implementation
// and the AE titles of the transfer; the one in the spool also carries the origin and the digest as
// Private Information, so that a blob without a journal row can be adopted.
#pragma once

#include "pipeline/dicom/instance.h"
#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

struct FileMeta {
    std::string sop_class_uid;
    std::string sop_instance_uid;
    std::string transfer_syntax_uid;
    std::uint64_t dataset_offset = 0; // where the data set begins in the file
    std::optional<Origin> origin;     // of a spool blob
    std::optional<Digest> digest;     // of a spool blob that was completed
};

// Reads the file meta information, bounded; malformed if there is none that makes sense. Files
// without preamble are refused.
[[nodiscard]] Result<FileMeta> read_file_meta(std::span<const std::byte> file);

// 128 zero bytes, "DICM", group 0002. For folders and other people.
[[nodiscard]] std::vector<std::byte> make_file_meta(std::string_view sop_class_uid,
                                                    std::string_view sop_instance_uid,
                                                    std::string_view transfer_syntax_uid,
                                                    std::string_view source_aet);

// The same for the spool, with a place for the digest at digest_offset (32 hex digits).
struct SpoolHeader {
    std::vector<std::byte> bytes;
    std::uint64_t digest_offset = 0;
};
[[nodiscard]] SpoolHeader make_spool_header(std::string_view sop_class_uid,
                                            std::string_view sop_instance_uid,
                                            std::string_view transfer_syntax_uid,
                                            const Origin& origin);

// The preamble and file meta information that `file` begins with, for its data set in another transfer
// syntax: Media Storage UIDs, AE titles and Private Information stay; the group length is right and the
// implementation is ours. The private information of a spool blob goes: its digest would be wrong.
[[nodiscard]] Result<std::vector<std::byte>>
rewrite_file_meta(std::span<const std::byte> file, std::string_view transfer_syntax_uid);

// PS3.5 9.1: 1 to 64 characters of [0-9.]; we do not insist on component rules, archives do not
// either.
[[nodiscard]] bool is_valid_uid(std::string_view uid);

inline constexpr std::string_view implementation_class_uid = "1.2.826.0.1.3680043.10.1462.1";
inline constexpr std::string_view implementation_version_name = "DCMFLOW_0_1";

} // namespace dcmflow
