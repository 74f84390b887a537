// Synthetic frames: the same on every machine, clean, and about as compressible as real ones.
#include "codecs/native.h"
#include "codecs/registry.h"
#include "codecs/synthetic.h"
#include "codecs/transfer_syntax.h"

#include <gtest/gtest.h>

namespace dcmflow::codecs {
namespace {

constexpr SyntheticKind kinds[] = {SyntheticKind::ct, SyntheticKind::mr, SyntheticKind::us,
                                   SyntheticKind::cr};

std::uint64_t fnv1a(const FrameBuffer& bytes) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const std::byte byte : bytes)
        hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3ULL;
    return hash;
}

TEST(Synthetic, FramesAreCleanAndOfTheirFormat) {
    for (const SyntheticKind kind : kinds) {
        PixelFormat format;
        const FrameBuffer frame = synthetic_frame(kind, format, 3, 5);
        EXPECT_EQ(format, synthetic_format(kind));
        EXPECT_EQ(format.problem(), "");
        EXPECT_EQ(frame.size(), format.frame_bytes());
        EXPECT_TRUE(unused_bits_clean({format, frame}));
        EXPECT_EQ(synthetic_kind_from(to_string(kind)), kind);
    }
    EXPECT_FALSE(synthetic_kind_from("pet"));
}

TEST(Synthetic, TheSameBytesOnEveryMachine) {
    const std::uint64_t expected[] = {0x9A49C04A1B955F3FULL, 0xAAF94252E52F64E1ULL,
                                      0xF0375548BB6F7F92ULL, 0x5B15EE47CE6388EAULL};
    for (std::size_t i = 0; i < std::size(kinds); ++i) {
        PixelFormat format;
        EXPECT_EQ(fnv1a(synthetic_frame(kinds[i], format, 42, 7)), expected[i])
            << to_string(kinds[i]);
    }
}

TEST(Synthetic, SeedAndIndexMakeOtherFrames) {
    PixelFormat format;
    const FrameBuffer frame = synthetic_frame(SyntheticKind::mr, format, 1, 1);
    EXPECT_TRUE(frame == synthetic_frame(SyntheticKind::mr, format, 1, 1));
    EXPECT_FALSE(frame == synthetic_frame(SyntheticKind::mr, format, 1, 2));
    EXPECT_FALSE(frame == synthetic_frame(SyntheticKind::mr, format, 2, 1));
}

TEST(Synthetic, CompressesAsRealImagesDo) {
    const Registry registry;
    const auto ratio = [&](SyntheticKind kind, std::string_view syntax) {
        PixelFormat format;
        const FrameBuffer frame = synthetic_frame(kind, format, 9, 11);
        FrameBuffer out;
        AttributeChanges changes;
        EXPECT_EQ(registry.find(syntax)->encode({format, frame}, {}, out, changes),
                  CodecStatus::ok);
        return static_cast<double>(frame.size()) / static_cast<double>(out.size());
    };
    const auto within = [](double value, double low, double high) {
        EXPECT_GE(value, low);
        EXPECT_LE(value, high);
    };
    within(ratio(SyntheticKind::ct, uid::jpeg_ls), 2.5, 4.0);
    within(ratio(SyntheticKind::mr, uid::jpeg_ls), 2.5, 4.0);
    within(ratio(SyntheticKind::cr, uid::jpeg_ls), 3.0, 7.0);
    within(ratio(SyntheticKind::us, uid::jpeg_ls), 2.5, 6.0);
    within(ratio(SyntheticKind::us, uid::jpeg2000), 4.0, 14.0); // the colour transform pays
}

} // namespace
} // namespace dcmflow::codecs
