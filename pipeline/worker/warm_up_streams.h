// Streams for the warm-up of codecs that only decode: one frame of 8 by 8 or 16 by 16 for each
// library behind them, made by ourselves with CharLS, libjpeg-turbo, DCMTK, OpenJPEG, OpenJPH, zlib
// and the tests' encoder of lossless JPEG. Constants; any thread.
#pragma once

#include "codecs/frame.h"

#include <span>
#include <string_view>

namespace dcmflow::worker {

struct WarmUpStream {
    std::string_view uid; // transfer syntax
    codecs::PixelFormat format;
    std::string_view hex;
    [[nodiscard]] codecs::FrameBuffer bytes() const;
};

[[nodiscard]] std::span<const WarmUpStream> warm_up_streams();

} // namespace dcmflow::worker
