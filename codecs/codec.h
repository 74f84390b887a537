// Codec: pixels in, bytes out, and back.
//
// Owned by the Registry, one instance per transfer syntax. Const and re-entrant: any number of
// threads may call one instance at once. A codec sees pixels only. It never edits a data set, never
// starts a thread, never throws for bad input; what the data set must take over is returned.
// Decoded size is bounded by the PixelFormat from the header, never by what a stream claims.
#pragma once

#include "codecs/frame.h"

#include <cstdint>
#include <string_view>

namespace dcmflow::codecs {

enum class CodecStatus : std::uint8_t {
    ok,
    unsupported,    // this codec does not take this PixelFormat
    dirty_bits,     // bits outside Bits Stored carry data (PS3.5 8.1.1): coding would lose them
    incompressible, // the result would pass encoded_limit(): an eighth larger than the frame
    corrupt,        // the stream is broken, truncated or not of this kind
    mismatch,       // the stream's dimensions, components or precision contradict the header
    failed,         // the library reported an error that fits none of the above
    died,           // the process that decoded it ended, hung or gave nonsense (codec workers only)
    unavailable,    // the decoder could not be run (no worker, no memory): nothing about the stream
};
[[nodiscard]] std::string_view
to_string(CodecStatus status); // "ok", "dirty_bits", ... (a metric label)

struct EncodeOptions {
    // Reversible colour transform for RGB where the codec has one (J2K, HTJ2K) and where readers
    // are known to undo it; codecs without one ignore this.
    bool colour_transform = true;
    // Code every bit of the cells, not only Bits Stored: what lies in unused bits survives (PS3.5
    // 8.1.1). For codecs that readers give whole cells back from (JPEG-LS); others ignore it.
    bool whole_cells = false;
};

// The most bytes that one encoded frame may take. A little more than the frame: one noisy frame of
// a multi-frame object must not cost the other frames their compression. Whether the object as a
// whole got smaller is for the caller to judge.
[[nodiscard]] std::uint64_t encoded_limit(const PixelFormat& format);

// What the data set must say about frames that this codec wrote (design §6).
struct AttributeChanges {
    Photometric photometric = Photometric::other; // always set by encode
    bool planar = false;                          // always set by encode
};

class Codec {
  public:
    virtual ~Codec() = default;
    Codec() = default;
    Codec(const Codec&) = delete;
    Codec& operator=(const Codec&) = delete;

    [[nodiscard]] virtual std::string_view name() const = 0; // as in the config: "jpeg-ls"

    // Whether encode can be exact for every frame of this format whose unused bits are clean.
    [[nodiscard]] virtual bool can_encode(const PixelFormat& format) const = 0;

    // Whether encode with these options keeps the bits outside Bits Stored too, wherever High Bit
    // is. Then it never says dirty_bits.
    [[nodiscard]] virtual bool keeps_unused_bits(const EncodeOptions& /*options*/) const {
        return false;
    }

    // Losslessly encodes one frame. `out` is replaced; the stream has even length (PS3.5 A.4).
    [[nodiscard]] virtual CodecStatus encode(const FrameView& frame, const EncodeOptions& options,
                                             FrameBuffer& out, AttributeChanges& changes) const = 0;

    // What decode gives for a frame whose encapsulated object's header says `coded`: colour by
    // pixel, YBR_RCT as RGB. Codecs of lossy syntaxes may change the photometric interpretation
    // further (YBR_FULL_422 to RGB). `coded` has no problem().
    [[nodiscard]] virtual PixelFormat decoded_format(const PixelFormat& coded) const;

    // Decodes one frame into native bytes: exactly decoded_format(format).frame_bytes(), Planar
    // Configuration 0, little endian, sign-extended when signed and Bits Stored < Bits Allocated.
    // `format` describes the frame as the encapsulated object's header does.
    [[nodiscard]] virtual CodecStatus decode(std::span<const std::byte> stream,
                                             const PixelFormat& format, FrameBuffer& out) const = 0;
};

// A codec of a syntax that is read and never written.
class DecodingCodec : public Codec {
  public:
    [[nodiscard]] bool can_encode(const PixelFormat& /*format*/) const final { return false; }
    [[nodiscard]] CodecStatus encode(const FrameView& /*frame*/, const EncodeOptions& /*options*/,
                                     FrameBuffer& /*out*/,
                                     AttributeChanges& /*changes*/) const final {
        return CodecStatus::unsupported;
    }
};

} // namespace dcmflow::codecs
