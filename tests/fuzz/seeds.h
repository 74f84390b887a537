// Small inputs that each target understands, made by our own writers and codecs: where the replayer
// begins its mutations, and what the fuzzer begins with besides the corpus.
//
// Pure functions: the same bytes each time.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace dcmflow::fuzz {

using Seed = std::vector<std::byte>;

// Decoder targets are named "decoder_" and the syntax's config name with _ for -. Empty if nothing
// we have can make one.
[[nodiscard]] std::vector<Seed> seeds_for(std::string_view target);

} // namespace dcmflow::fuzz
