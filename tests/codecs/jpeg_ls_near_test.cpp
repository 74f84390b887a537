// JPEG-LS near-lossless is read in its own syntax; whole cells keep every bit in the lossless one.
#include "codecs/jpeg_ls.h"
#include "tests/codecs/frames.h"

#include <charls/charls.h>
#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

FrameBuffer charls_stream(const FrameBuffer& frame, const PixelFormat& format, int near) {
    charls::jpegls_encoder encoder;
    encoder.frame_info({format.columns, format.rows, format.bits_stored, format.samples});
    encoder.interleave_mode(format.samples == 1 ? charls::interleave_mode::none
                                                : charls::interleave_mode::line);
    encoder.near_lossless(near);
    FrameBuffer out(encoder.estimated_destination_size());
    encoder.destination(out.data(), out.size());
    out.resize(encoder.encode(frame));
    return out;
}

FrameBuffer charls_decoded(const FrameBuffer& stream) {
    charls::jpegls_decoder decoder;
    decoder.source(stream.data(), stream.size());
    decoder.read_header();
    FrameBuffer out(decoder.destination_size());
    decoder.decode(out.data(), out.size());
    return out;
}

TEST(JpegLsNear, DecodesWhatCharlsDecodesAndStaysWithinNear) {
    const JpegLsNearCodec codec;
    for (const PixelFormat& format :
         {mono(50, 61, 8, 8, false), mono(50, 61, 16, 12, false), colour(20, 33, 8, 8, false)}) {
        for (const int near : {0, 1, 3, 10}) {
            SCOPED_TRACE(describe(format, Content::smooth) + " near " + std::to_string(near));
            const FrameBuffer frame = make_frame(format, Content::smooth);
            const FrameBuffer stream = charls_stream(frame, format, near);
            FrameBuffer decoded;
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            ASSERT_TRUE(decoded == charls_decoded(stream));
            ASSERT_EQ(decoded.size(), frame.size());
            EXPECT_EQ(decoded == frame, near == 0);
            EXPECT_EQ(JpegLsCodec{}.decode(stream, format, decoded),
                      near == 0 ? CodecStatus::ok : CodecStatus::unsupported);
        }
    }
}

TEST(JpegLsNear, NothingIsEncoded) {
    const JpegLsNearCodec codec;
    const PixelFormat format = mono(8, 8, 8, 8, false);
    FrameBuffer out;
    AttributeChanges changes;
    EXPECT_EQ(codec.name(), "jpeg-ls-near");
    EXPECT_FALSE(codec.can_encode(format));
    EXPECT_EQ(codec.encode({format, FrameBuffer(64)}, {}, out, changes), CodecStatus::unsupported);
}

TEST(JpegLsWholeCells, EveryBitSurvives) {
    const JpegLsCodec codec;
    const EncodeOptions whole{.whole_cells = true};
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    struct Case {
        std::uint16_t allocated, stored, high_bit;
    };
    for (const auto& [allocated, stored, high_bit] :
         {Case{16, 12, 11}, Case{16, 12, 15}, Case{16, 10, 12}, Case{16, 8, 7}, Case{16, 16, 15},
          Case{8, 6, 5}, Case{8, 6, 7}, Case{8, 8, 7}}) {
        for (const bool is_signed : {false, true}) {
            PixelFormat format = mono(31, 17, allocated, stored, is_signed);
            format.high_bit = high_bit;
            const FrameBuffer cells =
                make_frame(mono(31, 17, allocated, allocated, false), Content::smooth, high_bit);
            SCOPED_TRACE(describe(format, Content::smooth));
            ASSERT_EQ(codec.encode({format, cells}, whole, stream, changes), CodecStatus::ok);
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            EXPECT_TRUE(decoded == cells);
            EXPECT_TRUE(charls_decoded(stream) == cells);
            if (stored < allocated) {
                EXPECT_EQ(codec.encode({format, cells}, {}, stream, changes),
                          CodecStatus::dirty_bits);
            }
        }
    }
}

TEST(JpegLsWholeCells, ColourByPlaneToo) {
    const JpegLsCodec codec;
    PixelFormat format = colour(12, 9, 16, 12, true);
    const FrameBuffer cells = make_frame(colour(12, 9, 16, 16, true), Content::smooth);
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    ASSERT_EQ(codec.encode({format, cells}, {.whole_cells = true}, stream, changes),
              CodecStatus::ok);
    const FrameBuffer expected = by_pixel(cells, format);
    format.planar = false;
    ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == expected);
}

} // namespace
} // namespace dcmflow::codecs::test
