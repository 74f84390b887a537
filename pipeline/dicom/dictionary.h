// Dictionary look-ups for the scanner: the VR of a tag, in a few nanoseconds.
//
// An immutable table made once from DCMTK's data dictionary; any thread. Knows no private tags.
#pragma once

#include <cstdint>
#include <string_view>

namespace dcmflow {

// Two letters, never empty: "UN" for unknown and private tags, but "LO" for private creators and "UL" for
// group lengths. Where the standard leaves a choice: US of US or SS, OW of OB or OW and of US or OW.
[[nodiscard]] std::string_view dictionary_vr(std::uint16_t group, std::uint16_t element);

// False if DCMTK found no dictionary (its dicom.dic is missing or DCMDICTPATH leads nowhere): then Implicit VR
// data sets cannot be understood and the router must say so instead of running.
[[nodiscard]] bool dictionary_is_loaded();

} // namespace dcmflow
