// JPEG lossless: every precision and predictor that the test's own encoder writes comes back
// exactly; what disagrees with the header, converts colours or is broken is refused, in silence.
#include "pipeline/dicom/dcmtk_jpeg.h"
#include "tests/codecs/frames.h"
#include "tests/dicom/jpeg_lossless_encoder.h"

#include <gtest/gtest.h>

namespace dcmflow::testing {
namespace {

using codecs::CodecStatus;
using codecs::FrameBuffer;
using codecs::Photometric;
using codecs::PixelFormat;
using codecs::test::colour;
using codecs::test::Content;
using codecs::test::describe;
using codecs::test::make_frame;
using codecs::test::mono;
using codecs::test::Random;
using Predictors = JpegLosslessCodec::Predictors;

// The low `precision` bits of every cell.
Samples samples_of(const FrameBuffer& frame, const PixelFormat& format, unsigned precision) {
    const std::size_t cell = format.bytes_per_sample();
    Samples samples(frame.size() / cell);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        std::uint16_t value = 0;
        std::memcpy(&value, &frame[i * cell], cell);
        samples[i] = static_cast<std::uint16_t>(value & ((1U << precision) - 1));
    }
    return samples;
}

FrameBuffer encoded(const FrameBuffer& frame, const PixelFormat& format,
                    const LosslessMaking& making) {
    return LosslessEncoder(samples_of(frame, format, making.precision), format.rows, format.columns,
                           format.samples, making)
        .run();
}

FrameBuffer encoded(const PixelFormat& format, const LosslessMaking& making) {
    return encoded(make_frame(format, Content::smooth), format, making);
}

TEST(JpegLossless, EveryPrecisionAndPredictorComesBack) {
    const JpegLosslessCodec codec{Predictors::all};
    FrameBuffer decoded;
    int compared = 0;
    for (unsigned precision = 2; precision <= 16; ++precision) {
        for (unsigned predictor = 1; predictor <= 7; ++predictor) {
            for (const unsigned allocated : {8U, 16U}) {
                if (precision > allocated)
                    continue;
                for (const bool is_signed : {false, true}) {
                    const PixelFormat format = mono(23, 17, allocated, precision, is_signed);
                    for (const Content content : codecs::test::contents) {
                        SCOPED_TRACE(describe(format, content) + " predictor " +
                                     std::to_string(predictor));
                        const FrameBuffer frame = make_frame(format, content);
                        const FrameBuffer stream = encoded(
                            frame, format, {.precision = precision, .predictor = predictor});
                        ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
                        ASSERT_TRUE(decoded == frame);
                        ++compared;
                    }
                }
            }
        }
    }
    EXPECT_EQ(compared, (15 + 7) * 7 * 2 * 5);
}

TEST(JpegLossless, OddSizesRestartsAndTablesFirst) {
    const JpegLosslessCodec codec{Predictors::first};
    FrameBuffer decoded;
    for (const auto& [rows, columns] : {std::pair{1U, 1U}, {1U, 9U}, {9U, 1U}, {31U, 33U}}) {
        for (const LosslessMaking& making :
             {LosslessMaking{.precision = 12}, LosslessMaking{.precision = 12, .restart_rows = 2},
              LosslessMaking{.precision = 12, .tables_first = true},
              LosslessMaking{.precision = 12, .jfif = true}}) {
            const PixelFormat format = mono(rows, columns, 16, 12, false);
            const FrameBuffer frame = make_frame(format, Content::noise);
            ASSERT_EQ(codec.decode(encoded(frame, format, making), format, decoded),
                      CodecStatus::ok);
            EXPECT_TRUE(decoded == frame);
        }
    }
}

TEST(JpegLossless, WholeCellsComeAsTheyAre) { // precision of Bits Allocated: unused bits are coded
    const JpegLosslessCodec codec{Predictors::first};
    for (const std::uint16_t high_bit : std::array<std::uint16_t, 2>{11, 14}) {
        for (const bool is_signed : {false, true}) {
            PixelFormat format = mono(20, 30, 16, 12, is_signed);
            format.high_bit = high_bit;
            const FrameBuffer cells = make_frame(mono(20, 30, 16, 16, false), Content::noise);
            FrameBuffer decoded;
            ASSERT_EQ(codec.decode(encoded(cells, format, {}), format, decoded), CodecStatus::ok);
            EXPECT_TRUE(decoded == cells);
        }
    }
}

TEST(JpegLossless, ColourIsNeverConverted) { // codecs.md §4 row 31
    const JpegLosslessCodec codec{Predictors::first};
    FrameBuffer decoded;
    for (const unsigned bits : {8U, 16U}) {
        for (const Photometric tag : {Photometric::rgb, Photometric::ybr_full}) {
            const PixelFormat format = colour(14, 9, bits, bits, false, tag);
            const FrameBuffer frame = make_frame(format, Content::noise);
            EXPECT_EQ(codec.decoded_format(format), format);
            for (const LosslessMaking& making :
                 {LosslessMaking{.precision = bits},
                  LosslessMaking{.precision = bits, .interleaved = false},
                  LosslessMaking{.precision = bits, .jfif = true}}) {
                ASSERT_EQ(codec.decode(encoded(frame, format, making), format, decoded),
                          CodecStatus::ok);
                EXPECT_TRUE(decoded == frame);
            }
        }
    }
}

TEST(JpegLossless, AmbiguousColourIsRefused) {
    const JpegLosslessCodec codec{Predictors::first};
    const auto decode = [&](Photometric tag, const LosslessMaking& making) {
        FrameBuffer decoded;
        const PixelFormat format = colour(14, 10, 8, 8, false, tag);
        return codec.decode(encoded(colour(14, 10, 8, 8, false), making), format, decoded);
    };
    const LosslessMaking plain{.precision = 8};
    const LosslessMaking rgb_ids{.precision = 8, .ids = {'R', 'G', 'B'}};
    const LosslessMaking adobe_rgb{.precision = 8, .adobe = 0};
    const LosslessMaking adobe_ycbcr{.precision = 8, .adobe = 1};
    for (const Photometric tag : {Photometric::ybr_full_422, Photometric::ybr_partial_420,
                                  Photometric::ybr_rct, Photometric::ybr_ict, Photometric::other})
        EXPECT_EQ(decode(tag, plain), CodecStatus::mismatch);
    EXPECT_EQ(decode(Photometric::rgb, rgb_ids), CodecStatus::ok);
    EXPECT_EQ(decode(Photometric::rgb, adobe_rgb), CodecStatus::ok);
    EXPECT_EQ(decode(Photometric::rgb, adobe_ycbcr), CodecStatus::mismatch);
    EXPECT_EQ(decode(Photometric::ybr_full, adobe_ycbcr), CodecStatus::ok);
    EXPECT_EQ(decode(Photometric::ybr_full, adobe_rgb), CodecStatus::mismatch);
    EXPECT_EQ(decode(Photometric::ybr_full, rgb_ids), CodecStatus::mismatch);
}

TEST(JpegLossless, HeaderMustAgreeWithTheDataSet) {
    const JpegLosslessCodec codec{Predictors::all};
    const FrameBuffer stream = encoded(mono(20, 30, 16, 12, false), {.precision = 12});
    FrameBuffer decoded;
    const auto with = [&](auto change) {
        PixelFormat format = mono(20, 30, 16, 12, false);
        change(format);
        return codec.decode(stream, format, decoded);
    };
    EXPECT_EQ(with([](PixelFormat&) {}), CodecStatus::ok);
    EXPECT_EQ(with([](PixelFormat& f) { f.rows = 21; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.columns = 29; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_stored = 11, f.high_bit = 10; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_stored = 16, f.high_bit = 15; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.high_bit = 15; }), CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.samples = 3, f.photometric = Photometric::rgb; }),
              CodecStatus::mismatch);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = 32; }), CodecStatus::unsupported);
    EXPECT_EQ(with([](PixelFormat& f) { f.bits_allocated = f.bits_stored = 8, f.high_bit = 7; }),
              CodecStatus::mismatch);
}

TEST(JpegLossless, OnlySelectionValueOneInTheFirstOrderSyntax) {
    const PixelFormat format = mono(20, 30, 16, 16, false);
    FrameBuffer decoded;
    for (unsigned predictor = 1; predictor <= 7; ++predictor) {
        const FrameBuffer stream = encoded(format, {.predictor = predictor});
        EXPECT_EQ(JpegLosslessCodec{Predictors::first}.decode(stream, format, decoded),
                  predictor == 1 ? CodecStatus::ok : CodecStatus::mismatch);
        EXPECT_EQ(JpegLosslessCodec{Predictors::all}.decode(stream, format, decoded),
                  CodecStatus::ok);
    }
}

TEST(JpegLossless, PointTransformIsRefused) {
    const PixelFormat format = mono(20, 30, 16, 16, false);
    FrameBuffer decoded;
    EXPECT_EQ(JpegLosslessCodec{Predictors::all}.decode(encoded(format, {.point_transform = 2}),
                                                        format, decoded),
              CodecStatus::unsupported);
}

TEST(JpegLossless, PadMayFollowAndNothingElse) {
    const JpegLosslessCodec codec{Predictors::first};
    const PixelFormat format = mono(20, 30, 16, 16, true);
    FrameBuffer stream = encoded(format, {}), decoded;
    stream.insert(stream.end(), {std::byte{0}, std::byte{0xFF}});
    EXPECT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
    stream.push_back(std::byte{1});
    EXPECT_EQ(codec.decode(stream, format, decoded), CodecStatus::corrupt);
}

TEST(JpegLossless, MissingDataIsCorrupt) {
    const JpegLosslessCodec codec{Predictors::first};
    const PixelFormat format = mono(20, 30, 16, 12, false);
    const FrameBuffer stream = encoded(format, {.precision = 12});
    FrameBuffer decoded;
    for (std::size_t size = 0; size < stream.size(); ++size)
        ASSERT_EQ(codec.decode(std::span{stream}.first(size), format, decoded),
                  CodecStatus::corrupt);
    FrameBuffer holed = stream; // with an EOI, so that only the library can see it
    holed.erase(holed.end() - 200, holed.end() - 2);
    EXPECT_EQ(codec.decode(holed, format, decoded), CodecStatus::corrupt);
    FrameBuffer no_table = stream;
    ASSERT_EQ(no_table[16], std::byte{0xC4});
    no_table[16] = std::byte{0xE5}; // DHT becomes APP5
    EXPECT_EQ(codec.decode(no_table, format, decoded), CodecStatus::corrupt);
}

TEST(JpegLossless, BrokenStreamsStayInBoundsAndSilent) { // judged by AddressSanitizer
    ::testing::internal::CaptureStderr();
    const JpegLosslessCodec codec{Predictors::all};
    const std::array formats{mono(24, 31, 8, 8, false), mono(24, 31, 16, 12, true),
                             mono(24, 31, 16, 16, false), colour(24, 31, 8, 8, false)};
    std::vector<FrameBuffer> streams;
    for (const PixelFormat& format : formats)
        streams.push_back(encoded(format, {.precision = format.bits_stored,
                                           .predictor = 1 + format.bits_stored % 7U,
                                           .restart_rows = format.samples}));
    Random random{31};
    FrameBuffer decoded;
    int refused = 0;
    for (int trial = 0; trial < 6000; ++trial) {
        const auto which = static_cast<std::size_t>(trial) % formats.size();
        FrameBuffer broken = streams[which];
        for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
            broken[random.below(random.below(2) != 0 ? 90 : broken.size())] =
                static_cast<std::byte>(random.below(256));
        const CodecStatus status = codec.decode(broken, formats[which], decoded);
        refused += status != CodecStatus::ok;
        if (status == CodecStatus::ok) {
            ASSERT_EQ(decoded.size(), formats[which].frame_bytes());
        }
    }
    EXPECT_GT(refused, 2000);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

} // namespace
} // namespace dcmflow::testing
