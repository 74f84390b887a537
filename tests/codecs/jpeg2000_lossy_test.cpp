// Lossy JPEG 2000 and HTJ2K are read, never written; and what a stream's component transform and
// the header's Photometric Interpretation must say together (codecs.md §4 rows 2 to 4).
#include "codecs/htj2k.h"
#include "codecs/jpeg2000.h"
#include "codecs/jpeg2000_lossy.h"
#include "codecs/registry.h"
#include "codecs/transfer_syntax.h"
#include "tests/codecs/htj2k_openjph.h"
#include "tests/codecs/opj_raw.h"

#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

using Kind = Jpeg2000LossyCodec::Kind;

// The largest difference between two frames of unsigned cells.
int distance(const FrameBuffer& a, const FrameBuffer& b, unsigned cell_bytes) {
    EXPECT_EQ(a.size(), b.size());
    int most = 0;
    for (std::size_t i = 0; i + cell_bytes <= std::min(a.size(), b.size()); i += cell_bytes) {
        std::uint16_t left = 0, right = 0;
        std::memcpy(&left, &a[i], cell_bytes);
        std::memcpy(&right, &b[i], cell_bytes);
        most = std::max(most, std::abs(left - right));
    }
    return most;
}

FrameBuffer gray_of(const RawImage& image) {
    FrameBuffer out(image.components.at(0).size() * 2);
    for (std::size_t i = 0; i < image.components[0].size(); ++i)
        put_cell(out, i, 2, static_cast<std::uint64_t>(image.components[0][i]));
    return out;
}

PixelFormat as(PixelFormat format, Photometric photometric) {
    format.photometric = photometric;
    return format;
}

TEST(Jpeg2000Lossy, EachIsNamedAsItsSyntaxAndWritesNothing) {
    const Registry registry;
    for (const auto syntax : {uid::jpeg2000_lossy, uid::htj2k_lossy}) {
        const Codec* codec = registry.find(syntax);
        ASSERT_NE(codec, nullptr);
        EXPECT_EQ(codec->name(), find_by_uid(syntax)->name);
        const PixelFormat format = mono(8, 8, 8, 8, false);
        const FrameBuffer frame = make_frame(format, Content::noise);
        FrameBuffer out;
        AttributeChanges changes;
        EXPECT_FALSE(codec->can_encode(format));
        EXPECT_EQ(codec->encode({format, frame}, {}, out, changes), CodecStatus::unsupported);
    }
    for (const auto syntax : {uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl}) {
        ASSERT_NE(registry.find(syntax), nullptr);
        EXPECT_EQ(registry.find(syntax)->name(), find_by_uid(syntax)->name);
    }
}

TEST(Jpeg2000Lossy, NineSevenLayersTilesAndProgressionsAreRead) {
    const Jpeg2000LossyCodec codec{Kind::part1};
    const Jpeg2000Codec lossless;
    const PixelFormat format = mono(150, 160, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    FrameBuffer decoded;
    for (const int progression : {0, 1, 2, 3, 4})
        for (const RawOptions& options :
             {RawOptions{.irreversible = true, .progression = progression},
              RawOptions{.irreversible = true, .layers = 3, .progression = progression},
              RawOptions{
                  .irreversible = true, .tile = 64, .progression = progression, .block = 32}}) {
            const FrameBuffer stream = opj_raw_encode(frame, format, options);
            ASSERT_EQ(codec.decode(stream, format, decoded), CodecStatus::ok);
            EXPECT_TRUE(decoded == gray_of(opj_raw_decode(stream)));
            EXPECT_LE(distance(decoded, frame, 2), 8);
            EXPECT_EQ(lossless.decode(stream, format, decoded), CodecStatus::unsupported);
        }
}

TEST(Jpeg2000Lossy, ReversibleStreamsAreReadExactly) {
    const PixelFormat format = mono(50, 60, 16, 12, true);
    const FrameBuffer frame = make_frame(format, Content::noise);
    FrameBuffer stream, decoded;
    AttributeChanges changes;
    const Jpeg2000Codec part1;
    ASSERT_EQ(part1.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    EXPECT_EQ(Jpeg2000LossyCodec{Kind::part1}.decode(stream, format, decoded), CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    EXPECT_EQ(Jpeg2000LossyCodec{Kind::high_throughput}.decode(stream, format, decoded),
              CodecStatus::unsupported);
    const Htj2kCodec ht{Htj2kCodec::Kind::plain};
    ASSERT_EQ(ht.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    EXPECT_EQ(Jpeg2000LossyCodec{Kind::high_throughput}.decode(stream, format, decoded),
              CodecStatus::ok);
    EXPECT_TRUE(decoded == frame);
    EXPECT_EQ(Jpeg2000LossyCodec{Kind::part1}.decode(stream, format, decoded),
              CodecStatus::unsupported);
}

// Two implementations of 9/7 and ICT round differently, by one.
TEST(Jpeg2000Lossy, LossyHighThroughputIsReadAsOpenjphReadsIt) {
    const Jpeg2000LossyCodec codec{Kind::high_throughput};
    const Htj2kCodec lossless{Htj2kCodec::Kind::plain};
    FrameBuffer decoded;
    for (const float step : {0.0005F, 0.005F, 0.05F})
        for (const PixelFormat& format : {mono(150, 160, 8, 8, false), mono(99, 101, 16, 12, false),
                                          colour(120, 130, 8, 8, false)}) {
            SCOPED_TRACE(describe(format, Content::smooth) + " step " + std::to_string(step));
            const FrameBuffer frame = make_frame(format, Content::smooth);
            const bool transform = format.samples == 3;
            const FrameBuffer stream =
                openjph_encode(frame, format, {.step = step, .transform = transform});
            const PixelFormat coded = transform ? as(format, Photometric::ybr_ict) : format;
            ASSERT_EQ(codec.decode(stream, coded, decoded), CodecStatus::ok);
            EXPECT_LE(distance(decoded, openjph_decode(stream, format), format.bytes_per_sample()),
                      1);
            EXPECT_EQ(lossless.decode(stream, coded, decoded), CodecStatus::unsupported);
        }
}

TEST(Jpeg2000Lossy, TransformedColourDecodesToRgb) {
    const Registry registry;
    for (const auto syntax :
         {uid::jpeg2000, uid::jpeg2000_lossy, uid::htj2k, uid::htj2k_rpcl, uid::htj2k_lossy}) {
        const Codec& codec = *registry.find(syntax);
        const PixelFormat planar = colour(8, 8, 8, 8, true);
        for (const auto photometric :
             {Photometric::ybr_rct, Photometric::ybr_ict, Photometric::rgb})
            EXPECT_TRUE(codec.decoded_format(as(planar, photometric)) == colour(8, 8, 8, 8, false));
        EXPECT_EQ(codec.decoded_format(as(planar, Photometric::ybr_full)).photometric,
                  Photometric::ybr_full);
    }
}

TEST(Jpeg2000Lossy, HeaderAndStreamMustAgreeOnColour) {
    const PixelFormat rgb = colour(40, 50, 8, 8, false);
    const FrameBuffer frame = make_frame(rgb, Content::smooth);
    AttributeChanges changes;
    FrameBuffer with, without, decoded;
    const Jpeg2000Codec part1;
    ASSERT_EQ(part1.encode({rgb, frame}, {}, with, changes), CodecStatus::ok);
    ASSERT_EQ(part1.encode({rgb, frame}, {.colour_transform = false}, without, changes),
              CodecStatus::ok);
    const Jpeg2000LossyCodec lossy{Kind::part1};
    const std::vector<const Codec*> readers{&part1, &lossy};
    for (const Codec* codec : readers) {
        const auto read = [&](const FrameBuffer& stream, Photometric photometric) {
            return codec->decode(stream, as(rgb, photometric), decoded);
        };
        for (const auto photometric :
             {Photometric::ybr_rct, Photometric::ybr_ict, Photometric::rgb}) {
            decoded.clear();
            EXPECT_EQ(read(with, photometric), CodecStatus::ok);
            EXPECT_TRUE(decoded == frame);
        }
        EXPECT_EQ(read(with, Photometric::ybr_full), CodecStatus::mismatch);
        EXPECT_EQ(read(with, Photometric::other), CodecStatus::mismatch);
        EXPECT_EQ(read(without, Photometric::ybr_rct), CodecStatus::mismatch);
        EXPECT_EQ(read(without, Photometric::ybr_ict), CodecStatus::mismatch);
        for (const auto photometric : {Photometric::ybr_full, Photometric::rgb}) {
            decoded.clear();
            EXPECT_EQ(read(without, photometric), CodecStatus::ok);
            EXPECT_TRUE(decoded == frame);
        }
    }
}

} // namespace
} // namespace dcmflow::codecs::test
