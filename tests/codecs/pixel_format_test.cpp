// PixelFormat: every contradiction has a sentence, and sizes are exact in 64 bits.
#include "codecs/codec.h"
#include "tests/codecs/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

using testing::HasSubstr;

TEST(PixelFormat, AConsistentFormatHasNoProblem) {
    for (const PixelFormat& format : matrix())
        EXPECT_EQ(format.problem(), "");
    EXPECT_EQ(mono(1, 1, 1, 1, false).problem(), "");
    EXPECT_EQ(mono(65535, 65535, 64, 64, true).problem(), "");
    EXPECT_EQ(colour(4, 4, 8, 8, false, Photometric::ybr_full_422).problem(), "");
}

TEST(PixelFormat, ProblemsNameTheAttributeItsValueAndWhatWasExpected) {
    const auto problem = [](auto change) {
        PixelFormat format = mono(10, 10, 16, 12, false);
        change(format);
        return format.problem();
    };
    EXPECT_EQ(problem([](auto& f) { f.rows = 0; }), "Rows (0028,0010) is 0, expected 1 to 65535");
    EXPECT_THAT(problem([](auto& f) { f.columns = 65536; }), HasSubstr("Columns (0028,0011)"));
    EXPECT_THAT(problem([](auto& f) { f.samples = 2; }), HasSubstr("(0028,0002) is 2, expected"));
    EXPECT_THAT(problem([](auto& f) { f.bits_allocated = 12; }), HasSubstr("1, 8, 16, 32 or 64"));
    EXPECT_THAT(problem([](auto& f) { f.bits_allocated = 0; }), HasSubstr("(0028,0100)"));
    EXPECT_THAT(problem([](auto& f) { f.bits_stored = 17; }), HasSubstr("(0028,0101) is 17"));
    EXPECT_THAT(problem([](auto& f) { f.bits_stored = 0; }), HasSubstr("(0028,0101) is 0"));
    EXPECT_THAT(problem([](auto& f) { f.high_bit = 10; }), HasSubstr("expected 11 to 15"));
    EXPECT_THAT(problem([](auto& f) { f.high_bit = 16; }), HasSubstr("(0028,0102) is 16"));
    EXPECT_THAT(problem([](auto& f) { f.high_bit = 65535; }), HasSubstr("(0028,0102)"));
    EXPECT_THAT(problem([](auto& f) { f.photometric = Photometric::rgb; }),
                HasSubstr("expected 3 for RGB"));
    EXPECT_THAT(problem([](auto& f) { f.samples = 3; }), HasSubstr("expected 1 for MONOCHROME2"));
    EXPECT_EQ(problem([](auto& f) { // JPEG knows odd sizes
                  f.samples = 3, f.photometric = Photometric::ybr_full_422, f.columns = 11;
              }),
              "");
}

TEST(PixelFormat, FrameSizes) {
    EXPECT_EQ(mono(3, 5, 16, 12, false).frame_bytes(), 30U);
    EXPECT_EQ(mono(3, 5, 8, 8, false).frame_bits(), 120U);
    EXPECT_EQ(mono(3, 5, 1, 1, false).frame_bits(), 15U);
    EXPECT_EQ(mono(3, 5, 1, 1, false).frame_bytes(), 2U);
    EXPECT_EQ(colour(3, 5, 8, 8, true).frame_bytes(), 45U);
    EXPECT_EQ(colour(4, 6, 8, 8, false, Photometric::ybr_full_422).frame_bytes(), 48U);
    EXPECT_EQ(colour(4, 5, 8, 8, false, Photometric::ybr_full_422).frame_bytes(), 48U);
    EXPECT_EQ(colour(3, 5, 8, 8, false, Photometric::ybr_partial_420).frame_bytes(), 36U);
    EXPECT_EQ(colour(4, 6, 8, 8, false, Photometric::ybr_partial_420).frame_bytes(), 36U);
    EXPECT_EQ(mono(65535, 65535, 64, 64, false).frame_bytes(), 65535ULL * 65535 * 8);
}

TEST(PixelFormat, PhotometricNamesGoBothWays) {
    for (const char* name : {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL",
                             "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"})
        EXPECT_EQ(to_string(photometric_from(name)), name);
    EXPECT_EQ(photometric_from("CMYK"), Photometric::other);
    EXPECT_EQ(to_string(Photometric::other), "OTHER");
}

TEST(CodecStatus, LabelsAreDistinct) {
    EXPECT_EQ(to_string(CodecStatus::ok), "ok");
    EXPECT_EQ(to_string(CodecStatus::unsupported), "unsupported");
    EXPECT_EQ(to_string(CodecStatus::dirty_bits), "dirty_bits");
    EXPECT_EQ(to_string(CodecStatus::incompressible), "incompressible");
    EXPECT_EQ(to_string(CodecStatus::corrupt), "corrupt");
    EXPECT_EQ(to_string(CodecStatus::mismatch), "mismatch");
    EXPECT_EQ(to_string(CodecStatus::failed), "failed");
    EXPECT_EQ(to_string(CodecStatus::unavailable), "unavailable");
}

} // namespace
} // namespace dcmflow::codecs::test
