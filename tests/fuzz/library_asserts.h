// Asserts of Debian's codec libraries (CharLS, OpenJPEG, OpenJPH), which are live and end the
// process on odd input. In the router that costs one image its transcoding, because such streams
// are decoded in a worker process; a fuzzer that stopped there would find nothing else.
//
// While survives() runs, a failed assert of such a library jumps back here. What the frames in
// between held is leaked, which a fuzzer can afford. Asserts of anything else abort as ever. One
// thread.
#pragma once

#include "codecs/codec.h"
#include "tests/fuzz/fuzz.h"

#include <functional>

namespace dcmflow::fuzz {

// False if an assert of a foreign library failed in `body`. Each place is told once on stderr, and
// the `input` that first led there is kept in the folder $DCMFLOW_FUZZ_FINDINGS if that is set.
// With $DCMFLOW_FUZZ_STRICT set nothing is caught.
[[nodiscard]] bool survives(Input input, const std::function<void()>& body);

// A codec as seen through a worker: a decode that dies is a corrupt stream. Encoding is not
// guarded, since the router encodes in its own process.
class GuardedCodec final : public codecs::Codec {
  public:
    explicit GuardedCodec(const codecs::Codec& codec) : codec_(codec) {}
    [[nodiscard]] std::string_view name() const override { return codec_.name(); }
    [[nodiscard]] bool can_encode(const codecs::PixelFormat& format) const override {
        return codec_.can_encode(format);
    }
    [[nodiscard]] codecs::CodecStatus encode(const codecs::FrameView& frame,
                                             const codecs::EncodeOptions& options,
                                             codecs::FrameBuffer& out,
                                             codecs::AttributeChanges& changes) const override {
        return codec_.encode(frame, options, out, changes);
    }
    [[nodiscard]] bool keeps_unused_bits(const codecs::EncodeOptions& options) const override {
        return codec_.keeps_unused_bits(options);
    }
    [[nodiscard]] codecs::PixelFormat
    decoded_format(const codecs::PixelFormat& coded) const override {
        return codec_.decoded_format(coded);
    }
    [[nodiscard]] codecs::CodecStatus decode(std::span<const std::byte> stream,
                                             const codecs::PixelFormat& format,
                                             codecs::FrameBuffer& out) const override {
        auto status = codecs::CodecStatus::failed;
        const bool survived =
            survives(stream, [&] { status = codec_.decode(stream, format, out); });
        return survived ? status : codecs::CodecStatus::corrupt;
    }

  private:
    const codecs::Codec& codec_;
};

} // namespace dcmflow::fuzz
