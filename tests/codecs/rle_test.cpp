// RLE: what we write decodes to the source, with our decoder and with one of the test's own, and
// broken streams are refused within their bounds.
#include "codecs/rle.h"
#include "codecs/rle_segment.h"
#include "tests/codecs/frames.h"

#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

std::uint32_t word(const FrameBuffer& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value |= std::to_integer<std::uint32_t>(bytes.at(at + i)) << (8 * i);
    return value;
}

// PS3.5 G.3.2 as it stands there, byte by byte; colour by pixel. Checks on its way that no packet
// crosses a row and that segments are even.
FrameBuffer reference_decode(const FrameBuffer& stream, const PixelFormat& format) {
    const std::size_t cell = format.bytes_per_sample();
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    const std::size_t segments = cell * format.samples;
    EXPECT_EQ(word(stream, 0), segments);
    FrameBuffer out(format.frame_bytes());
    for (std::size_t segment = 0; segment < segments; ++segment) {
        std::size_t at = word(stream, 4 + 4 * segment);
        const std::size_t end =
            segment + 1 < segments ? word(stream, 8 + 4 * segment) : stream.size();
        EXPECT_EQ(at % 2, 0U);
        EXPECT_EQ(end % 2, 0U);
        const std::size_t sample = segment / cell, byte = cell - 1 - segment % cell;
        for (std::size_t done = 0; done < pixels;) {
            const int n = static_cast<std::int8_t>(std::to_integer<int>(stream.at(at++)));
            if (n == -128)
                continue;
            const std::size_t count = static_cast<std::size_t>(n >= 0 ? n + 1 : 1 - n);
            EXPECT_LE(done % format.columns + count, format.columns) << "a packet crosses a row";
            for (std::size_t i = 0; i < count; ++i, ++done)
                out.at((done * format.samples + sample) * cell + byte) =
                    stream.at(n >= 0 ? at + i : at);
            at += n >= 0 ? count : 1;
        }
        EXPECT_LE(at, end);
        EXPECT_LE(end - at, 1U); // the pad
    }
    for (std::size_t i = 4 + 4 * segments; i < 64; i += 4)
        EXPECT_EQ(word(stream, i), 0U);
    return out;
}

std::vector<PixelFormat> formats() {
    auto all = matrix();
    for (const Size size : sizes) {
        all.push_back(mono(size.rows, size.columns, 32, 32, true));
        all.push_back(mono(size.rows, size.columns, 32, 24, false));
        all.push_back(
            colour(size.rows, size.columns, 8, 8, size.rows % 2 != 0, Photometric::ybr_full));
        PixelFormat palette = mono(size.rows, size.columns, 8, 8, false);
        palette.photometric = Photometric::palette_color;
        all.push_back(palette);
    }
    return all;
}

TEST(Rle, EveryFormatSurvivesOurDecoderAndTheReference) {
    const RleCodec codec;
    FrameBuffer stream, decoded;
    int coded = 0;
    for (const PixelFormat& format : formats()) {
        ASSERT_EQ(codec.can_encode(format),
                  format.bits_allocated == 8 ? format.bits_stored == 8 : format.samples == 1);
        if (!codec.can_encode(format))
            continue;
        for (const Content content : contents) {
            SCOPED_TRACE(describe(format, content));
            const FrameBuffer frame = make_frame(format, content);
            AttributeChanges changes;
            ASSERT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
            EXPECT_EQ(stream.size() % 2, 0U);
            EXPECT_LE(stream.size(), encoded_limit(format));
            EXPECT_EQ(changes.photometric, format.photometric);
            EXPECT_FALSE(changes.planar);
            PixelFormat written = format;
            written.planar = false;
            const FrameBuffer expected = by_pixel(frame, format);
            ASSERT_EQ(codec.decode(stream, written, decoded), CodecStatus::ok);
            ASSERT_TRUE(decoded == expected);
            ASSERT_TRUE(reference_decode(stream, written) == expected);
            ++coded;
        }
    }
    EXPECT_GT(coded, 1000);
}

TEST(Rle, EveryBitOfTheCellSurvives) { // overlays in unused bits, High Bit elsewhere
    const RleCodec codec;
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    for (const bool is_signed : {false, true}) {
        for (const std::uint16_t high_bit : std::array<std::uint16_t, 3>{11, 13, 15}) {
            PixelFormat format = mono(31, 17, 16, 12, is_signed);
            format.high_bit = high_bit;
            const FrameBuffer noise =
                make_frame(mono(31, 17, 16, 16, false), Content::noise, high_bit);
            ASSERT_EQ(codec.encode({format, noise}, {}, stream, changes), CodecStatus::ok);
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            EXPECT_TRUE(decoded == noise);
        }
    }
}

TEST(Rle, PlanarConfigurationOfTheObjectIsIgnored) {
    const RleCodec codec;
    const PixelFormat format = colour(20, 30, 8, 8, false);
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    const FrameBuffer frame = make_frame(format, Content::smooth);
    ASSERT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    PixelFormat planar = format;
    planar.planar = true;
    EXPECT_EQ(codec.decoded_format(planar), format);
    ASSERT_EQ(codec.decode(stream, planar, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
}

FrameBuffer bytes_of(std::initializer_list<int> values) {
    FrameBuffer bytes;
    for (const int value : values)
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

// Segments one after the other behind a header, as they are.
FrameBuffer assemble(const std::vector<FrameBuffer>& segments) {
    FrameBuffer stream(64);
    const auto put = [&](std::size_t at, std::size_t value) {
        const auto narrow = static_cast<std::uint32_t>(value);
        std::memcpy(&stream[at], &narrow, 4);
    };
    put(0, segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
        put(4 + 4 * i, stream.size());
        stream.insert(stream.end(), segments[i].begin(), segments[i].end());
    }
    return stream;
}

TEST(Rle, DeepColourOfOthersIsRead) { // 3 x 16 bits: six segments, most significant byte first
    const RleCodec codec;
    for (const unsigned bits : {16U, 32U}) {
        const PixelFormat format = colour(6, 11, bits, bits, false);
        const FrameBuffer frame = make_frame(format, Content::noise);
        const std::size_t cell = bits / 8;
        std::vector<FrameBuffer> segments;
        for (std::size_t sample = 0; sample < 3; ++sample)
            for (std::size_t byte = cell; byte-- > 0;) {
                FrameBuffer segment;
                for (std::size_t i = 0; i < 66; ++i) {
                    segment.push_back(std::byte{0}); // a literal of one
                    segment.push_back(frame[(i * 3 + sample) * cell + byte]);
                }
                segments.push_back(segment);
            }
        FrameBuffer decoded;
        EXPECT_FALSE(codec.can_encode(format)); // GDCM 3.0.21 garbles it
        ASSERT_EQ(codec.decode(assemble(segments), format, decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == frame);
    }
}

TEST(Rle, PackBitsAsOthersWriteThem) {
    const RleCodec codec;
    const PixelFormat format = mono(2, 4, 8, 8, false);
    FrameBuffer decoded;
    const FrameBuffer expected = bytes_of({7, 7, 7, 7, 7, 7, 1, 2});
    const auto decode = [&](std::initializer_list<int> segment) {
        return codec.decode(assemble({bytes_of(segment)}), format, decoded);
    };
    ASSERT_EQ(decode({251, 7, 1, 1, 2}), CodecStatus::ok); // a run over the end of a row
    EXPECT_TRUE(decoded == expected);
    ASSERT_EQ(decode({128, 251, 7, 128, 1, 1, 2}), CodecStatus::ok); // with nothing in between
    EXPECT_TRUE(decoded == expected);
    EXPECT_EQ(decode({251, 7, 1, 1, 2, 0}), CodecStatus::ok);    // the pad
    EXPECT_EQ(decode({251, 7, 1, 1, 2, 0, 0}), CodecStatus::ok); // and the item's
    EXPECT_EQ(decode({251, 7, 1, 1, 2, 0, 0, 0}), CodecStatus::corrupt);
    EXPECT_EQ(decode({251, 7, 1, 1, 2, 9}), CodecStatus::corrupt); // more than padding
    EXPECT_EQ(decode({251, 7, 2, 1, 2, 3}), CodecStatus::corrupt); // a literal too long
    EXPECT_EQ(decode({248, 7}), CodecStatus::corrupt);             // a run too long
    EXPECT_EQ(decode({251, 7, 1, 1}), CodecStatus::corrupt);       // a literal cut
    EXPECT_EQ(decode({251, 7, 255}), CodecStatus::corrupt);        // a run cut
    EXPECT_EQ(decode({251, 7}), CodecStatus::corrupt);             // short
    EXPECT_EQ(decode({}), CodecStatus::corrupt);
}

TEST(Rle, SegmentTablesThatDoNotFitAreRefused) {
    const RleCodec codec;
    const PixelFormat format = mono(9, 9, 16, 16, false);
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    ASSERT_EQ(codec.encode({format, make_frame(format, Content::smooth)}, {}, stream, changes),
              CodecStatus::ok);
    const auto with = [&](std::size_t at, std::uint32_t value) {
        FrameBuffer other = stream;
        std::memcpy(&other[at], &value, 4);
        return codec.decode(other, format, decoded);
    };
    EXPECT_EQ(with(0, 1), CodecStatus::mismatch);
    EXPECT_EQ(with(0, 3), CodecStatus::mismatch);
    EXPECT_EQ(with(0, 0), CodecStatus::corrupt);
    EXPECT_EQ(with(0, 16), CodecStatus::corrupt);
    EXPECT_EQ(with(0, 0xFFFFFFFF), CodecStatus::corrupt);
    EXPECT_EQ(with(4, 0), CodecStatus::corrupt);
    EXPECT_EQ(with(4, 66), CodecStatus::corrupt);
    EXPECT_EQ(with(8, 62), CodecStatus::corrupt);
    EXPECT_EQ(with(8, static_cast<std::uint32_t>(stream.size() + 1)), CodecStatus::corrupt);
    EXPECT_EQ(with(8, 0xFFFFFFFF), CodecStatus::corrupt);
    EXPECT_EQ(with(12, 0xFFFFFFFF), CodecStatus::ok); // of no segment
    PixelFormat colour_format = colour(9, 9, 16, 16, false);
    EXPECT_EQ(codec.decode(stream, colour_format, decoded), CodecStatus::mismatch);
    EXPECT_EQ(codec.decode(std::span{stream}.first(63), format, decoded), CodecStatus::corrupt);
}

TEST(Rle, FormatsThatItCannotHoldAreRefused) {
    const RleCodec codec;
    const FrameBuffer stream(64);
    FrameBuffer out;
    PixelFormat four = mono(8, 8, 32, 32, false); // 16 segments
    four.samples = 4;
    four.photometric = Photometric::other;
    for (const PixelFormat& format :
         {four, colour(8, 8, 64, 64, false), colour(8, 8, 8, 8, false, Photometric::ybr_full_422),
          colour(8, 8, 8, 8, false, Photometric::ybr_rct), mono(0, 8, 8, 8, false),
          mono(3, 3, 1, 1, false), mono(65535, 65535, 8, 8, false)}) {
        EXPECT_FALSE(codec.can_encode(format));
        EXPECT_EQ(codec.decode(stream, format, out), CodecStatus::unsupported);
    }
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 16, 16, false, Photometric::ybr_full)));
    const PixelFormat format = mono(8, 8, 8, 8, false);
    AttributeChanges changes;
    EXPECT_EQ(codec.encode({format, FrameBuffer(63)}, {}, out, changes), CodecStatus::unsupported);
}

TEST(Rle, WhatGrowsTooMuchIsIncompressible) { // one byte a row takes two
    const RleCodec codec;
    const PixelFormat format = mono(60000, 1, 8, 8, false);
    FrameBuffer out;
    AttributeChanges changes;
    EXPECT_EQ(codec.encode({format, make_frame(format, Content::noise)}, {}, out, changes),
              CodecStatus::incompressible);
}

TEST(Rle, RowsOfAnyContentStayWithinTheLimit) {
    Random random{5};
    for (int trial = 0; trial < 4000; ++trial) {
        FrameBuffer row(1 + random.below(700));
        const std::uint64_t kinds = 1 + random.below(4); // few values: runs of every length
        for (std::byte& byte : row)
            byte = static_cast<std::byte>(random.below(kinds));
        FrameBuffer packed(packed_limit(row.size())), back(row.size());
        const std::size_t size = pack_row(row, packed.data());
        ASSERT_LE(size, packed.size());
        ASSERT_TRUE(unpack_segment(std::span{packed}.first(size), back));
        ASSERT_TRUE(back == row);
    }
}

TEST(Rle, BrokenStreamsStayInBounds) { // judged by AddressSanitizer
    const RleCodec codec;
    Random random{11};
    int refused = 0;
    for (const PixelFormat& format :
         {mono(40, 33, 8, 8, false), mono(33, 47, 16, 12, true), colour(30, 41, 8, 8, false)}) {
        FrameBuffer stream, decoded;
        AttributeChanges changes;
        ASSERT_EQ(codec.encode({format, make_frame(format, Content::smooth)}, {}, stream, changes),
                  CodecStatus::ok);
        for (std::size_t size = 0; size < stream.size(); size += 7)
            ASSERT_EQ(codec.decode(std::span{stream}.first(size), format, decoded),
                      CodecStatus::corrupt);
        for (int trial = 0; trial < 3000; ++trial) {
            FrameBuffer broken = stream;
            for (std::uint64_t n = 1 + random.below(6); n > 0; --n)
                broken[random.below(random.below(2) != 0 ? 80 : broken.size())] =
                    static_cast<std::byte>(random.below(256));
            const CodecStatus status = codec.decode(broken, format, decoded);
            if (status == CodecStatus::ok)
                ASSERT_EQ(decoded.size(), format.frame_bytes());
            else
                ++refused;
        }
    }
    EXPECT_GT(refused, 3000);
}

} // namespace
} // namespace dcmflow::codecs::test
