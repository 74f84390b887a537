// Broken streams never give a frame of the wrong size, and only what no header check can see may
// still reach an assert of Debian's libraries.
#include "codecs/registry.h"
#include "codecs/transfer_syntax.h"
#include "tests/codecs/frames.h"
#include "tests/codecs/hostile_streams.h"
#include "tests/codecs/opj_raw.h"

#include <gtest/gtest.h>

#include <charls/charls.h>

namespace dcmflow::codecs::test {
namespace {

std::vector<Seed> seeds_of(const Codec& codec) {
    return {encoded(codec, mono(40, 40, 8, 8, false), Content::smooth),
            encoded(codec, mono(33, 47, 16, 12, true), Content::smooth),
            encoded(codec, mono(40, 50, 16, 16, true), Content::noise),
            encoded(codec, mono(40, 50, 16, 10, false), Content::gradient),
            encoded(codec, colour(30, 40, 8, 8, false), Content::smooth),
            encoded(codec, colour(30, 40, 16, 14, true), Content::extremes)};
}

FrameBuffer charls_stream(const PixelFormat& format, charls::interleave_mode mode) {
    charls::jpegls_encoder encoder;
    encoder.frame_info({format.columns, format.rows, format.bits_stored, format.samples});
    encoder.interleave_mode(mode);
    FrameBuffer out(encoder.estimated_destination_size());
    encoder.destination(out.data(), out.size());
    out.resize(encoder.encode(make_frame(format, Content::smooth)));
    return out;
}

TEST(HostileStreams, JpegLs) {
    const Registry registry;
    const Codec& codec = *registry.find(uid::jpeg_ls);
    auto seeds = seeds_of(codec);
    const PixelFormat rgb = colour(30, 40, 8, 8, false);
    seeds.push_back({&codec, rgb, charls_stream(rgb, charls::interleave_mode::none)});
    seeds.push_back({&codec, rgb, charls_stream(rgb, charls::interleave_mode::sample)});
    EXPECT_EQ(survive(seeds, mutations(), "jpeg-ls"), 0U);
}

TEST(HostileStreams, Jpeg2000) {
    const Registry registry;
    const Codec& codec = *registry.find(uid::jpeg2000);
    auto seeds = seeds_of(codec);
    const PixelFormat format = mono(50, 60, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    seeds.push_back({&codec, format,
                     opj_raw_encode(frame, format, {.tile = 32, .layers = 3, .progression = 2})});
    seeds.push_back({&codec, format, opj_raw_encode(frame, format, {.layers = 4, .block = 16})});
    EXPECT_EQ(survive(seeds, mutations(), "jpeg2000"), 0U);
}

} // namespace
} // namespace dcmflow::codecs::test
