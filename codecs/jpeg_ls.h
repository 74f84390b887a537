// JpegLsCodec: JPEG-LS lossless (1.2.840.10008.1.2.4.80) over CharLS.
//
// Const, re-entrant, any thread; scratch memory is per thread. Never throws, and never lets CharLS
// see a stream whose header contradicts the data set's.
//
// Precision of what we write (codecs.md §4 rows 8, 12, 13; each proven with GDCM and DCMTK):
// * Bits Allocated 8: 8. Streams of 6 or 7 bits are valid but GDCM misreads them.
// * Bits Allocated 16, Bits Stored 9 to 16: Bits Stored, the smallest result.
// * Bits Allocated 16, Bits Stored up to 8: 16. DCMTK rejects and GDCM garbles a precision of 8 or
//   less in 16-bit cells; at 16 the whole cell is coded, so every reader gets the same bytes.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class JpegLsCodec final : public Codec {
  public:
    [[nodiscard]] std::string_view name() const override { return "jpeg-ls"; }
    [[nodiscard]] bool can_encode(const PixelFormat& format) const override;
    [[nodiscard]] CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                     FrameBuffer& out, AttributeChanges& changes) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;
};

} // namespace dcmflow::codecs
