// Values of one element as the rules want them: UTF-8 texts, numbers in decimal.
//
// Pure functions; any thread.
#pragma once

#include "pipeline/dicom/charset.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

// Text: decoded by `charset` where the VR is subject to it, split at backslashes where the VR has
// several values, padding trimmed. US UL UV SS SL SV decimal, FL FD in the shortest form that reads
// back the same, AT as
// "(0008,0018)". UN: its text if it looks like one. Other binary VRs: none.
[[nodiscard]] std::vector<std::string> decode_values(std::string_view vr,
                                                     std::span<const std::byte> bytes,
                                                     bool big_endian, const Charset& charset);

} // namespace dcmflow
