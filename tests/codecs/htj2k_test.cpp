// HTJ2K: what OpenJPH writes for us, our decoder, plain OpenJPEG and OpenJPH itself give back.
#include "codecs/htj2k.h"
#include "codecs/jpeg2000.h"
#include "codecs/jpeg2000_stream.h"
#include "tests/codecs/frames.h"
#include "tests/codecs/htj2k_openjph.h"
#include "tests/codecs/opj_raw.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

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

class Htj2k : public testing::Test {
  protected:
    // incompressible, or exact by three decoders.
    CodecStatus survives(const PixelFormat& format, const FrameBuffer& frame) {
        const CodecStatus status = codec.encode({format, frame}, {}, stream, changes);
        if (status != CodecStatus::ok)
            return status;
        EXPECT_EQ(stream.size() % 2, 0U);
        EXPECT_LE(stream.size(), encoded_limit(format));
        EXPECT_FALSE(changes.planar);
        PixelFormat coded = format;
        coded.photometric = changes.photometric;
        coded.planar = false;
        EXPECT_EQ(codec.decode(stream, coded, decoded), CodecStatus::ok);
        const FrameBuffer expected = by_pixel(frame, format);
        EXPECT_TRUE(decoded == expected) << "our decoder";
        EXPECT_TRUE(plain_openjpeg(stream, format) == expected) << "OpenJPEG";
        EXPECT_TRUE(openjph_decode(stream, format) == expected) << "OpenJPH";
        return status;
    }

    const Htj2kCodec codec{Htj2kCodec::Kind::rpcl};
    FrameBuffer stream, decoded;
    AttributeChanges changes;
};

// viewers.md items 1, 2 and 7.
bool expected_can_encode(const PixelFormat& format) {
    return format.samples == 1 ? !(format.is_signed && format.bits_allocated == 8)
                               : format.bits_allocated == 8;
}

TEST_F(Htj2k, EveryFormatSurvivesThreeDecoders) {
    int coded = 0, incompressible = 0;
    for (const PixelFormat& format : matrix()) {
        ASSERT_EQ(codec.can_encode(format), expected_can_encode(format));
        if (!codec.can_encode(format))
            continue;
        for (const Content content : contents) {
            SCOPED_TRACE(describe(format, content));
            const CodecStatus status = survives(format, make_frame(format, content));
            if (status == CodecStatus::incompressible) {
                ASSERT_TRUE(content == Content::noise || content == Content::extremes);
                ++incompressible;
                continue;
            }
            ASSERT_EQ(status, CodecStatus::ok);
            ASSERT_FALSE(HasFailure());
            ++coded;
        }
    }
    EXPECT_GT(coded, 1500);
    RecordProperty("coded", coded);
    RecordProperty("incompressible", incompressible);
}

TEST_F(Htj2k, OddSizesSurvive) {
    for (const Size size : {Size{2, 2}, Size{65, 63}, Size{257, 129}, Size{1, 700}, Size{700, 1},
                            Size{2, 300}, Size{33, 31}})
        for (const PixelFormat& format : {mono(size.rows, size.columns, 16, 12, true),
                                          mono(size.rows, size.columns, 8, 8, false),
                                          colour(size.rows, size.columns, 8, 8, false)})
            for (const Content content : contents) {
                SCOPED_TRACE(describe(format, content));
                const CodecStatus status = survives(format, make_frame(format, content));
                const bool wild = content == Content::noise || content == Content::extremes;
                ASSERT_TRUE(status == CodecStatus::ok ||
                            (wild && status == CodecStatus::incompressible));
            }
}

// Signs of the taps of `levels` low-pass steps of the 5/3 wavelet, centred, and of a high-pass step
// before the others if `high`: the input that makes one coefficient as large as it can be.
std::vector<int> worst_signs(unsigned levels, bool high) {
    std::vector<double> taps{1};
    for (unsigned level = 0; level < levels; ++level) {
        const bool last = level + 1 == levels;
        const std::vector<double> filter =
            high && last ? std::vector<double>{-1, 2, -1} : std::vector<double>{-1, 2, 6, 2, -1};
        const std::size_t step = std::size_t{1} << level;
        std::vector<double> next(taps.size() + (filter.size() - 1) * step);
        for (std::size_t i = 0; i < taps.size(); ++i)
            for (std::size_t j = 0; j < filter.size(); ++j)
                next[i + j * step] += taps[i] * filter[j];
        taps = next;
    }
    std::vector<int> signs;
    for (const double tap : taps)
        signs.push_back(tap < 0 ? -1 : 1);
    return signs;
}

// OpenJPH promises one guard bit and asserts that it suffices: the largest coefficients of every
// sub-band, in every precision, of gray and of the chrominance of RGB.
TEST_F(Htj2k, LargestCoefficientsFit) {
    constexpr std::uint32_t side = 256;
    std::vector<PixelFormat> formats{colour(side, side, 8, 8, false),
                                     colour(side, side, 8, 5, false)};
    for (unsigned stored = 1; stored <= 16; ++stored)
        formats.push_back(mono(side, side, stored <= 8 ? 8 : 16, stored, stored > 8));
    for (const PixelFormat& format : formats)
        for (unsigned levels = 1; levels <= 5; ++levels)
            for (unsigned bands = 0; bands < 4; ++bands) {
                const auto across = worst_signs(levels, (bands & 1) != 0);
                const auto down = worst_signs(levels, (bands & 2) != 0);
                const std::int64_t top = (std::int64_t{1} << format.bits_stored) - 1;
                const std::int64_t low = format.is_signed ? -(top / 2) - 1 : 0;
                FrameBuffer frame(format.frame_bytes());
                for (std::uint32_t y = 0; y < side; ++y)
                    for (std::uint32_t x = 0; x < side; ++x) {
                        const std::size_t i = x + across.size() / 2 - side / 2;
                        const std::size_t j = y + down.size() / 2 - side / 2; // wraps when outside
                        const bool inside = i < across.size() && j < down.size();
                        const bool up = inside && across[i] * down[j] > 0;
                        for (unsigned s = 0; s < format.samples; ++s) // Cb = B - G, Cr = R - G
                            put_cell(
                                frame, (std::size_t{y} * side + x) * format.samples + s,
                                format.bytes_per_sample(),
                                static_cast<std::uint64_t>((s == 1 ? !up : up) ? top + low : low));
                    }
                SCOPED_TRACE(describe(format, Content::extremes) + " levels " +
                             std::to_string(levels) + " bands " + std::to_string(bands));
                ASSERT_EQ(survives(format, frame), CodecStatus::ok);
                ASSERT_FALSE(HasFailure());
            }
}

TEST_F(Htj2k, CheckerboardsAndStripesOfExtremesSurvive) {
    for (unsigned stored = 1; stored <= 16; ++stored)
        for (const bool is_signed : {false, true}) {
            if (is_signed && stored <= 8)
                continue;
            const PixelFormat format = mono(130, 70, stored <= 8 ? 8 : 16, stored, is_signed);
            for (unsigned pattern = 1; pattern < 64; ++pattern) {
                const std::int64_t top = (std::int64_t{1} << stored) - 1;
                const std::int64_t low = is_signed ? -(top / 2) - 1 : 0;
                FrameBuffer frame(format.frame_bytes());
                for (std::uint32_t y = 0; y < 130; ++y)
                    for (std::uint32_t x = 0; x < 70; ++x)
                        put_cell(frame, std::size_t{y} * 70 + x, format.bytes_per_sample(),
                                 static_cast<std::uint64_t>(
                                     (((x & pattern & 7) != 0) != ((y & pattern >> 3) != 0))
                                         ? top + low
                                         : low));
                SCOPED_TRACE(describe(format, Content::extremes) + std::to_string(pattern));
                ASSERT_EQ(survives(format, frame), CodecStatus::ok);
                ASSERT_FALSE(HasFailure());
            }
        }
}

// --- What the stream says: PS3.5 10.18, codecs.md §4 row 34.

struct Stream {
    Jpeg2000Header header;
    int progression = -1;
    unsigned levels = 0, precision = 0;
    bool rct = false;
    std::size_t tlm_segments = 0, tile_parts = 0;
    std::uint64_t tlm_length = 0, psot = 0;
    unsigned tlm_tile = 99;
};

std::uint64_t number(const FrameBuffer& bytes, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes.at(at + i));
    return value;
}

Stream read(const FrameBuffer& bytes) {
    Stream stream;
    EXPECT_EQ(parse_jpeg2000(bytes, stream.header), CodecStatus::ok);
    EXPECT_EQ(number(bytes, 0, 2), 0xFF4FU); // a bare codestream
    std::size_t at = 2;
    for (; number(bytes, at, 2) != 0xFF90; at += 2 + number(bytes, at + 2, 2)) {
        const std::uint64_t code = number(bytes, at, 2);
        if (code == 0xFF52) {
            stream.progression = static_cast<int>(number(bytes, at + 5, 1));
            stream.rct = number(bytes, at + 8, 1) == 1;
            stream.levels = static_cast<unsigned>(number(bytes, at + 9, 1));
        } else if (code == 0xFF55) {
            ++stream.tlm_segments;
            EXPECT_EQ(number(bytes, at + 2, 4), 0x000A0060U); // index 0, 16-bit tile, 32-bit length
            stream.tlm_tile = static_cast<unsigned>(number(bytes, at + 6, 2));
            stream.tlm_length = number(bytes, at + 8, 4);
        }
    }
    for (; number(bytes, at, 2) == 0xFF90; at += number(bytes, at + 6, 4)) {
        ++stream.tile_parts;
        stream.psot = number(bytes, at + 6, 4);
    }
    EXPECT_EQ(number(bytes, at, 2), 0xFFD9U);
    return stream;
}

TEST_F(Htj2k, RpclSatisfiesThePartsOfSection1018) {
    for (const Size size : {Size{1, 1}, Size{64, 9000}, Size{65, 65}, Size{512, 512},
                            Size{2049, 2100}, Size{4200, 4097}}) {
        SCOPED_TRACE(std::to_string(size.rows) + "x" + std::to_string(size.columns));
        const PixelFormat format = mono(size.rows, size.columns, 8, 8, false);
        const FrameBuffer frame = make_frame(format, Content::gradient);
        ASSERT_EQ(survives(format, frame), CodecStatus::ok);
        const Stream read_back = read(stream);
        EXPECT_EQ(read_back.progression, 2); // RPCL
        const std::uint32_t side = std::min(size.rows, size.columns);
        EXPECT_LE((side + (1U << read_back.levels) - 1) >> read_back.levels, 64U);
        EXPECT_EQ(read_back.tlm_segments, 1U);
        EXPECT_EQ(read_back.tile_parts, 1U);
        EXPECT_EQ(read_back.tlm_tile, 0U);
        EXPECT_EQ(read_back.tlm_length, read_back.psot);
    }
}

TEST_F(Htj2k, TheTwoSyntaxesDifferInTlmOnly) {
    const PixelFormat format = mono(100, 90, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    FrameBuffer plain;
    const Htj2kCodec other{Htj2kCodec::Kind::plain};
    ASSERT_EQ(other.encode({format, frame}, {}, plain, changes), CodecStatus::ok);
    ASSERT_EQ(survives(format, frame), CodecStatus::ok);
    EXPECT_EQ(read(plain).tlm_segments, 0U);
    EXPECT_EQ(read(plain).psot, read(stream).psot);
    EXPECT_EQ(plain.size() + 12, stream.size());
    EXPECT_EQ(other.name(), "htj2k");
    EXPECT_EQ(codec.name(), "htj2k-rpcl");
    EXPECT_EQ(other.decode(stream, format, decoded), CodecStatus::ok);
}

TEST_F(Htj2k, HeaderSaysPrecisionSignAndTransform) {
    const auto header_of = [&](const PixelFormat& format) {
        const FrameBuffer frame = make_frame(format, Content::smooth);
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
        const Stream read_back = read(stream);
        EXPECT_TRUE(read_back.header.high_throughput);
        EXPECT_TRUE(read_back.header.reversible);
        EXPECT_EQ(read_back.header.component_transform, read_back.rct);
        EXPECT_EQ(read_back.rct, changes.photometric == Photometric::ybr_rct);
        return read_back.header;
    };
    EXPECT_EQ(header_of(mono(9, 9, 16, 12, true)).precision, 12);
    EXPECT_TRUE(header_of(mono(9, 9, 16, 12, true)).is_signed);
    EXPECT_FALSE(header_of(mono(9, 9, 16, 12, false)).is_signed);
    EXPECT_EQ(header_of(mono(9, 9, 8, 7, false)).precision, 7);
    EXPECT_EQ(header_of(mono(9, 9, 8, 4, false)).precision, 4);
    EXPECT_EQ(header_of(mono(9, 9, 16, 8, true)).precision, 16); // viewers.md item 2
    EXPECT_TRUE(header_of(mono(9, 9, 16, 8, true)).is_signed);
    EXPECT_TRUE(header_of(colour(9, 9, 8, 8, true)).component_transform);
}

TEST_F(Htj2k, ColourThatViewersMisreadIsNotWritten) { // viewers.md items 1 and 7
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_full)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 16, 16, false)));
    const PixelFormat format = colour(8, 8, 8, 8, false);
    const FrameBuffer frame = make_frame(format, Content::noise);
    EXPECT_EQ(codec.encode({format, frame}, {.colour_transform = false}, stream, changes),
              CodecStatus::unsupported);
}

TEST_F(Htj2k, FormatsThatWouldNotSurviveAreRefused) {
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 1, 1, false)));
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 32, 24, false)));
    EXPECT_FALSE(codec.can_encode(mono(8, 8, 8, 8, true)));
    EXPECT_FALSE(codec.can_encode(colour(8, 8, 8, 8, false, Photometric::ybr_full_422)));
    EXPECT_FALSE(codec.can_encode(mono(65535, 65535, 16, 16, false))); // over max_frame_bytes
    for (const bool is_signed : {false, true}) {
        const PixelFormat format = mono(31, 17, 16, 12, is_signed);
        FrameBuffer frame = make_frame(format, Content::smooth);
        frame[1] ^= std::byte{0x10};
        EXPECT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::dirty_bits);
    }
}

TEST_F(Htj2k, PartOneStreamsBelongToAnotherSyntaxAndViceVersa) {
    const Jpeg2000Codec part1;
    const PixelFormat format = mono(40, 40, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    ASSERT_EQ(part1.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    EXPECT_EQ(codec.decode(stream, format, decoded), CodecStatus::unsupported);
    ASSERT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
    EXPECT_EQ(part1.decode(stream, format, decoded), CodecStatus::unsupported);
}

// This is the first use of OpenJPH in the process when the test runs alone (ctest -R, filters).
TEST(Htj2kThreads, FirstUseByEightThreadsAtOnce) {
    const PixelFormat format = colour(70, 90, 8, 8, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    std::vector<FrameBuffer> streams(8);
    std::atomic<int> waiting{8};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < streams.size(); ++i)
        threads.emplace_back([&, i] {
            const Htj2kCodec codec{i % 2 == 0 ? Htj2kCodec::Kind::plain : Htj2kCodec::Kind::rpcl};
            --waiting;
            while (waiting > 0)
                std::this_thread::yield();
            for (int round = 0; round < 20; ++round) {
                FrameBuffer decoded;
                AttributeChanges changes;
                EXPECT_EQ(codec.encode({format, frame}, {}, streams[i], changes), CodecStatus::ok);
                EXPECT_EQ(codec.decode(streams[i], format, decoded), CodecStatus::ok);
                EXPECT_TRUE(decoded == frame);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
}

} // namespace
} // namespace dcmflow::codecs::test
