// Pitfalls of streams that others write, and of what ours must be: codecs.md §4 rows 19 and 31
// to 35.
#include "tests/pitfalls/codestream.h"
#include "tests/pitfalls/jpeg_peer.h"

#include <gtest/gtest.h>

namespace dcmflow::pitfalls {
namespace {

Bytes joined(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
void expect_native(const Image& image, const std::vector<Bytes>& fragments, std::string_view from) {
    const Made made = convert(encapsulated(image.tree, fragments), from, uid::explicit_le);
    EXPECT_EQ(to_string(made.outcome.reason), "ok") << codecs::display_name(from);
    EXPECT_TRUE(made.bytes == image.bytes()) << codecs::display_name(from);
}

TEST(Pitfall, Row19_PadsAfterTheEndOnInput) {
    const Image made = image(shape_of(33, 47, 16, 12));
    for (const auto from : {uid::jpeg_ls, uid::jpeg2000, uid::htj2k, uid::jpeg_lossless}) {
        const Bytes stream = from == uid::jpeg_lossless
                                 ? write_lossless_jpeg(made.pixels(), made.format(), 1)
                                 : streams_of(made, from)[0];
        for (const std::uint8_t pad : {std::uint8_t{0}, std::uint8_t{0xFF}})
            for (const std::size_t count : {1U, 2U, 7U})
                expect_native(made, {{}, joined(stream, Bytes(count, pad))}, from);
        const Bytes coded = encapsulated(made.tree, {{}, joined(stream, Bytes(8, 0x55))});
        EXPECT_EQ(reason_for(coded, from, uid::explicit_le), "corrupt_stream"); // that is no pad
    }
    expect_native(made, {{}, joined(streams_of(made, uid::rle)[0], Bytes(1, 0))}, uid::rle);
}

// WG04's MR1: CharLS alone fails on it.
TEST(Pitfall, Row19_ZeroBeforeTheEndOfJpegLs) {
    const Image made = image(shape_of(33, 47, 16, 12));
    Bytes stream = streams_of(made, uid::jpeg_ls)[0];
    while (stream.back() != 0xD9)
        stream.pop_back();
    stream.resize(stream.size() - 2);
    while (stream.back() == 0xFF) // our own fill
        stream.pop_back();
    expect_native(made, {{}, joined(stream, {0x00, 0xFF, 0xD9})}, uid::jpeg_ls);
}

TEST(Pitfall, Row31_JpegLosslessOfEveryPrecisionAndPredictor) {
    for (const unsigned stored : {8U, 12U, 16U})
        for (int predictor = 1; predictor <= 7; ++predictor) {
            SCOPED_TRACE(std::to_string(stored) + " bits, predictor " + std::to_string(predictor));
            const Shape shape = shape_of(33, 47, stored > 8 ? 16 : 8, stored);
            Random rng(stored);
            Image made = image(shape);
            if (stored != 12) // extremes: differences of 16 bits overflow
                set(made.tree,
                    raw(pixel_data, stored > 8 ? "OW" : "OB", noise(rng, made.pixels().size())));
            if (stored == 8)
                set(made.tree, raw(pixel_data, "OB", [&] { // odd: the pad is zero
                        Bytes pixels = made.pixels();
                        pixels.back() = 0;
                        return pixels;
                    }()));
            const Bytes stream = write_lossless_jpeg(made.pixels(), shape.format, predictor);
            expect_native(made, {{}, stream}, uid::jpeg_lossless_57);
            if (predictor == 1) {
                expect_native(made, {{}, stream}, uid::jpeg_lossless);
            } else { // first-order prediction only (PS3.5 10.3)
                EXPECT_EQ(reason_for(encapsulated(made.tree, {{}, stream}), uid::jpeg_lossless,
                                     uid::explicit_le),
                          "stream_mismatch");
            }
        }
}

// Components are what they are; never through a colour conversion. A header of the other kind than
// the stream's marks is refused, and so are labels that lossless JPEG has no coding for (row 5:
// 422).
TEST(Pitfall, Row31_JpegLosslessColourIsNotConverted) {
    const Image rgb = image(colour_shape());
    const Bytes stream = write_lossless_jpeg(rgb.pixels(), rgb.format(), 1);
    expect_native(rgb, {{}, stream}, uid::jpeg_lossless);
    for (const auto to : {uid::htj2k, uid::jpeg_ls, uid::rle})
        EXPECT_EQ(problem_of(convert(encapsulated(rgb.tree, {{}, stream}), uid::jpeg_lossless, to),
                             rgb, to),
                  "");
    const Image ybr = image(colour_shape(Photometric::ybr_full));
    expect_native(ybr, {{}, write_lossless_jpeg(ybr.pixels(), ybr.format(), 1)},
                  uid::jpeg_lossless);
    EXPECT_EQ(
        reason_for(encapsulated(ybr.tree, {{}, stream}), uid::jpeg_lossless, uid::explicit_le),
        "stream_mismatch"); // marked RGB by DCMTK
}

TEST(Pitfall, Row32_Jpeg2000InJp2Boxes) {
    const Image made = image(shape_of(33, 47, 16, 12));
    for (const auto from : {uid::jpeg2000, uid::htj2k}) {
        Bytes stream = streams_of(made, from)[0];
        EXPECT_EQ(be16(stream, 0), 0xFF4FU); // ours is never boxed
        Bytes boxes{0,   0,   0,   12,  'j', 'P', ' ', ' ', 0x0D, 0x0A, 0x87, 0x0A, 0,
                    0,   0,   20,  'f', 't', 'y', 'p', 'j', 'p',  '2',  ' ',  0,    0,
                    0,   0,   'j', 'p', '2', ' ', 0,   0,   0,    45,   'j',  'p',  '2',
                    'h', 0,   0,   0,   22,  'i', 'h', 'd', 'r',  0,    0,    0,    33,
                    0,   0,   0,   47,  0,   1,   11,  7,   0,    0,    0,    0,    0,
                    15,  'c', 'o', 'l', 'r', 1,   0,   0,   0,    0,    0,    17};
        for (const bool to_the_end : {false, true}) { // a length of 0: up to the end of the file
            Bytes file = boxes;
            put(file, to_the_end ? 0 : 8 + stream.size(), 4, true);
            for (const char c : {'j', 'p', '2', 'c'})
                file.push_back(static_cast<std::uint8_t>(c));
            file = joined(file, stream);
            file.resize(file.size() + file.size() % 2);
            expect_native(made, {{}, file}, from);
        }
    }
}

// Strict: half an image is not an image.
TEST(Pitfall, Row33_Jpeg2000WithoutEndOrWithLayers) {
    const Image made = image(shape_of(33, 47, 16, 12));
    for (const auto from : {uid::jpeg2000, uid::htj2k}) {
        Bytes stream = streams_of(made, from)[0];
        while (stream.back() != 0xD9)
            stream.pop_back();
        for (const std::size_t gone : {2U, 3U, 100U}) {
            const Bytes cut(stream.begin(), stream.end() - static_cast<std::ptrdiff_t>(gone));
            EXPECT_EQ(reason_for(encapsulated(made.tree, {{}, cut}), from, uid::explicit_le),
                      "corrupt_stream");
        }
    }
    const auto native = as_span(made.pixels());
    for (int progression = 0; progression <= 4; ++progression) {
        codecs::test::RawOptions options;
        options.layers = 3;
        options.progression = progression;
        const auto stream =
            codecs::test::opj_raw_encode({native.begin(), native.end()}, made.format(), options);
        Bytes padded = to_bytes(stream);
        padded.resize(padded.size() + padded.size() % 2);
        expect_native(made, {{}, padded}, uid::jpeg2000);
    }
    codecs::test::RawOptions irreversible;
    irreversible.irreversible = true; // lossy under a lossless name
    const auto stream =
        codecs::test::opj_raw_encode({native.begin(), native.end()}, made.format(), irreversible);
    EXPECT_EQ(reason_for(encapsulated(made.tree, {{}, to_bytes(stream)}), uid::jpeg2000,
                         uid::explicit_le),
              "unsupported_source");
}

TEST(Pitfall, Row34_Htj2kRpclConstraints) {
    constexpr std::array<std::pair<unsigned, unsigned>, 4> sizes{
        {{600, 500}, {70, 300}, {33, 47}, {1, 9}}};
    for (const auto& [rows, columns] : sizes) {
        const Image made = image(shape_of(rows, columns, 16, 12));
        for (const auto to : {uid::htj2k, uid::htj2k_rpcl}) {
            const Bytes bytes = expect_exact(made, to);
            const auto header = read_main_header(streams_in(bytes, to)[0]);
            EXPECT_TRUE(header.high_throughput);
            EXPECT_EQ(header.wavelet, 1U);
            if (to == uid::htj2k)
                continue;
            EXPECT_EQ(header.progression, 2U); // RPCL
            EXPECT_TRUE(header.tile_part_lengths);
            EXPECT_LE(std::min(rows >> header.levels, columns >> header.levels), 64U);
        }
    }
}

TEST(Pitfall, Row35_RleRowsSegmentsAndPads) {
    // The reader of the test refuses runs over the end of a row, odd segments and odd offsets.
    for (const unsigned width : {1U, 2U, 127U, 128U, 129U, 257U})
        for (const int content : {0, 1, 2}) {
            const Shape shape = shape_of(5, width, 16, 16, false, 2);
            Image made = image(shape, width);
            Random rng(width);
            if (content < 2) // flat: runs are as long as can be; noise: literals are
                set(made.tree, raw(pixel_data, "OW",
                                   content == 0 ? Bytes(made.pixels().size(), 7)
                                                : noise(rng, made.pixels().size())));
            expect_exact(made, uid::rle);
        }
    // Streams of others: a pad byte at the end, and three samples of 16 bits, which we read only.
    const Image gray = image(shape_of(33, 47, 16, 12));
    expect_native(gray, {{}, joined(write_rle(gray.frame(0), gray.format()), {0, 0})}, uid::rle);
    const Image deep = image(colour_shape(Photometric::rgb, 16));
    expect_native(deep, {{}, write_rle(deep.frame(0), deep.format())}, uid::rle);
    expect_passed_on(deep, "unsupported_target", uid::rle);
    const Image rgb = image(colour_shape());
    expect_native(rgb, {{}, write_rle(rgb.frame(0), rgb.format())}, uid::rle);
}

} // namespace
} // namespace dcmflow::pitfalls
