// JPEG-LS: what we write decodes to the source, with our decoder and with plain CharLS.
#include "codecs/jpeg_ls.h"
#include "codecs/jpeg_ls_stream.h"
#include "tests/codecs/frames.h"

#include <charls/charls.h>
#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

// CharLS alone, nothing of ours: samples widened to the header's cells, sign restored.
FrameBuffer plain_charls(const FrameBuffer& stream, const PixelFormat& format) {
    charls::jpegls_decoder decoder;
    decoder.source(stream.data(), stream.size());
    decoder.read_header();
    const charls::frame_info info = decoder.frame_info();
    EXPECT_EQ(info.width, format.columns);
    EXPECT_EQ(info.height, format.rows);
    EXPECT_EQ(info.component_count, format.samples);
    EXPECT_EQ(decoder.near_lossless(), 0);
    std::vector<std::uint8_t> raw(decoder.destination_size());
    decoder.decode(raw.data(), raw.size());
    const std::size_t in = info.bits_per_sample <= 8 ? 1 : 2;
    const std::size_t cell = format.bytes_per_sample();
    FrameBuffer out(raw.size() / in * cell);
    for (std::size_t i = 0; i < raw.size() / in; ++i) {
        std::uint64_t value = 0;
        std::memcpy(&value, &raw[i * in], in);
        if (format.is_signed && (value >> (info.bits_per_sample - 1)) != 0)
            value |= ~0ULL << info.bits_per_sample;
        put_cell(out, i, static_cast<unsigned>(cell), value);
    }
    return out;
}

TEST(JpegLs, EveryFormatSurvivesOurDecoderAndPlainCharls) {
    const JpegLsCodec codec;
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    int coded = 0, incompressible = 0;
    for (const PixelFormat& format : matrix()) {
        ASSERT_EQ(codec.can_encode(format), format.bits_stored >= 2);
        if (!codec.can_encode(format))
            continue;
        for (const Content content : contents) {
            SCOPED_TRACE(describe(format, content));
            const FrameBuffer frame = make_frame(format, content);
            const CodecStatus status = codec.encode({format, frame}, {}, stream, changes);
            if (status == CodecStatus::incompressible) {
                ASSERT_TRUE(content == Content::noise || content == Content::extremes);
                ++incompressible;
                continue;
            }
            ASSERT_EQ(status, CodecStatus::ok);
            ++coded;
            ASSERT_EQ(stream.size() % 2, 0U);
            ASSERT_LE(stream.size(), encoded_limit(format));
            EXPECT_EQ(changes.photometric, format.photometric);
            EXPECT_FALSE(changes.planar);
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            const FrameBuffer expected = by_pixel(frame, format);
            ASSERT_TRUE(decoded == expected);
            ASSERT_TRUE(plain_charls(stream, format) == expected);
        }
    }
    EXPECT_GT(coded, 2500);
    EXPECT_LT(incompressible, 100);
    RecordProperty("coded", coded);
    RecordProperty("incompressible", incompressible);
}

TEST(JpegLs, PrecisionIsWhatGdcmAndDcmtkRead) {
    const JpegLsCodec codec;
    FrameBuffer stream;
    AttributeChanges changes;
    const auto precision = [&](unsigned allocated, unsigned stored, bool is_signed) -> unsigned {
        const PixelFormat format = mono(16, 16, allocated, stored, is_signed);
        const FrameBuffer frame = make_frame(format, Content::gradient);
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
        JpegLsHeader header;
        EXPECT_EQ(parse_jpeg_ls(stream, header), CodecStatus::ok);
        EXPECT_EQ(header.end, stream.size()); // FF fill before EOI, no pad behind it
        return header.precision;
    };
    EXPECT_EQ(precision(8, 6, false), 8U);
    EXPECT_EQ(precision(8, 7, true), 8U);
    EXPECT_EQ(precision(16, 8, false), 16U);
    EXPECT_EQ(precision(16, 5, true), 16U);
    EXPECT_EQ(precision(16, 9, false), 9U);
    EXPECT_EQ(precision(16, 12, false), 12U);
    EXPECT_EQ(precision(16, 12, true), 16U);
    EXPECT_EQ(precision(16, 16, true), 16U);
}

TEST(JpegLs, ColourIsInterleavedByLine) {
    const JpegLsCodec codec;
    FrameBuffer stream;
    AttributeChanges changes;
    for (const bool planar : {false, true}) {
        const PixelFormat format = colour(20, 30, 8, 8, planar);
        ASSERT_EQ(codec.encode({format, make_frame(format, Content::smooth)}, {}, stream, changes),
                  CodecStatus::ok);
        JpegLsHeader header;
        ASSERT_EQ(parse_jpeg_ls(stream, header), CodecStatus::ok);
        EXPECT_EQ(header.interleave, 1);
        EXPECT_EQ(header.components, 3);
    }
}

TEST(JpegLs, DirtyBitsAreRefused) {
    const JpegLsCodec codec;
    FrameBuffer stream;
    AttributeChanges changes;
    for (const bool is_signed : {false, true}) {
        for (const unsigned stored : {5U, 10U, 12U, 15U}) {
            const PixelFormat format = mono(31, 17, 16, stored, is_signed);
            FrameBuffer frame = make_frame(format, Content::smooth);
            ASSERT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
            frame.back() ^= std::byte{0x80};
            EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::dirty_bits);
        }
    }
    PixelFormat left_aligned = mono(8, 8, 16, 12, false);
    left_aligned.high_bit = 15;
    const FrameBuffer zeros(left_aligned.frame_bytes());
    EXPECT_EQ(codec.encode({left_aligned, zeros}, {}, stream, changes), CodecStatus::dirty_bits);
}

TEST(JpegLs, FormatsOutsideTheStandardAreRefused) {
    const JpegLsCodec codec;
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 8, 1, false)));
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 1, 1, false)));
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 32, 32, false)));
    EXPECT_FALSE(codec.can_encode(mono(0, 8, 8, 8, false)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_full_422)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_rct)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 16, 16, false, Photometric::ybr_full)));
    EXPECT_TRUE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_full)));
    PixelFormat signed_colour = colour(8, 8, 8, 8, false);
    signed_colour.is_signed = true;
    EXPECT_FALSE(codec.can_encode(signed_colour));
    PixelFormat four = mono(8, 8, 8, 8, false);
    four.samples = 4;
    four.photometric = Photometric::other;
    EXPECT_FALSE(codec.can_encode(four));
    const PixelFormat format = mono(8, 8, 8, 8, false);
    FrameBuffer stream, short_frame(63);
    AttributeChanges changes;
    EXPECT_EQ(codec.encode({format, short_frame}, {}, stream, changes), CodecStatus::unsupported);
}

// --- Streams of others.

FrameBuffer charls_encode(const FrameBuffer& pixels, const PixelFormat& format, int precision,
                          charls::interleave_mode mode, int near = 0) {
    charls::jpegls_encoder encoder;
    encoder.frame_info({format.columns, format.rows, precision, format.samples});
    encoder.interleave_mode(mode);
    encoder.near_lossless(near);
    FrameBuffer out(encoder.estimated_destination_size());
    encoder.destination(out.data(), out.size());
    out.resize(encoder.encode(pixels.data(), pixels.size()));
    return out;
}

TEST(JpegLs, AllInterleavesDecodeToColourByPixel) {
    const JpegLsCodec codec;
    for (const unsigned bits : {8U, 16U}) {
        const PixelFormat format = colour(33, 21, bits, bits, false);
        PixelFormat planar = format;
        planar.planar = true;
        const FrameBuffer planes = make_frame(planar, Content::smooth);
        const FrameBuffer pixels = by_pixel(planes, planar);
        FrameBuffer decoded;
        using charls::interleave_mode;
        const int depth = static_cast<int>(bits);
        for (const auto& stream : {charls_encode(planes, format, depth, interleave_mode::none),
                                   charls_encode(pixels, format, depth, interleave_mode::line),
                                   charls_encode(pixels, format, depth, interleave_mode::sample)}) {
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            EXPECT_TRUE(decoded == pixels);
        }
    }
}

TEST(JpegLs, WholeCellPrecisionOfGdcmAndDcmtkIsRead) {
    const JpegLsCodec codec;
    for (const bool is_signed : {false, true}) {
        const PixelFormat format = mono(40, 40, 16, 12, is_signed);
        FrameBuffer frame = make_frame(format, Content::smooth), decoded;
        frame.back() ^= std::byte{0x40}; // an overlay bit: coded, so it must come back
        const auto stream = charls_encode(frame, format, 16, charls::interleave_mode::none);
        ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == frame);
    }
}

TEST(JpegLs, SignIsRestoredInStreamsOfBitsStored) {
    const JpegLsCodec codec;
    for (const unsigned stored : {9U, 12U, 15U}) {
        const PixelFormat format = mono(40, 40, 16, stored, true);
        const FrameBuffer frame = make_frame(format, Content::noise);
        const auto stream = charls_encode(frame, format, static_cast<int>(stored),
                                          charls::interleave_mode::none);
        FrameBuffer decoded;
        ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == frame);
    }
}

TEST(JpegLs, EightBitStreamInSixteenBitCells) {
    const JpegLsCodec codec;
    const PixelFormat narrow = mono(9, 14, 8, 8, false);
    const FrameBuffer bytes = make_frame(narrow, Content::noise);
    const auto stream = charls_encode(bytes, narrow, 8, charls::interleave_mode::none);
    for (const bool is_signed : {false, true}) {
        const PixelFormat format = mono(9, 14, 16, 8, is_signed);
        FrameBuffer decoded;
        ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
        ASSERT_EQ(decoded.size(), format.frame_bytes());
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            std::int16_t cell;
            std::memcpy(&cell, &decoded[2 * i], 2);
            const auto byte = std::to_integer<std::uint8_t>(bytes[i]);
            ASSERT_EQ(cell, is_signed ? static_cast<std::int8_t>(byte) : byte);
        }
    }
}

class JpegLsForeign : public testing::Test {
  protected:
    JpegLsForeign() {
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    }
    CodecStatus decode(const FrameBuffer& bytes) { return codec.decode(bytes, format, decoded); }

    const JpegLsCodec codec;
    const PixelFormat format = mono(50, 60, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    FrameBuffer stream, decoded;
    AttributeChanges changes;
};

TEST_F(JpegLsForeign, PadBehindEoiIsTolerated) {
    for (const std::byte pad : {std::byte{0}, std::byte{0xFF}}) {
        FrameBuffer padded = stream;
        padded.insert(padded.end(), 3, pad);
        ASSERT_EQ(decode(padded), CodecStatus::ok);
        EXPECT_TRUE(decoded == frame);
    }
    FrameBuffer garbage = stream;
    garbage.push_back(std::byte{0x11});
    EXPECT_EQ(decode(garbage), CodecStatus::corrupt);
}

TEST_F(JpegLsForeign, ZeroBeforeEoiIsTolerated) { // WG04 MR1_JLSL, charls#365
    FrameBuffer padded = stream;
    padded.insert(padded.end() - 2, std::byte{0});
    ASSERT_EQ(decode(padded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
}

TEST_F(JpegLsForeign, HeaderMustAgreeWithTheDataSet) {
    const auto with = [&](auto change) {
        PixelFormat other = format;
        change(other);
        return codec.decode(stream, other, decoded);
    };
    EXPECT_EQ(with([](PixelFormat& f) { f.rows = 51; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.columns = 59; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_stored = 11, f.high_bit = 10; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.high_bit = 15; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 3, f.photometric = Photometric::rgb; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = 32; }), CodecStatus::unsupported);
}

TEST_F(JpegLsForeign, NearLosslessIsNotRead) {
    const auto lossy = charls_encode(frame, format, 12, charls::interleave_mode::none, 2);
    EXPECT_EQ(decode(lossy), CodecStatus::unsupported);
}

TEST_F(JpegLsForeign, OversizeDimensionSegmentNeverReachesCharls) { // GHSA-mqrg-gfc8-73ff
    const std::array<unsigned char, 13> lse{0xFF, 0xF8, 0,    11,   4,    3, 0xFF,
                                            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0};
    FrameBuffer attack = stream;
    const auto* bytes = reinterpret_cast<const std::byte*>(lse.data());
    attack.insert(attack.begin() + 2, bytes, bytes + lse.size());
    EXPECT_EQ(decode(attack), CodecStatus::unsupported);
}

TEST_F(JpegLsForeign, EveryTruncationIsCorrupt) {
    for (std::size_t size = 0; size < stream.size(); ++size)
        ASSERT_EQ(decode(FrameBuffer(stream.begin(), stream.begin() + static_cast<long>(size))),
                  CodecStatus::corrupt)
            << size;
}

} // namespace
} // namespace dcmflow::codecs::test
