// SyntaxLadder: the steps of a destination's ladder that make sense for one object, best first.
//
// Pure; any thread. Shared by the flow (what to make) and `explain` (what would be made).
#pragma once

#include "pipeline/acceptance.h"
#include "pipeline/dicom/transcode.h"

#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

struct SyntaxLadder {
    std::vector<std::string> steps; // transfer syntax UIDs; the last is the source's own, which always works
    std::string reason;             // why the first wanted step is not among them; empty if it is
};

// `wanted`: config names. A step is left out if the destination is known to refuse it (`acceptance` may be null)
// or if this object can't be in it. `data_set` null: it could not be read; only the original remains.
[[nodiscard]] SyntaxLadder make_ladder(const std::vector<std::string>& wanted, std::string_view destination,
                                       const Instance& instance, const DataSet* data_set,
                                       const Transcoder& transcoder, const AcceptanceBook* acceptance);

} // namespace dcmflow
