#include "pipeline/worker/worker_codec.h"

#include "codecs/transfer_syntax.h"

namespace dcmflow {

namespace {

using codecs::CodecStatus;

class WorkerCodec final : public codecs::Codec {
  public:
    WorkerCodec(std::string_view uid, const codecs::Codec& own, CodecWorkers& workers)
        : uid_(uid), own_(own), workers_(workers) {}

    [[nodiscard]] std::string_view name() const override { return own_.name(); }
    [[nodiscard]] bool can_encode(const codecs::PixelFormat& format) const override {
        return own_.can_encode(format);
    }
    [[nodiscard]] bool keeps_unused_bits(const codecs::EncodeOptions& options) const override {
        return own_.keeps_unused_bits(options);
    }
    [[nodiscard]] CodecStatus encode(const codecs::FrameView& frame,
                                     const codecs::EncodeOptions& options, codecs::FrameBuffer& out,
                                     codecs::AttributeChanges& changes) const override {
        return own_.encode(frame, options, out, changes);
    }
    [[nodiscard]] codecs::PixelFormat
    decoded_format(const codecs::PixelFormat& coded) const override {
        return own_.decoded_format(coded);
    }
    [[nodiscard]] CodecStatus decode(std::span<const std::byte> stream,
                                     const codecs::PixelFormat& format,
                                     codecs::FrameBuffer& out) const override {
        return workers_.decode(uid_, stream, format, own_.decoded_format(format).frame_bytes(),
                               out);
    }

  private:
    const std::string_view uid_; // of the table of transfer syntaxes
    const codecs::Codec& own_;
    CodecWorkers& workers_;
};

} // namespace

codecs::Registry worker_codecs(const codecs::Registry& own, CodecWorkers& workers) {
    codecs::Registry registry{codecs::Registry::Empty{}};
    for (const auto& syntax : codecs::transfer_syntaxes())
        if (const codecs::Codec* codec = own.find(syntax.uid); codec != nullptr && syntax.can_read)
            registry.add(syntax.uid, std::make_unique<WorkerCodec>(syntax.uid, *codec, workers));
    return registry;
}

} // namespace dcmflow
