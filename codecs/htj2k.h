// Htj2kCodec: High-Throughput JPEG 2000 lossless, 1.2.840.10008.1.2.4.201 and, with the constraints
// of PS3.5 10.18, …202: written by OpenJPH, read by OpenJPEG.
//
// Const, re-entrant, any thread; one thread per frame. Never throws. Reader and writer are
// different implementations, so reading back what was written proves it. Writes a bare codestream:
// reversible 5/3, one tile, one layer, RPCL, 64×64 blocks, as many levels as make the lowest
// resolution at most 64 high or wide, at least 5 where the image has the size for them; …202 has a
// TLM marker segment besides.
//
// What we write is what viewers read (viewers.md), which is less than the standard allows:
// * Colour only as RGB of 8 bits with the reversible transform, YBR_RCT (item 1). Without
//   EncodeOptions::colour_transform, colour is `unsupported`.
// * Precision and sign as Jpeg2000Codec writes them; 16-bit colour not at all (item 7).
//
// OpenJPH 0.9.0 looks at uninitialised memory right of narrow blocks to see whether a block is all
// zero. Such a block may be coded or left out: same pixels, but not always the same bytes.
#pragma once

#include "codecs/codec.h"

namespace dcmflow::codecs {

class Htj2kCodec final : public Codec {
  public:
    enum class Kind : std::uint8_t { plain, rpcl };
    explicit Htj2kCodec(Kind kind) : kind_(kind) {}

    [[nodiscard]] std::string_view name() const override;
    [[nodiscard]] bool can_encode(const PixelFormat& format) const override;
    [[nodiscard]] CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                     FrameBuffer& out, AttributeChanges& changes) const override;
    [[nodiscard]] PixelFormat decoded_format(const PixelFormat& coded) const override;
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream, const PixelFormat& format,
                                     FrameBuffer& out) const override;

  private:
    Kind kind_;
};

} // namespace dcmflow::codecs
