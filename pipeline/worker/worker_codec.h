// worker_codecs: a Registry whose codecs decode in codec workers and do everything else as the own
// ones do.
//
// For streams that came from outside. `own` and `workers` outlive it; const, any thread, as its
// parts are.
#pragma once

#include "codecs/registry.h"
#include "pipeline/worker/codec_workers.h"

namespace dcmflow {

[[nodiscard]] codecs::Registry worker_codecs(const codecs::Registry& own, CodecWorkers& workers);

} // namespace dcmflow
