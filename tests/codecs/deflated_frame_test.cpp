// Deflated Image Frame: raw deflate of native bytes and nothing else comes back, at the header's
// size and no other.
#include "codecs/deflated_frame.h"
#include "tests/codecs/frames.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace dcmflow::codecs::test {
namespace {

FrameBuffer deflated(const FrameBuffer& frame, int window = -MAX_WBITS) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    FrameBuffer out(deflateBound(&stream, frame.size()) + 64);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(frame.data()));
    stream.avail_in = static_cast<uInt>(frame.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

TEST(DeflatedFrame, EveryFormatComesBack) {
    const DeflatedFrameCodec codec;
    FrameBuffer decoded;
    auto formats = matrix();
    formats.push_back(mono(9, 11, 32, 32, true));
    formats.push_back(colour(9, 12, 8, 8, false, Photometric::ybr_full_422));
    formats.push_back(colour(9, 11, 32, 32, true));
    for (const PixelFormat& format : formats) {
        EXPECT_FALSE(codec.can_encode(format));
        for (const Content content : {Content::flat, Content::noise}) {
            SCOPED_TRACE(describe(format, content));
            FrameBuffer frame = make_frame(
                format.photometric == Photometric::ybr_full_422 ? mono(9, 24, 8, 8, false) : format,
                content);
            ASSERT_EQ(codec.decode(deflated(frame), format, decoded), CodecStatus::ok);
            EXPECT_FALSE(codec.decoded_format(format).planar);
            ASSERT_TRUE(decoded == by_pixel(frame, format)); // Planar Configuration counts here
        }
    }
}

TEST(DeflatedFrame, OneBitFramesOfWholeBytesOnly) {
    const DeflatedFrameCodec codec;
    FrameBuffer frame(8, std::byte{0xA5}), decoded;
    ASSERT_EQ(codec.decode(deflated(frame), mono(8, 8, 1, 1, false), decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    EXPECT_EQ(codec.decode(deflated(frame), mono(7, 9, 1, 1, false), decoded),
              CodecStatus::unsupported);
}

TEST(DeflatedFrame, OnePadByteIsToleratedAndNoMore) {
    const DeflatedFrameCodec codec;
    const PixelFormat format = mono(20, 20, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    FrameBuffer stream = deflated(frame), decoded;
    stream.push_back(std::byte{0});
    ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    stream.back() = std::byte{1};
    EXPECT_EQ(codec.decode(stream, format, decoded), CodecStatus::corrupt);
    stream.back() = std::byte{0};
    stream.push_back(std::byte{0});
    EXPECT_EQ(codec.decode(stream, format, decoded), CodecStatus::corrupt);
}

TEST(DeflatedFrame, OtherSizesAreRefusedWithoutMemoryForThem) {
    const DeflatedFrameCodec codec;
    const PixelFormat format = mono(20, 20, 8, 8, false);
    FrameBuffer decoded;
    EXPECT_EQ(codec.decode(deflated(FrameBuffer(399)), format, decoded), CodecStatus::mismatch);
    EXPECT_EQ(codec.decode(deflated(FrameBuffer(401)), format, decoded), CodecStatus::mismatch);
    EXPECT_EQ(codec.decode(deflated(FrameBuffer(64U << 20)), format, decoded),
              CodecStatus::mismatch); // a thousand to one
    EXPECT_EQ(decoded.size(), 400U);
    EXPECT_EQ(codec.decode(deflated(FrameBuffer(400), MAX_WBITS), format, decoded),
              CodecStatus::corrupt); // zlib's own header
    EXPECT_EQ(codec.decode({}, format, decoded), CodecStatus::corrupt);
    EXPECT_EQ(codec.decode(deflated(FrameBuffer(400)), mono(65535, 65535, 8, 8, false), decoded),
              CodecStatus::unsupported);
    EXPECT_EQ(codec.decode(deflated(FrameBuffer(300)),
                           colour(10, 10, 8, 8, false, Photometric::ybr_rct), decoded),
              CodecStatus::unsupported);
}

TEST(DeflatedFrame, BrokenStreamsStayInBounds) {
    const DeflatedFrameCodec codec;
    const PixelFormat format = mono(33, 47, 16, 12, true);
    const FrameBuffer stream = deflated(make_frame(format, Content::smooth));
    FrameBuffer decoded;
    for (std::size_t size = 0; size < stream.size(); ++size)
        ASSERT_EQ(codec.decode(std::span{stream}.first(size), format, decoded),
                  CodecStatus::corrupt);
    Random random{3};
    int refused = 0;
    for (int trial = 0; trial < 2000; ++trial) {
        FrameBuffer broken = stream;
        for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
            broken[random.below(broken.size())] ^= static_cast<std::byte>(1U << random.below(8));
        refused += codec.decode(broken, format, decoded) != CodecStatus::ok;
        ASSERT_EQ(decoded.size(), format.frame_bytes());
    }
    EXPECT_GT(refused, 500); // RFC 1951 has no checksum
}

} // namespace
} // namespace dcmflow::codecs::test
