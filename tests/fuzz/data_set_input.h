// How the inputs of the data set targets begin: indices into these lists, one byte each. Lists only
// grow at their end, or kept inputs would change their meaning. make_seeds.py knows their order.
#pragma once

#include "codecs/transfer_syntax.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace dcmflow::fuzz {

// data_set: one byte.
inline constexpr std::array native_syntaxes{codecs::uid::explicit_le, codecs::uid::implicit_le,
                                            codecs::uid::explicit_be, codecs::uid::deflated};
// transcode: source, then target.
inline constexpr std::array<std::string_view, 16> all_syntaxes{codecs::uid::explicit_le,
                                                               codecs::uid::implicit_le,
                                                               codecs::uid::explicit_be,
                                                               codecs::uid::deflated,
                                                               codecs::uid::jpeg_ls,
                                                               codecs::uid::jpeg2000,
                                                               codecs::uid::rle,
                                                               codecs::uid::htj2k,
                                                               codecs::uid::htj2k_rpcl,
                                                               codecs::uid::deflated_frame,
                                                               codecs::uid::jpeg_lossless,
                                                               codecs::uid::jpeg_baseline,
                                                               codecs::uid::jpeg_extended,
                                                               codecs::uid::jpeg_ls_near,
                                                               codecs::uid::jpeg2000_lossy,
                                                               codecs::uid::jpeg_lossless_57};

// Less than the router's ceiling: a fuzzer would spend its time on zeros.
inline constexpr std::uint64_t largest_inflated = 1U << 20;

} // namespace dcmflow::fuzz
