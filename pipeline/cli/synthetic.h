// Synthetic studies: seeded DICOM objects for load generation, tests and the demo.
//
// Pure functions of (studies, seed, number): the same bytes on every machine; any thread. Objects
// are Explicit VR Little Endian, with the attributes that rules and archives look at, private ones
// and nested sequences included. UIDs are made under 2.25 from the seed. Nobody's data.
#pragma once

#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::cli {

enum class StudyKind : std::uint8_t {
    ct, // a series of 512×512 slices, 16 bits signed
    mr, // a series of 256×256 slices, 12 bits
    us, // cines of 20 frames, 480×640 RGB
    cr, // projections, 10 bits
    sr, // structured reports, no pixels
};
[[nodiscard]] std::string_view to_string(StudyKind kind); // "ct"

// One study of `count` objects.
struct StudySpec {
    StudyKind kind = StudyKind::ct;
    std::uint32_t count = 0;
};
// "ct:200,mr:100"; invalid_argument says what was expected.
[[nodiscard]] Result<std::vector<StudySpec>> parse_studies(std::string_view text);

struct SyntheticObject {
    std::string path; // relative, for a file: "ct/00001.dcm"
    std::string sop_class_uid;
    std::string sop_instance_uid;
    std::string transfer_syntax_uid;
    std::vector<std::byte> data_set;
};

class SyntheticStudies {
  public:
    SyntheticStudies(std::vector<StudySpec> studies, std::uint64_t seed);
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::uint64_t bytes() const;                    // about, of all objects
    [[nodiscard]] SyntheticObject make(std::size_t number) const; // 0 … size() - 1

  private:
    std::vector<StudySpec> studies_;
    std::uint64_t seed_;
    std::size_t size_ = 0;
};

} // namespace dcmflow::cli
