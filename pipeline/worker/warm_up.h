// Warm-up: every codec decodes once, well and badly, before the worker is confined.
//
// Libraries set themselves up at first use (dispatch tables, logging, settings from files and the
// environment) with system calls that the filter does not allow. Called once by the worker's one
// thread.
#pragma once

#include "codecs/registry.h"

namespace dcmflow::worker {

void warm_up(const codecs::Registry& registry);

} // namespace dcmflow::worker
