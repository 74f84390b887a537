// SyntaxLadder: the steps of a destination's ladder that make sense for one object, best first.
//
// Any thread, one trial each. Shared by the flow (what to make) and `explain` (what would be made).
#pragma once

#include "pipeline/acceptance.h"
#include "pipeline/dicom/size_trial.h"

#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

struct SyntaxLadder {
    std::vector<std::string> steps; // transfer syntax UIDs; the last is the source's own, which always works
    std::string reason;             // why the first wanted step is not among them; empty if it is
    // Steps that `auto` put before the object as it is: worth sending only if they are smaller than it.
    std::vector<std::string> if_smaller;
};

// `wanted`: config names. A step is left out if the destination is known to refuse it (`acceptance` may be null)
// or if this object can't be in it; `auto` becomes what the trial ranks. `trial` null: the object could not be read; only
// the original remains. Lossy pixels are decoded only for a destination that is known to refuse them as they are.
[[nodiscard]] SyntaxLadder make_ladder(const std::vector<std::string>& wanted, std::string_view destination,
                                       const Instance& instance, SizeTrial* trial, const AcceptanceBook* acceptance);

// What to ask a destination for on association, as UIDs in the order of its ladder: `auto` stands for all that it
// chooses from; `original` for nothing, since it depends on the object.
[[nodiscard]] std::vector<std::string_view> proposed_syntaxes(const std::vector<std::string>& wanted);

} // namespace dcmflow
