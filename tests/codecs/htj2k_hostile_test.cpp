// Broken HTJ2K and lossy JPEG 2000: refused, or a frame of the right size. Where the harm is in the
// code-blocks no header check can see it, and Debian's OpenJPEG may end the child.
#include "codecs/htj2k.h"
#include "codecs/jpeg2000_lossy.h"
#include "codecs/jpeg2000_stream.h"
#include "tests/codecs/hostile_streams.h"
#include "tests/codecs/htj2k_openjph.h"
#include "tests/codecs/opj_raw.h"

namespace dcmflow::codecs::test {
namespace {

std::vector<Seed> ht_seeds(const Codec& codec) {
    return {encoded(codec, mono(40, 40, 8, 8, false), Content::smooth),
            encoded(codec, mono(33, 47, 16, 12, true), Content::smooth),
            encoded(codec, mono(40, 50, 16, 16, true), Content::noise),
            encoded(codec, mono(200, 150, 16, 10, false), Content::gradient),
            encoded(codec, colour(30, 40, 8, 8, false), Content::smooth),
            encoded(codec, mono(3, 5, 8, 8, false), Content::noise)};
}

// OpenJPEG 2.5.0 asserts what the first byte of a block's MEL segment may be (ht_dec.c, mel_init).
void only_asserts(const std::vector<Seed>& seeds, std::string_view name) {
    unsigned asserts = 0;
    const unsigned deaths = survive(seeds, mutations(), name, &asserts);
    EXPECT_EQ(deaths, asserts) << "worse than an assert";
    EXPECT_LT(deaths, mutations() / 100);
}

TEST(HostileHtj2k, Mutations) {
    const Htj2kCodec codec{Htj2kCodec::Kind::rpcl};
    only_asserts(ht_seeds(codec), "htj2k");
}

TEST(HostileHtj2k, MutationsOfLossyStreams) {
    const Jpeg2000LossyCodec part1{Jpeg2000LossyCodec::Kind::part1};
    const Jpeg2000LossyCodec ht{Jpeg2000LossyCodec::Kind::high_throughput};
    const PixelFormat format = mono(50, 60, 16, 12, false);
    const FrameBuffer frame = make_frame(format, Content::smooth);
    std::vector<Seed> seeds;
    for (const RawOptions& options :
         {RawOptions{.irreversible = true}, RawOptions{.irreversible = true, .layers = 3},
          RawOptions{.irreversible = true, .tile = 32, .progression = 3}, RawOptions{.layers = 4}})
        seeds.push_back({&part1, format, opj_raw_encode(frame, format, options)});
    for (const OjphOptions& options : {OjphOptions{.step = 0.001F}, OjphOptions{.step = 0.1F}})
        seeds.push_back({&ht, format, openjph_encode(frame, format, options)});
    only_asserts(seeds, "lossy");
}

TEST(HostileHtj2k, EveryTruncationIsCorrupt) {
    const Htj2kCodec codec{Htj2kCodec::Kind::rpcl};
    FrameBuffer out;
    for (const Seed& seed : ht_seeds(codec)) {
        const std::size_t whole = seed.stream.size() - (seed.stream.back() == std::byte{0} ? 1 : 0);
        for (std::size_t size = 0; size < whole; ++size)
            ASSERT_EQ(codec.decode(std::span{seed.stream}.first(size), seed.format, out),
                      CodecStatus::corrupt)
                << size;
    }
}

TEST(HostileHtj2k, GarbageBehindEocIsCorruptPadIsNot) {
    const Htj2kCodec codec{Htj2kCodec::Kind::plain};
    Seed seed = encoded(codec, mono(40, 40, 8, 8, false), Content::smooth);
    FrameBuffer out;
    seed.stream.insert(seed.stream.end(), 3, std::byte{0});
    EXPECT_EQ(codec.decode(seed.stream, seed.format, out), CodecStatus::ok);
    seed.stream.push_back(std::byte{0x41});
    EXPECT_EQ(codec.decode(seed.stream, seed.format, out), CodecStatus::corrupt);
}

// Our parser alone, in this process: what ASan and UBSan watch.
TEST(HostileHtj2k, TheParserStaysInBounds) {
    const Htj2kCodec codec{Htj2kCodec::Kind::rpcl};
    const auto seeds = ht_seeds(codec);
    int ok = 0, refused = 0;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        Random random{i * 104'729ULL + 3};
        const FrameBuffer broken = mutate(seeds[i % seeds.size()].stream, random);
        const FrameBuffer exact(broken.begin(), broken.end()); // no spare capacity to read from
        Jpeg2000Header header;
        ++(parse_jpeg2000(exact, header) == CodecStatus::ok ? ok : refused);
        ASSERT_LE(header.codestream.size(), exact.size());
    }
    EXPECT_GT(ok, 1000);
    EXPECT_GT(refused, 1000);
}

// One byte of a header at a time, every value: which capabilities and styles pass is a closed list.
TEST(HostileHtj2k, CapabilitiesThatOpenjpegLacksAreUnsupported) {
    const Htj2kCodec codec{Htj2kCodec::Kind::plain};
    const Seed seed = encoded(codec, mono(40, 40, 8, 8, false), Content::smooth);
    const auto find = [&](unsigned code) {
        std::size_t at = 2;
        while (seed.stream.at(at + 1) != static_cast<std::byte>(code))
            at += 2 + std::to_integer<std::size_t>(seed.stream.at(at + 3)); // segments are short
        return at;
    };
    const auto with = [&](std::size_t at, unsigned value) {
        FrameBuffer changed = seed.stream;
        changed.at(at) = static_cast<std::byte>(value);
        Jpeg2000Header header;
        const CodecStatus status = parse_jpeg2000(changed, header);
        return status == CodecStatus::ok && !header.high_throughput ? CodecStatus::mismatch
                                                                    : status;
    };
    const std::size_t cap = find(0x50), cod = find(0x52);
    EXPECT_EQ(with(cap + 8, 0x00), CodecStatus::ok);          // HTONLY
    EXPECT_EQ(with(cap + 8, 0x80), CodecStatus::ok);          // HTDECLARED, and all blocks are HT
    EXPECT_EQ(with(cap + 8, 0xC0), CodecStatus::unsupported); // mixed
    EXPECT_EQ(with(cap + 8, 0x20), CodecStatus::unsupported); // several HT sets
    EXPECT_EQ(with(cap + 8, 0x10), CodecStatus::unsupported); // regions of interest
    EXPECT_EQ(with(cap + 5, 0x03), CodecStatus::unsupported); // Part 15 and 16
    EXPECT_EQ(with(cap + 1, 0x64), CodecStatus::unsupported); // no CAP: a comment instead
    EXPECT_EQ(with(cod + 12, 0x40), CodecStatus::ok);
    EXPECT_EQ(with(cod + 12, 0x48), CodecStatus::ok);          // vertically causal
    EXPECT_EQ(with(cod + 12, 0xC0), CodecStatus::unsupported); // mixed
    EXPECT_EQ(with(cod + 12, 0x41), CodecStatus::unsupported); // bypass means nothing in HT
    EXPECT_EQ(with(cod + 7, 2), CodecStatus::unsupported);     // two layers
    EXPECT_EQ(with(cod + 12, 0x00), CodecStatus::mismatch);    // Part 1 blocks
}

} // namespace
} // namespace dcmflow::codecs::test
