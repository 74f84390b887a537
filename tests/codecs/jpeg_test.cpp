// 8-bit JPEG: streams made by libjpeg here come back as what libjpeg alone decodes; colours follow
// the stream's own statements; what contradicts, overruns or is broken is refused.
#include "codecs/jpeg.h"
#include "codecs/jpeg_stream.h"
#include "tests/codecs/frames.h"
#include "tests/codecs/jpeg_streams.h"

#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

const PixelFormat gray_format = mono(37, 51, 8, 8, false);
PixelFormat colour_format(Photometric photometric = Photometric::ybr_full) {
    return colour(36, 52, 8, 8, false, photometric);
}
PixelFormat native_rgb() {
    return colour_format(Photometric::rgb);
}

TEST(Jpeg, GrayIsWhatLibjpegDecodes) {
    const JpegCodec codec{};
    for (const Content content : contents) {
        const FrameBuffer stream = jpeg_encode(make_frame(gray_format, content), gray_format, {});
        FrameBuffer decoded;
        ASSERT_EQ(codec.decode(stream, gray_format, decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == jpeg_decode(stream, JCS_GRAYSCALE));
        EXPECT_EQ(codec.decoded_format(gray_format), gray_format);
    }
}

struct ColourCase {
    const char* what;
    JpegMaking making;
    Photometric tag;
    std::optional<JpegColour> expected; // nothing: refused
};

class JpegColours : public testing::TestWithParam<ColourCase> {};

TEST_P(JpegColours, AreWhatTheStreamSays) { // codecs.md §4 row 30
    const auto& [what, making, tag, expected] = GetParam();
    SCOPED_TRACE(what);
    const JpegCodec codec{};
    const PixelFormat format = colour_format(tag);
    const FrameBuffer frame = make_frame(native_rgb(), Content::smooth);
    const FrameBuffer stream = jpeg_encode(frame, native_rgb(), making);
    FrameBuffer decoded;
    const PixelFormat native = codec.decoded_format(format);
    EXPECT_EQ(native, native_rgb());
    if (!expected) {
        EXPECT_EQ(codec.decode(stream, format, decoded), CodecStatus::mismatch);
        return;
    }
    ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
    ASSERT_EQ(decoded.size(), native.frame_bytes());
    EXPECT_TRUE(decoded == jpeg_decode(stream, *expected == JpegColour::rgb ? JCS_RGB : JCS_YCbCr));
    if ((making.space == JCS_RGB) == (*expected == JpegColour::rgb)) {
        EXPECT_LT(mean_difference(decoded, frame), 8.0); // the same image, then
    }
}

constexpr auto as_rgb = JpegColour::rgb;
constexpr auto as_ycbcr = JpegColour::ycbcr;
using enum Photometric;

INSTANTIATE_TEST_SUITE_P(
    Rules, JpegColours,
    testing::Values(
        ColourCase{"JFIF", {.jfif = true}, ybr_full, as_ycbcr},
        ColourCase{"JFIF, though the tag says RGB", {.jfif = true}, rgb, as_ycbcr},
        ColourCase{"JFIF 4:2:2", {.jfif = true, .horizontal = 2}, ybr_full_422, as_ycbcr},
        ColourCase{
            "JFIF 4:2:0", {.jfif = true, .horizontal = 2, .vertical = 2}, ybr_full, as_ycbcr},
        ColourCase{"JFIF, YBR_ICT", {.jfif = true}, ybr_ict, as_ycbcr},
        ColourCase{"Adobe 1", {.adobe = 1}, ybr_full_422, as_ycbcr},
        ColourCase{"Adobe 1, tag RGB", {.adobe = 1}, rgb, as_ycbcr},
        ColourCase{"JFIF and Adobe 1", {.jfif = true, .adobe = 1}, ybr_full, as_ycbcr},
        ColourCase{"Adobe 0", {.space = JCS_RGB, .adobe = 0}, rgb, as_rgb},
        ColourCase{"Adobe 0, tag YBR_FULL", {.space = JCS_RGB, .adobe = 0}, ybr_full, as_rgb},
        ColourCase{"ids RGB", {.space = JCS_RGB, .rgb_ids = true}, rgb, as_rgb},
        ColourCase{"ids RGB, tag 422", {.space = JCS_RGB, .rgb_ids = true}, ybr_full_422, as_rgb},
        ColourCase{"nothing, tag YBR_FULL", {}, ybr_full, as_ycbcr},
        ColourCase{"nothing, tag YBR_FULL_422", {.horizontal = 2}, ybr_full_422, as_ycbcr},
        ColourCase{"nothing, tag RGB, subsampled", {.horizontal = 2}, rgb, as_ycbcr},
        ColourCase{"nothing but a tag RGB: both exist", {}, rgb, std::nullopt},
        ColourCase{"Adobe 2", {.adobe = 2}, ybr_full, std::nullopt},
        ColourCase{"JFIF and Adobe 0", {.jfif = true, .adobe = 0}, ybr_full, std::nullopt},
        ColourCase{"JFIF and ids RGB", {.jfif = true, .rgb_ids = true}, ybr_full, std::nullopt},
        ColourCase{"Adobe 1 and ids RGB", {.adobe = 1, .rgb_ids = true}, ybr_full, std::nullopt}));

TEST(Jpeg, ExtendedAndRestartsAndSeveralScansAreRead) {
    const JpegCodec codec{};
    const FrameBuffer frame = make_frame(native_rgb(), Content::smooth);
    for (const JpegMaking& making :
         {JpegMaking{.jfif = true, .restart_rows = 1}, JpegMaking{.jfif = true, .scans = 3},
          JpegMaking{.jfif = true, .quality = 3}}) {
        const FrameBuffer stream = jpeg_encode(frame, native_rgb(), making);
        FrameBuffer decoded;
        ASSERT_EQ(codec.decode(stream, colour_format(), decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == jpeg_decode(stream, JCS_YCbCr));
        FrameBuffer extended = stream; // SOF1: the same coding of 8 bits
        set_marker(extended, 0xC0, 0xC1);
        ASSERT_EQ(codec.decode(extended, colour_format(), decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == jpeg_decode(stream, JCS_YCbCr));
    }
}

class JpegForeign : public testing::Test {
  protected:
    CodecStatus decode(const FrameBuffer& bytes) {
        return codec.decode(bytes, gray_format, decoded);
    }
    const JpegCodec codec{};
    const FrameBuffer stream =
        jpeg_encode(make_frame(gray_format, Content::smooth), gray_format, {.jfif = true});
    FrameBuffer decoded;
};

TEST_F(JpegForeign, HeaderMustAgreeWithTheDataSet) {
    const auto with = [&](auto change) {
        PixelFormat other = gray_format;
        change(other);
        return codec.decode(stream, other, decoded);
    };
    EXPECT_EQ(with([](PixelFormat& f) { f.rows = 38; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.columns = 50; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 3, f.photometric = ybr_full; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_stored = 7, f.high_bit = 6; }),
              CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = 16; }), CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.is_signed = true; }), CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 3, f.photometric = Photometric::other; }),
              CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 4, f.photometric = Photometric::other; }),
              CodecStatus::unsupported);
}

TEST_F(JpegForeign, OtherProcessesAreUnsupported) {
    EXPECT_EQ(decode(jpeg_encode(make_frame(gray_format, Content::smooth), gray_format,
                                 {.progressive = true})),
              CodecStatus::unsupported);
    EXPECT_EQ(decode(jpeg_encode(make_frame(gray_format, Content::smooth), gray_format,
                                 {.arithmetic = true})),
              CodecStatus::unsupported);
    for (const int marker : {0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCD, 0xCF}) {
        FrameBuffer other = stream;
        set_marker(other, 0xC0, marker);
        EXPECT_EQ(decode(other), CodecStatus::unsupported);
    }
}

TEST_F(JpegForeign, OnlyPadMayFollow) {
    FrameBuffer padded = stream;
    padded.insert(padded.end(), {std::byte{0}, std::byte{0xFF}, std::byte{0}});
    EXPECT_EQ(decode(padded), CodecStatus::ok);
    padded.push_back(std::byte{0xD8});
    EXPECT_EQ(decode(padded), CodecStatus::corrupt);
    FrameBuffer twice = stream;
    twice.insert(twice.end(), stream.begin(), stream.end());
    EXPECT_EQ(decode(twice), CodecStatus::corrupt);
}

TEST_F(JpegForeign, SpectralEndOfZeroIsRead) { // WG04's 12-bit samples are written so
    FrameBuffer sloppy = stream;
    const std::size_t scan = find_marker(sloppy, 0xDA);
    ASSERT_EQ(sloppy[scan + 8], std::byte{63});
    sloppy[scan + 8] = std::byte{0};
    ASSERT_EQ(decode(sloppy), CodecStatus::ok);
    EXPECT_TRUE(decoded == jpeg_decode(stream, JCS_GRAYSCALE));
    sloppy[scan + 8] = std::byte{5};
    EXPECT_EQ(decode(sloppy), CodecStatus::corrupt);
}

TEST_F(JpegForeign, TablesThatCannotBeAreCorrupt) {
    const std::size_t huffman = find_marker(stream, 0xC4);
    for (const auto& [offset, value] : {std::pair{4, 0x04}, {4, 0x20}, {5, 3}, {6, 200}}) {
        FrameBuffer other = stream;
        other[huffman + static_cast<std::size_t>(offset)] = static_cast<std::byte>(value);
        EXPECT_EQ(decode(other), CodecStatus::corrupt) << offset << " " << value;
    }
    FrameBuffer other = stream;
    other[find_marker(stream, 0xDB) + 4] = std::byte{0x24};
    EXPECT_EQ(decode(other), CodecStatus::corrupt);
}

TEST_F(JpegForeign, LibraryWarningsMeanCorrupt) {
    FrameBuffer short_data = stream; // the second half of the coded data is not there
    const std::size_t scan = find_marker(stream, 0xDA) + 10;
    short_data.erase(short_data.begin() + static_cast<long>((scan + stream.size()) / 2),
                     short_data.end() - 2);
    EXPECT_EQ(decode(short_data), CodecStatus::corrupt);
    FrameBuffer long_data = stream;
    long_data.insert(long_data.end() - 2, 40, std::byte{0x55});
    EXPECT_EQ(decode(long_data), CodecStatus::corrupt);
}

TEST_F(JpegForeign, EveryTruncationIsCorrupt) {
    for (std::size_t size = 0; size < stream.size(); ++size)
        ASSERT_EQ(decode(FrameBuffer(stream.begin(), stream.begin() + static_cast<long>(size))),
                  CodecStatus::corrupt)
            << size;
}

TEST_F(JpegForeign, BrokenStreamsStayInBoundsAndSilent) { // judged by AddressSanitizer
    testing::internal::CaptureStderr();
    const PixelFormat format = colour_format();
    const FrameBuffer colour_stream = jpeg_encode(make_frame(native_rgb(), Content::smooth),
                                                  native_rgb(), {.jfif = true, .horizontal = 2});
    Random random{29};
    int refused = 0;
    for (int trial = 0; trial < 6000; ++trial) {
        const bool in_colour = trial % 2 != 0;
        FrameBuffer broken = in_colour ? colour_stream : stream;
        for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
            broken[random.below(random.below(2) != 0 ? 200 : broken.size())] =
                static_cast<std::byte>(random.below(256));
        const PixelFormat& header = in_colour ? format : gray_format;
        const CodecStatus status = codec.decode(broken, header, decoded);
        refused += status != CodecStatus::ok;
        if (status == CodecStatus::ok) {
            ASSERT_EQ(decoded.size(), codec.decoded_format(header).frame_bytes());
        }
    }
    EXPECT_GT(refused, 2000);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Jpeg, NothingIsEncoded) {
    const JpegCodec codec{};
    FrameBuffer out;
    AttributeChanges changes;
    EXPECT_FALSE(codec.can_encode(gray_format));
    EXPECT_EQ(codec.encode({gray_format, make_frame(gray_format, Content::flat)}, {}, out, changes),
              CodecStatus::unsupported);
}

} // namespace
} // namespace dcmflow::codecs::test
