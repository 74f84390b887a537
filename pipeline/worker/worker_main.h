// The codec worker: a process that decodes what came from outside, so that a decoder's death is its
// own.
//
// `dcmflow codec-worker`, started by CodecWorkers and by nobody else. One thread. It reads requests
// until its socket ends. It holds no file, no network and no patient's data but the frame at hand.
#pragma once

#include "codecs/registry.h"

namespace dcmflow {

// Whether this process was started as a codec worker: main asks before anything else.
[[nodiscard]] bool is_codec_worker(int argc, const char* const* argv);

// The exit code. `registry` has the decoders.
[[nodiscard]] int run_codec_worker(const codecs::Registry& registry);

} // namespace dcmflow
