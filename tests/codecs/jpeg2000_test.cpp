// JPEG 2000: what we write decodes to the source, with our decoder and with plain OpenJPEG.
#include "codecs/jpeg2000.h"
#include "codecs/jpeg2000_stream.h"
#include "tests/codecs/frames.h"
#include "tests/codecs/opj_raw.h"

#include <gtest/gtest.h>

#include <map>

namespace dcmflow::codecs::test {
namespace {

FrameBuffer plain_openjpeg(const FrameBuffer& stream, const PixelFormat& format) {
    const RawImage image = opj_raw_decode(stream);
    EXPECT_EQ(image.components.size(), format.samples);
    FrameBuffer out(format.frame_bytes());
    for (std::size_t s = 0; s < image.components.size(); ++s)
        for (std::size_t i = 0; i < image.components[s].size(); ++i)
            put_cell(out, i * format.samples + s, format.bytes_per_sample(),
                     static_cast<std::uint64_t>(std::int64_t{image.components[s][i]}));
    return out;
}

bool expected_can_encode(const PixelFormat& format) {
    return !(format.is_signed && format.bits_allocated == 8); // viewers.md item 2
}

TEST(Jpeg2000, EveryFormatSurvivesOurDecoderAndPlainOpenjpeg) {
    const Jpeg2000Codec codec;
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    int coded = 0, incompressible = 0;
    for (const PixelFormat& format : matrix()) {
        ASSERT_EQ(codec.can_encode(format), expected_can_encode(format));
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
            EXPECT_FALSE(changes.planar);
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            const FrameBuffer expected = by_pixel(frame, format);
            ASSERT_TRUE(decoded == expected);
            ASSERT_TRUE(plain_openjpeg(stream, format) == expected);
        }
    }
    EXPECT_GT(coded, 2500);
    RecordProperty("coded", coded);
    RecordProperty("incompressible", incompressible);
}

// Signs of the taps of five low-pass steps of the 5/3 wavelet, centred: the input that makes one
// coefficient as large as it can be.
std::vector<int> worst_signs() {
    const std::array<double, 5> low{-1, 2, 6, 2, -1};
    std::vector<double> taps{1};
    for (std::size_t step = 1; step <= 16; step *= 2) {
        std::vector<double> next(taps.size() + 4 * step);
        for (std::size_t i = 0; i < taps.size(); ++i)
            for (std::size_t j = 0; j < low.size(); ++j)
                next[i + j * step] += taps[i] * low[j];
        taps = next;
    }
    std::vector<int> signs;
    for (const double tap : taps)
        signs.push_back(tap < 0 ? -1 : 1);
    return signs;
}

TEST(Jpeg2000, LargestCoefficientsKeepTheirTopBit) { // two guard bits lose it
    const Jpeg2000Codec codec;
    const std::vector<int> signs = worst_signs();
    const auto half = static_cast<std::uint32_t>(signs.size() / 2);
    const PixelFormat format = colour(256, 256, 8, 8, false);
    FrameBuffer frame(format.frame_bytes()), stream, decoded;
    for (std::uint32_t y = 0; y < 256; ++y) {
        for (std::uint32_t x = 0; x < 256; ++x) {
            const std::uint32_t i = x + half - 128, j = y + half - 128; // wraps when outside
            const bool inside = i < signs.size() && j < signs.size();
            const bool positive = inside && signs[i] * signs[j] > 0;
            std::byte* pixel = &frame[(y * 256 + x) * 3]; // Cb = B - G is ±255
            pixel[1] = positive ? std::byte{0} : std::byte{255};
            pixel[2] = positive ? std::byte{255} : std::byte{0};
        }
    }
    AttributeChanges changes;
    ASSERT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    ASSERT_EQ(changes.photometric, Photometric::ybr_rct);
    ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
}

TEST(Jpeg2000, FewBitsOfNoiseAreExactOrRefused) {
    const Jpeg2000Codec codec;
    Random random{11};
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        const auto rows = static_cast<std::uint32_t>(1 + random.below(150));
        const auto columns = static_cast<std::uint32_t>(1 + random.below(150));
        const auto stored = static_cast<unsigned>(1 + random.below(3));
        const PixelFormat format = random.below(2) != 0 ? mono(rows, columns, 8, stored, false)
                                                        : colour(rows, columns, 8, stored, false);
        const FrameBuffer frame = make_frame(format, contents[2 + random.below(2)], seed);
        const CodecStatus status = codec.encode({format, frame}, {}, stream, changes);
        if (status == CodecStatus::incompressible)
            continue;
        ASSERT_EQ(status, CodecStatus::ok);
        ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
        ASSERT_TRUE(decoded == frame) << describe(format, Content::noise);
    }
}

TEST(Jpeg2000, ColourTransformOnlyForEightBitRgb) {
    const Jpeg2000Codec codec;
    FrameBuffer stream;
    AttributeChanges changes;
    const auto photometric = [&](const PixelFormat& format, bool transform = true) {
        const FrameBuffer frame = make_frame(format, Content::smooth);
        EXPECT_EQ(codec.encode({format, frame}, {.colour_transform = transform}, stream, changes),
                  CodecStatus::ok);
        EXPECT_EQ(opj_raw_decode(stream).mct, changes.photometric == Photometric::ybr_rct);
        return changes.photometric;
    };
    EXPECT_EQ(photometric(colour(40, 40, 8, 8, false)), Photometric::ybr_rct);
    EXPECT_EQ(photometric(colour(40, 40, 8, 8, true)), Photometric::ybr_rct);
    EXPECT_EQ(photometric(colour(40, 40, 8, 8, false), false), Photometric::rgb);
    EXPECT_EQ(photometric(colour(40, 40, 16, 16, false)), Photometric::rgb);
    EXPECT_EQ(photometric(colour(40, 40, 8, 8, false, Photometric::ybr_full)),
              Photometric::ybr_full);
    PixelFormat palette = mono(40, 40, 8, 8, false);
    palette.photometric = Photometric::palette_color;
    EXPECT_EQ(photometric(palette), Photometric::palette_color);
}

TEST(Jpeg2000, HeaderSaysPrecisionAndSign) {
    const Jpeg2000Codec codec;
    FrameBuffer stream;
    AttributeChanges changes;
    const auto header_of = [&](const PixelFormat& format) {
        const FrameBuffer frame = make_frame(format, Content::smooth);
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
        Jpeg2000Header header;
        EXPECT_EQ(parse_jpeg2000(stream, header), CodecStatus::ok);
        EXPECT_EQ(stream[0], std::byte{0xFF}); // a bare codestream, no JP2
        EXPECT_EQ(stream[1], std::byte{0x4F});
        return header;
    };
    EXPECT_EQ(header_of(mono(9, 9, 16, 12, true)).precision, 12);
    EXPECT_TRUE(header_of(mono(9, 9, 16, 12, true)).is_signed);
    EXPECT_FALSE(header_of(mono(9, 9, 16, 12, false)).is_signed);
    EXPECT_EQ(header_of(mono(9, 9, 8, 7, false)).precision, 7);
    EXPECT_EQ(header_of(mono(9, 9, 16, 9, false)).precision, 9);
    EXPECT_EQ(header_of(mono(9, 9, 16, 8, false)).precision, 16); // GDCM: 8-bit cells otherwise
    EXPECT_EQ(header_of(mono(9, 9, 16, 8, true)).precision, 16);  // viewers.md item 2
    EXPECT_TRUE(header_of(mono(9, 9, 16, 8, true)).is_signed);
}

TEST(Jpeg2000, DirtyBitsAreRefused) {
    const Jpeg2000Codec codec;
    FrameBuffer stream;
    AttributeChanges changes;
    for (const bool is_signed : {false, true}) {
        const PixelFormat format = mono(31, 17, 16, 12, is_signed);
        FrameBuffer frame = make_frame(format, Content::smooth);
        frame[1] ^= std::byte{0x10};
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::dirty_bits);
    }
}

TEST(Jpeg2000, FormatsThatWouldNotSurviveAreRefused) {
    const Jpeg2000Codec codec;
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 1, 1, false)));
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 32, 24, false)));
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 8, 8, true)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_full_422)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_ict)));
    EXPECT_FALSE(codec.can_encode(mono(65535, 65535, 16, 16, false))); // over max_frame_bytes
}

// --- Streams of others.

TEST(Jpeg2000, LostSignIsRestoredFromBitsStored) { // pydicom J2K_pixelrep_mismatch
    const Jpeg2000Codec codec;
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    const PixelFormat as_unsigned = mono(20, 20, 16, 13, false);
    const FrameBuffer raw = make_frame(as_unsigned, Content::noise);
    ASSERT_EQ(codec.encode({as_unsigned, raw}, {}, stream, changes), CodecStatus::ok);
    const PixelFormat as_signed = mono(20, 20, 16, 13, true);
    ASSERT_EQ(codec.decode(stream, as_signed, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == make_frame(as_signed, Content::noise));
    // Which bit was the sign, if precision is neither Bits Stored nor Bits Allocated?
    EXPECT_EQ(codec.decode(stream, mono(20, 20, 16, 14, true), decoded), CodecStatus::mismatch);
}

TEST(Jpeg2000, NegativeSamplesInAnUnsignedObjectAreAMismatch) {
    const Jpeg2000Codec codec;
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    const PixelFormat as_signed = mono(20, 20, 16, 12, true);
    FrameBuffer frame = make_frame(as_signed, Content::noise);
    ASSERT_EQ(codec.encode({as_signed, frame}, {}, stream, changes), CodecStatus::ok);
    EXPECT_EQ(codec.decode(stream, mono(20, 20, 16, 12, false), decoded), CodecStatus::mismatch);
    frame = make_frame(mono(20, 20, 16, 11, false), Content::noise); // none negative
    ASSERT_EQ(codec.encode({as_signed, frame}, {}, stream, changes), CodecStatus::ok);
    ASSERT_EQ(codec.decode(stream, mono(20, 20, 16, 12, false), decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
}

class Jpeg2000Foreign : public testing::Test {
  protected:
    Jpeg2000Foreign() {
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    }
    CodecStatus decode(const FrameBuffer& bytes) { return codec.decode(bytes, format, decoded); }

    const Jpeg2000Codec codec;
    const PixelFormat format = mono(50, 60, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    FrameBuffer stream, decoded;
    AttributeChanges changes;
};

TEST_F(Jpeg2000Foreign, PadBehindEocIsTolerated) {
    FrameBuffer padded = stream;
    padded.insert(padded.end(), 3, std::byte{0});
    ASSERT_EQ(decode(padded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    padded.push_back(std::byte{7});
    EXPECT_EQ(decode(padded), CodecStatus::corrupt);
}

TEST_F(Jpeg2000Foreign, HeaderMustAgreeWithTheDataSet) {
    const auto with = [&](auto change) {
        PixelFormat other = format;
        change(other);
        return codec.decode(stream, other, decoded);
    };
    EXPECT_EQ(with([](PixelFormat& f) { f.rows = 51; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.columns = 59; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 3, f.photometric = Photometric::rgb; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = 8, f.bits_stored = 8, f.high_bit = 7; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.high_bit = 15; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = 32; }), CodecStatus::unsupported);
}

TEST_F(Jpeg2000Foreign, Jp2BoxesAreUnwrapped) { // codecs.md §4 row 32
    const auto box = [](const char* type, const FrameBuffer& content) {
        const std::size_t size = content.size() + 8;
        FrameBuffer bytes;
        for (int shift = 24; shift >= 0; shift -= 8)
            bytes.push_back(static_cast<std::byte>(size >> shift & 0xFF));
        for (int i = 0; i < 4; ++i)
            bytes.push_back(static_cast<std::byte>(type[i]));
        bytes.insert(bytes.end(), content.begin(), content.end());
        return bytes;
    };
    FrameBuffer file = box(
        "jP  ", FrameBuffer{std::byte{0x0D}, std::byte{0x0A}, std::byte{0x87}, std::byte{0x0A}});
    for (const FrameBuffer& part : {box("ftyp", FrameBuffer(12)), box("jp2c", stream)})
        file.insert(file.end(), part.begin(), part.end());
    ASSERT_EQ(decode(file), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    FrameBuffer two = file; // a second codestream would be a frame that nobody decodes
    const FrameBuffer second = box("jp2c", stream);
    two.insert(two.end(), second.begin(), second.end());
    EXPECT_EQ(decode(two), CodecStatus::corrupt);
    for (std::size_t size = 0; size < 60; ++size)
        EXPECT_EQ(decode(FrameBuffer(file.begin(), file.begin() + static_cast<long>(size))),
                  CodecStatus::corrupt);
}

TEST_F(Jpeg2000Foreign, LossyWaveletIsNotRead) {
    const FrameBuffer lossy = opj_raw_encode(frame, format, {.irreversible = true});
    EXPECT_EQ(decode(lossy), CodecStatus::unsupported);
}

TEST_F(Jpeg2000Foreign, TilesLayersAndProgressionsAreRead) {
    for (const int progression : {0, 1, 2, 3, 4}) {
        const FrameBuffer tiled = opj_raw_encode(
            frame, format, {.tile = 32, .layers = 3, .progression = progression, .block = 16});
        ASSERT_EQ(decode(tiled), CodecStatus::ok) << progression;
        EXPECT_TRUE(decoded == frame);
    }
}

std::uint64_t number(const FrameBuffer& bytes, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes.at(at + i));
    return value;
}

// All first parts, then all second parts; TNsot in the last part of each tile only if `unsaid`.
FrameBuffer interleave_parts(const FrameBuffer& stream, bool unsaid) {
    std::size_t at = 2;
    while (number(stream, at, 2) != 0xFF90)
        at += 2 + number(stream, at + 2, 2);
    const auto slice = [&](std::size_t from, std::size_t to) {
        return FrameBuffer(stream.begin() + static_cast<long>(from),
                           stream.begin() + static_cast<long>(to));
    };
    FrameBuffer result = slice(0, at);
    std::map<std::uint64_t, FrameBuffer> rounds;
    while (number(stream, at, 2) == 0xFF90) {
        const std::size_t length = number(stream, at + 6, 4);
        FrameBuffer part = slice(at, at + length);
        const std::uint64_t index = number(part, 10, 1);
        if (unsaid && index + 1 < number(part, 11, 1))
            part[11] = std::byte{0};
        rounds[index].insert(rounds[index].end(), part.begin(), part.end());
        at += length;
    }
    EXPECT_GT(rounds.size(), 2U);
    for (const auto& [index, parts] : rounds)
        result.insert(result.end(), parts.begin(), parts.end());
    result.insert(result.end(), {std::byte{0xFF}, std::byte{0xD9}});
    return result;
}

TEST_F(Jpeg2000Foreign, InterleavedTilePartsAreReadIfTheirNumberIsSaid) {
    const FrameBuffer tiled =
        opj_raw_encode(frame, format, {.tile = 32, .progression = 2, .tile_parts = true});
    ASSERT_EQ(decode(tiled), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    decoded.clear();
    ASSERT_EQ(decode(interleave_parts(tiled, false)), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    EXPECT_EQ(decode(interleave_parts(tiled, true)), CodecStatus::unsupported);
}

TEST_F(Jpeg2000Foreign, EveryTruncationIsCorrupt) {
    for (std::size_t size = 0; size < stream.size() - 1; ++size)
        ASSERT_EQ(decode(FrameBuffer(stream.begin(), stream.begin() + static_cast<long>(size))),
                  CodecStatus::corrupt)
            << size;
}

} // namespace
} // namespace dcmflow::codecs::test
