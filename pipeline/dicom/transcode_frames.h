// FrameCoder: the frames of one object, decoded, encoded and verified, a window at a time.
//
// Belongs to one transcode() call; run() is called by its thread and calls the caller's loop, whose
// bodies may run on any threads, each on a slot of its own. No exception leaves a body. It writes
// nothing.
#pragma once

#include "codecs/codec.h"
#include "pipeline/dicom/encapsulation.h"
#include "pipeline/dicom/transcode.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dcmflow {

struct FrameTask {
    const codecs::Codec* decoder = nullptr; // of an encapsulated source, else null
    const codecs::Codec* encoder = nullptr; // of an encapsulated target, else null
    codecs::PixelFormat coded;              // as an encapsulated source's header says
    codecs::PixelFormat
        native; // of the frames in memory: a native source's, or the decoder's result
    std::span<const std::byte> pixel_data;   // of a native source
    bool swapped = false;                    // pixel_data is big endian words (OW)
    std::optional<FragmentReader> fragments; // of an encapsulated source
    std::uint32_t frames = 1;
    codecs::EncodeOptions encode_options;
};

// One frame of a native source, little endian: lent, or put into `scratch` if its words are
// swapped.
[[nodiscard]] std::span<const std::byte>
native_source_frame(const FrameTask& task, std::uint32_t frame, codecs::FrameBuffer& scratch);

// Pixels that expand a thousandfold and are large besides are refused before a decoder sees them.
// Blank frames of usual sizes do expand so much.
inline constexpr std::uint64_t bomb_frame_bytes = 64ULL << 20;
inline constexpr std::uint64_t bomb_object_bytes = 1ULL << 30;
[[nodiscard]] constexpr bool is_bomb(std::uint64_t native, std::uint64_t coded,
                                     std::uint64_t harmless) {
    return native > harmless && native / 1000 > coded;
}

class FrameCoder {
  public:
    FrameCoder(const FrameTask& task, const TranscodeOptions& options);

    [[nodiscard]] std::uint32_t window() const { return static_cast<std::uint32_t>(slots_.size()); }
    // Codes frames first … first + count - 1, count at most window(). The reason is the first
    // failing frame's.
    [[nodiscard]] TranscodeReason run(std::uint32_t first, std::uint32_t count);
    // The n-th result of the last run: a codestream, or native bytes. Valid until the next run.
    [[nodiscard]] std::span<const std::byte> result(std::uint32_t n) const {
        return slots_[n].result;
    }
    // The native bytes of the same frame, colour by pixel: what a digest of pixels covers.
    [[nodiscard]] std::span<const std::byte> pixels(std::uint32_t n) const {
        return slots_[n].pixels;
    }
    // What all frames so far took over; only after a run that encoded.
    [[nodiscard]] const codecs::AttributeChanges& changes() const { return *changes_; }

  private:
    struct Slot {
        codecs::FrameBuffer joined, native, encoded, decoded;
        codecs::AttributeChanges changes;
        std::span<const std::byte> result, pixels;
        TranscodeReason reason = TranscodeReason::internal;
    };
    void code(Slot& slot, std::uint32_t frame) const noexcept;
    [[nodiscard]] TranscodeReason load(Slot& slot, std::uint32_t frame,
                                       std::span<const std::byte>& native) const;
    [[nodiscard]] TranscodeReason encode(Slot& slot, std::span<const std::byte> native) const;
    [[nodiscard]] std::span<const std::byte> by_pixel(Slot& slot,
                                                      std::span<const std::byte> native) const;
    [[nodiscard]] bool is_same(Slot& slot, std::span<const std::byte> native) const;

    const FrameTask& task_;
    const TranscodeOptions& options_;
    std::vector<Slot> slots_;
    std::optional<codecs::AttributeChanges> changes_;
};

} // namespace dcmflow
