// deflate_data_set: the bytes of a data set as the Deflated syntax wants them (PS3.5 A.5): raw RFC
// 1951, even length.
//
// Pure but for the sink; any thread. The way back is inflate_dataset (dataset.h).
#pragma once

#include "pipeline/dicom/transcode_sink.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dcmflow {

// How many bytes went to the sink; nullopt if it refused. Throws std::bad_alloc.
[[nodiscard]] std::optional<std::uint64_t> deflate_data_set(std::span<const std::byte> bytes,
                                                            ByteSink& sink);

} // namespace dcmflow
