#include "pipeline/worker/warm_up.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/worker/warm_up_streams.h"

#include <array>

namespace dcmflow::worker {

namespace {

using codecs::FrameBuffer;
using codecs::PixelFormat;

constexpr std::uint32_t side = 16;

PixelFormat gray(std::uint16_t allocated, std::uint16_t stored) {
    return {.rows = side,
            .columns = side,
            .samples = 1,
            .bits_allocated = allocated,
            .bits_stored = stored,
            .high_bit = static_cast<std::uint16_t>(stored - 1)};
}

PixelFormat colour() {
    PixelFormat format = gray(8, 8);
    format.samples = 3;
    format.photometric = codecs::Photometric::rgb;
    return format;
}

// Pixels with some content, none of it in unused bits.
FrameBuffer pixels_of(const PixelFormat& format) {
    FrameBuffer pixels(format.frame_bytes());
    const std::size_t cell = format.bytes_per_sample();
    for (std::size_t i = 0; i < pixels.size(); i += cell)
        pixels[i] = static_cast<std::byte>(i * 7 % 251);
    return pixels;
}

// What comes of it does not matter here: tests see to that.
void exercise(const codecs::Codec& codec, const PixelFormat& format) {
    FrameBuffer stream;
    FrameBuffer decoded;
    codecs::AttributeChanges changes;
    const FrameBuffer pixels = pixels_of(format);
    if (codec.can_encode(format) &&
        codec.encode({format, pixels}, {}, stream, changes) == codecs::CodecStatus::ok) {
        PixelFormat coded = format;
        coded.photometric = changes.photometric;
        coded.planar = changes.planar;
        (void)codec.decode(stream, coded, decoded);
        (void)codec.decode(std::span(stream).first(stream.size() / 2), coded, decoded);
    }
    constexpr std::array<std::byte, 64> nonsense{};
    (void)codec.decode(nonsense, format, decoded);
}

} // namespace

void warm_up(const codecs::Registry& registry) {
    for (const auto& syntax : codecs::transfer_syntaxes())
        if (const codecs::Codec* codec = registry.find(syntax.uid))
            for (const PixelFormat& format : {gray(8, 8), gray(16, 12), colour()})
                exercise(*codec, format);
    // Nonsense gets no further than our parsers: the libraries of codecs that do not encode need
    // something that they decode.
    FrameBuffer decoded;
    for (const WarmUpStream& stream : warm_up_streams())
        if (const codecs::Codec* codec = registry.find(stream.uid))
            (void)codec->decode(stream.bytes(), stream.format, decoded);
}

} // namespace dcmflow::worker
