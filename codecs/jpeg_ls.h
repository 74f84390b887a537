// JpegLsCodec, JpegLsNearCodec: JPEG-LS lossless (1.2.840.10008.1.2.4.80) and near-lossless (…81,
// decode only) over CharLS.
//
// Const, re-entrant, any thread; scratch memory is per thread. Never throws, and never lets CharLS
// see a stream whose header contradicts the data set's.
//
// Precision of what we write (codecs.md §4 rows 8, 12, 13; tests/codecs/peer_readers_test.cpp):
// * Bits Allocated 8: 8. Streams of 6 or 7 bits are valid but GDCM misreads them.
// * Bits Allocated 16, unsigned, Bits Stored 9 to 16: Bits Stored, the smallest result.
// * Bits Allocated 16, signed: 16. JPEG-LS knows no sign; at less than 16 the reader has to extend
//   it, which neither GDCM 3.0.21 nor DCMTK 3.6.7 does: negative values would become positive.
// * Bits Allocated 16, Bits Stored up to 8: 16. DCMTK rejects and GDCM garbles a precision of 8 or
//   less in 16-bit cells. At 16 the whole cell is coded, so every reader gets the same bytes.
// With EncodeOptions::whole_cells: Bits Allocated always, so that every bit of the cell survives.
// We read both: precision of Bits Stored, the sign extended, and of Bits Allocated, as it is.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class JpegLsCodec final : public Codec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg-ls"; }
    [[nodiscard]] bool can_encode(const PixelFormat& format) const override;
    [[nodiscard]] bool keeps_unused_bits(const EncodeOptions& options) const override {
        return options.whole_cells;
    }
    [[nodiscard]] CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                     FrameBuffer& out, AttributeChanges& changes) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

// NEAR of 0 as well as above: the syntax allows both. JpegLsCodec refuses what is not lossless.
class JpegLsNearCodec final : public DecodingCodec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg-ls-near"; }
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
