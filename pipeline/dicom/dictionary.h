// Dictionary look-ups: the VR of a tag for the scanner, in a few nanoseconds, and keywords for the
// rules.
//
// Immutable tables made once from DCMTK's data dictionary; any thread. Knows no private tags.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dcmflow {

// Two letters, never empty: "UN" for unknown and private tags, but "LO" for private creators and
// "UL" for group lengths. Where the standard leaves a choice: US of US or SS, OW of OB or OW and of
// US or OW.
[[nodiscard]] std::string_view dictionary_vr(std::uint16_t group, std::uint16_t element);

// Whether the standard says "US or SS": signed where Pixel Representation (0028,0103) is 1.
[[nodiscard]] bool dictionary_vr_follows_sign(std::uint16_t group, std::uint16_t element);

struct Keyword {
    std::string name; // without DCMTK's "RETIRED_"
    std::uint16_t group = 0;
    std::uint16_t element = 0; // of repeating groups the first
    bool retired = false;
};
// Sorted by name, current ones before retired namesakes; command and file meta groups included.
[[nodiscard]] std::span<const Keyword> dictionary_keywords();

// False if DCMTK found no dictionary (its dicom.dic is missing or DCMDICTPATH leads nowhere): then
// Implicit VR data sets cannot be understood and the router must say so instead of running.
[[nodiscard]] bool dictionary_is_loaded();

} // namespace dcmflow
