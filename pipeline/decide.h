// decide_stored: what a rule set says of an object that is in the spool, for operators who ask again.
#pragma once

#include "pipeline/result.h"
#include "pipeline/spool/journal.h"
#include "rules/ruleset.h"

#include <cstddef>
#include <span>

namespace dcmflow {

// `file`: the whole Part 10 file of the row's blob. malformed if its header can't be read.
[[nodiscard]] Result<rules::Decision> decide_stored(const rules::Ruleset& rules, const InstanceRow& row,
                                                    std::span<const std::byte> file);

} // namespace dcmflow
