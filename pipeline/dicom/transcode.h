// Transcoder: one data set from one transfer syntax to another without changing a pixel (design
// §6).
//
// Owned by the flow (and the bulk run); const: any thread. Frames of large objects may be coded in
// parallel: the caller gives the loop. Output streams to a sink in order; tables and lengths known
// only at the end are patched. On any reason but `ok` the sink's bytes must be thrown away and the
// original used.
//
// Memory: at most frames_at_once frames (and bytes_at_once, but one frame), each with its encoding
// and (when verifying) its decoding, whatever the object's size; plus the offset table. A deflated
// target is written whole in memory first, up to max_inflated_bytes. A deflated source is inflated
// by the caller (inflate_dataset): its DataSet is Explicit VR LE while source_syntax stays the
// deflated UID. It never changes a byte outside Pixel Data, offset tables, Photometric
// Interpretation, Planar Configuration and retired group lengths, unless the data set's own
// encoding must change (implicit, explicit, big endian).
#pragma once

#include "codecs/registry.h"
#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/instance.h"
#include "pipeline/dicom/transcode_sink.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace dcmflow {

// Why an object was or was not transcoded: the closed list of labels (metrics, journal, report).
enum class TranscodeReason : std::uint8_t {
    ok,
    same_syntax,        // source and target are equal
    not_image,          // no Pixel Data: goes as it is, or re-encoded between native syntaxes
    unsupported_source, // we do not read this syntax
    unsupported_target, // the target cannot hold this object (by format or by our codecs)
    lossy_source,       // lossy pixels are carried as received
    dirty_bits,         // data in unused bits (overlays, garbage): coding would lose it
    float_pixels,       // (7FE0,0008/0009)
    bad_pixel_header,   // rows, columns, … missing or contradictory
    pixel_length,       // Pixel Data shorter or longer than the header says
    frame_count,        // fragments or offset table do not match Number of Frames
    frame_too_large,
    corrupt_stream,
    decoder_died,    // the codec worker that had a frame died, hung or gave nonsense
    decoder_unavailable, // no worker or no memory: says nothing about the stream
    stream_mismatch, // codestream and header disagree
    incompressible,  // the result is not smaller
    verify_failed,   // decoded pixels differ from the source: a bug, never sent
    signed_object,   // a digital signature covers Pixel Data
    nested_pixels,   // encapsulated nested Pixel Data would be illegal in the target
    unknown_vr,      // big endian UN cannot be swapped
    limits,          // a bound was reached
    write_failed,    // the sink refused (disk)
    internal,
};
[[nodiscard]] std::string_view to_string(TranscodeReason reason);

struct TranscodeOutcome {
    TranscodeReason reason = TranscodeReason::internal;
    std::uint64_t bytes_in = 0;  // data set
    std::uint64_t bytes_out = 0; // data set; 0 unless ok
    std::uint32_t frames = 0;
    bool verified = false; // every frame was encoded, decoded again and found equal to its source
    // XXH3-128 over the native frames in order: little endian cells, colour by pixel, no pad byte.
    // The same for an image whatever lossless syntax it is in. Only if frames were coded.
    std::optional<Digest> pixel_digest;
};

// Runs body(0 … count-1), in any order, possibly in parallel; returns when all ran. The default is
// a plain loop.
using FrameLoop =
    std::function<void(std::size_t count, const std::function<void(std::size_t)>& body)>;

struct TranscodeOptions {
    bool verify = true;
    FrameLoop for_each_frame;        // null: sequential
    std::size_t frames_at_once = 16; // window of frames in memory, and its bound in native bytes
    std::uint64_t bytes_at_once = 64ULL << 20;
    // Lossy pixels may be decoded to a native target: for a peer that takes nothing else (design
    // §5).
    bool decode_lossy = false;
    double worthwhile = 1.0; // result must be smaller than this × source when compressing a native
                             // source, else `incompressible`
    // Where the Basic Offset Table ends and the Extended one begins (PS3.5 A.4). Tests lower it.
    std::uint64_t basic_table_limit = 0xFFFF'FFFF;
};

// What the Image Pixel module says (PS3.3 C.7.6.3); malformed if it is missing or contradicts
// itself.
struct PixelDescription {
    codecs::PixelFormat format;
    std::uint32_t frames = 1; // Number of Frames (0028,0008), 1 if absent or empty
};
[[nodiscard]] Result<PixelDescription> pixel_format_of(const DataSet& data_set);

class Transcoder {
  public:
    // `own` encodes, and decodes what it encoded; `foreign` decodes what came from outside (codec
    // workers); both outlive this.
    explicit Transcoder(const codecs::Registry& own) : Transcoder(own, own) {}
    Transcoder(const codecs::Registry& own, const codecs::Registry& foreign);
    // Whether target is worth trying for this object, by header alone: ok, or the reason why not.
    [[nodiscard]] TranscodeReason can_transcode(const DataSet& source,
                                                std::string_view source_syntax,
                                                std::string_view target_syntax,
                                                bool decode_lossy = false) const;
    [[nodiscard]] TranscodeOutcome transcode(const DataSet& source, std::string_view source_syntax,
                                             std::string_view target_syntax,
                                             const TranscodeOptions& options, ByteSink& sink) const;


    // One frame as the target's codec would see it, for whoever wants to try something on it.
    struct NativeFrame {
        codecs::PixelFormat format;
        std::uint32_t frames = 1; // of the object
        std::vector<std::byte> bytes;
    };
    // The frame with this index, else the middle one; nullopt if it cannot be had, for the reasons that a transcode to
    // `target_syntax` would give.
    [[nodiscard]] std::optional<NativeFrame> native_frame(const DataSet& source, std::string_view source_syntax,
                                                          std::string_view target_syntax,
                                                          std::optional<std::uint32_t> index) const;
    [[nodiscard]] const codecs::Registry& own_codecs() const { return own_; }

  private:
    const codecs::Registry& own_;
    const codecs::Registry& foreign_;
};

} // namespace dcmflow
