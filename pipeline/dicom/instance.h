// Instance: the identity of one SOP instance and where its bytes are. Origin: how it came.
//
// Immutable values once made. UIDs here were checked: at most 64 of [0-9.] (PS3.5 9.1).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace dcmflow {

// XXH3-128 of the data set's bytes as they arrived (without preamble and file meta information).
struct Digest {
    std::array<std::uint8_t, 16> bytes{};
    friend bool operator==(const Digest&, const Digest&) = default;
    [[nodiscard]] std::string hex() const;
};

struct Instance {
    std::string sop_instance_uid;
    std::string sop_class_uid;
    std::string study_instance_uid;  // may be empty: some objects have none
    std::string series_instance_uid; // may be empty
    std::string patient_id;          // UTF-8, trimmed
    std::string accession_number;    // UTF-8, trimmed
    std::string modality;
    std::string transfer_syntax_uid; // of the bytes in `blob`
    std::uint64_t bytes = 0;         // of the data set
    Digest digest;
    std::string blob; // name in the BlobStore: a plain Part 10 file
};

struct Origin {
    std::string calling_aet; // trimmed; for STOW and folder receivers a word of their own
    std::string called_aet;
    std::string peer_ip;       // "10.0.0.7", "::1"; empty if local
    std::int64_t received = 0; // Unix time, ms
};

} // namespace dcmflow
