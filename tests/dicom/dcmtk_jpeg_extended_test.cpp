// JPEG extended: 12 bits by DCMTK, 8 bits as in the baseline syntax, each by what the stream says.
#include "codecs/jpeg_stream.h"
#include "pipeline/dicom/dcmtk_jpeg.h"
#include "tests/codecs/frames.h"
#include "tests/codecs/jpeg_streams.h"
#include "tests/dicom/jpeg_lossless_encoder.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djeijg12.h>

#include <gtest/gtest.h>

namespace dcmflow::testing {
namespace {

using codecs::CodecStatus;
using codecs::FrameBuffer;
using codecs::Photometric;
using codecs::PixelFormat;
using codecs::test::colour;
using codecs::test::Content;
using codecs::test::make_frame;
using codecs::test::mono;
using codecs::test::Random;

const PixelFormat format_12 = mono(40, 56, 16, 12, false);

FrameBuffer encode_12(FrameBuffer frame, EJ_Mode mode = EJM_sequential) {
    const DJCodecParameter parameters(ECC_lossyYCbCr, EDC_never, EUC_never, EPC_colorByPixel);
    DJCompressIJG12Bit encoder(parameters, mode, 95);
    Uint8* memory = nullptr;
    Uint32 size = 0;
    std::vector<Uint16> cells(frame.size() / 2);
    std::memcpy(cells.data(), frame.data(), frame.size());
    EXPECT_TRUE(encoder
                    .encode(static_cast<Uint16>(format_12.columns),
                            static_cast<Uint16>(format_12.rows), EPI_Monochrome2, 1, cells.data(),
                            memory, size)
                    .good());
    const auto* bytes = reinterpret_cast<const std::byte*>(memory);
    FrameBuffer stream(bytes, bytes + size);
    delete[] memory;
    return stream;
}

long furthest(const FrameBuffer& one, const FrameBuffer& other) {
    long most = one.size() == other.size() ? 0 : 1L << 20;
    for (std::size_t i = 0; i + 1 < std::min(one.size(), other.size()); i += 2) {
        std::uint16_t a, b;
        std::memcpy(&a, &one[i], 2);
        std::memcpy(&b, &other[i], 2);
        most = std::max(most, std::labs(long{a} - long{b}));
    }
    return most;
}

TEST(JpegExtended, TwelveBitsComeNearTheImage) {
    const JpegExtendedCodec codec;
    for (const Content content : {Content::flat, Content::gradient, Content::smooth}) {
        const FrameBuffer frame = make_frame(format_12, content);
        FrameBuffer decoded;
        ASSERT_EQ(codec.decode(encode_12(frame), format_12, decoded), CodecStatus::ok);
        EXPECT_EQ(codec.decoded_format(format_12), format_12);
        EXPECT_LT(furthest(decoded, frame), 100) << static_cast<int>(content);
    }
}

TEST(JpegExtended, SpectralEndOfZeroIsRead) { // the only form of WG04's official samples
    const JpegExtendedCodec codec;
    const FrameBuffer stream = encode_12(make_frame(format_12, Content::smooth));
    FrameBuffer sloppy = stream, expected, decoded;
    const std::size_t scan = codecs::test::find_marker(sloppy, 0xDA);
    ASSERT_EQ(sloppy[scan + 8], std::byte{63});
    sloppy[scan + 8] = std::byte{0};
    ASSERT_EQ(codec.decode(stream, format_12, expected), CodecStatus::ok);
    ASSERT_EQ(codec.decode(sloppy, format_12, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == expected);
}

TEST(JpegExtended, FewerBitsMayBeCodedAsTwelveIfTheValuesFit) {
    const JpegExtendedCodec codec;
    const PixelFormat ten = mono(40, 56, 16, 10, false);
    FrameBuffer decoded;
    const FrameBuffer flat(ten.frame_bytes(), std::byte{1}); // 257 everywhere
    EXPECT_EQ(codec.decode(encode_12(flat), ten, decoded), CodecStatus::ok);
    const FrameBuffer high(ten.frame_bytes(), std::byte{4}); // 1028: not a value of 10 bits
    EXPECT_EQ(codec.decode(encode_12(high), ten, decoded), CodecStatus::mismatch);
}

TEST(JpegExtended, HeaderMustAgreeWithTheDataSet) {
    const JpegExtendedCodec codec;
    const FrameBuffer stream = encode_12(make_frame(format_12, Content::smooth));
    FrameBuffer decoded;
    const auto with = [&](auto change) {
        PixelFormat format = format_12;
        change(format);
        return codec.decode(stream, format, decoded);
    };
    EXPECT_EQ(with([](PixelFormat& f) { f.rows = 41; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.columns = 55; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_stored = 16, f.high_bit = 15; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.high_bit = 15; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.is_signed = true; }), CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = f.bits_stored = 8, f.high_bit = 7; }),
              CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 3, f.photometric = Photometric::rgb; }),
              CodecStatus::unsupported);
}

TEST(JpegExtended, EightBitsAsInBaseline) {
    const JpegExtendedCodec codec;
    const PixelFormat rgb = colour(20, 28, 8, 8, false);
    PixelFormat coded = rgb;
    coded.photometric = Photometric::ybr_full_422;
    FrameBuffer stream = codecs::test::jpeg_encode(make_frame(rgb, Content::smooth), rgb,
                                                   {.jfif = true, .horizontal = 2});
    const FrameBuffer expected = codecs::test::jpeg_decode(stream, JCS_YCbCr);
    FrameBuffer decoded;
    EXPECT_EQ(codec.decoded_format(coded), rgb);
    for (const int marker : {0xC0, 0xC1}) {
        codecs::test::set_marker(stream, 0xC0, marker);
        ASSERT_EQ(codec.decode(stream, coded, decoded), CodecStatus::ok);
        EXPECT_TRUE(decoded == expected);
    }
}

TEST(JpegExtended, OtherProcessesAreRefused) {
    const JpegExtendedCodec codec;
    FrameBuffer decoded;
    EXPECT_EQ(codec.decode(encode_12(make_frame(format_12, Content::smooth), EJM_progressive),
                           format_12, decoded),
              CodecStatus::unsupported);
    const PixelFormat gray = mono(9, 9, 8, 8, false);
    const FrameBuffer lossless = LosslessEncoder(Samples(81, 7), 9, 9, 1, {.precision = 8}).run();
    EXPECT_EQ(codec.decode(lossless, gray, decoded), CodecStatus::mismatch);
    EXPECT_EQ(codecs::JpegCodec{}.decode(lossless, gray, decoded), CodecStatus::mismatch);
}

TEST(JpegExtended, BrokenStreamsStayInBoundsAndSilent) { // judged by AddressSanitizer
    ::testing::internal::CaptureStderr();
    const JpegExtendedCodec codec;
    const FrameBuffer stream = encode_12(make_frame(format_12, Content::smooth));
    FrameBuffer decoded;
    for (std::size_t size = 0; size < stream.size(); ++size)
        ASSERT_EQ(codec.decode(std::span{stream}.first(size), format_12, decoded),
                  CodecStatus::corrupt);
    Random random{37};
    int refused = 0;
    for (int trial = 0; trial < 4000; ++trial) {
        FrameBuffer broken = stream;
        for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
            broken[random.below(random.below(2) != 0 ? 200 : broken.size())] =
                static_cast<std::byte>(random.below(256));
        const CodecStatus status = codec.decode(broken, format_12, decoded);
        refused += status != CodecStatus::ok;
        if (status == CodecStatus::ok) {
            ASSERT_EQ(decoded.size(), format_12.frame_bytes());
        }
    }
    EXPECT_GT(refused, 1000);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

} // namespace
} // namespace dcmflow::testing
