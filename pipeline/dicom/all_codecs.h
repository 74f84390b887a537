// The registry of the product: codecs::Registry and the codecs that need DCMTK.
//
// Called once in main's thread, or by a codec worker at its start; the result is const from then on
// and any thread may look up. Everyone who builds a registry uses this, so that all agree on what
// can be read.
#pragma once

#include "codecs/registry.h"

namespace dcmflow {

[[nodiscard]] codecs::Registry all_codecs();

} // namespace dcmflow
