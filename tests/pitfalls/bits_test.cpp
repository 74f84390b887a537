// Pitfalls of depth, sign and unused bits: codecs.md §4 rows 1 and 8 to 15.
#include "tests/pitfalls/allowed.h"
#include "tests/pitfalls/codestream.h"

#include <gtest/gtest.h>

namespace dcmflow::pitfalls {
namespace {

// Every cell the given value; a ramp above would leave extremes out.
Bytes cells(const Shape& shape, const std::function<std::uint64_t(std::size_t)>& value) {
    const auto& f = shape.format;
    Bytes out;
    for (std::size_t i = 0; i < std::size_t{f.rows} * f.columns * f.samples * shape.frames; ++i)
        put(out, value(i), f.bytes_per_sample(), false);
    out.resize(out.size() + out.size() % 2);
    return out;
}
std::uint64_t sign_extended(std::uint64_t value, unsigned bits) {
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    return ((value & (2 * sign - 1)) ^ sign) - sign;
}
Image signed_extremes(unsigned allocated, unsigned stored, std::uint32_t frames = 1) {
    const Shape shape = shape_of(19, 23, allocated, stored, true, frames);
    return with_pixels(
        shape, cells(shape, [stored](std::size_t i) {
            const std::uint64_t low = std::uint64_t{1} << (stored - 1); // the least value
            return sign_extended(i % 5 == 0 ? low : i % 5 == 1 ? low - 1 : i * 37, stored);
        }));
}

// Written out, so that neither the codecs nor must_be_coded() decides what is right.
TEST(Pitfall, Row01_AllowedValuesPerSyntax) {
    struct Case {
        Shape shape;
        std::string taken_by; // j: JPEG-LS, 2: JPEG 2000, h: HTJ2K, r: RLE
    };
    const auto gray_of = [](unsigned allocated, unsigned stored, bool is_signed) {
        return shape_of(20, 20, allocated, stored, is_signed);
    };
    Shape four = shape_of(20, 20, 8, 8);
    four.format.samples = 4;
    four.format.photometric = Photometric::other;
    Shape palette = gray_of(8, 8, false), words = gray_of(16, 16, false);
    palette.format.photometric = words.format.photometric = Photometric::palette_color;
    Shape negative_palette = palette;
    negative_palette.format.is_signed = true;
    const std::vector<Case> table{
        {gray_of(8, 1, false), "2h"},
        {gray_of(8, 2, false), "j2h"},
        {gray_of(8, 8, false), "j2hr"},
        {gray_of(8, 8, true), "jr"},
        {gray_of(16, 1, false), "2hr"},
        {gray_of(16, 10, false), "j2hr"},
        {gray_of(16, 16, false), "j2hr"},
        {gray_of(16, 16, true), "j2hr"},
        {gray_of(32, 32, false), "r"},
        {gray_of(32, 20, true), "r"},
        {gray_of(64, 64, false), ""},
        {palette, "j2hr"},
        {words, "j2hr"},
        {negative_palette, ""},
        {colour_shape(), "j2hr"},
        {colour_shape(Photometric::rgb, 16), "j2"},
        {colour_shape(Photometric::rgb, 12), "j2"},
        {colour_shape(Photometric::ybr_full), "j2r"},
        {colour_shape(Photometric::ybr_full, 16), "2"},
        {four, ""},
    };
    for (const auto& [shape, taken_by] : table) {
        const auto size = shape.format.frame_bytes();
        Image made = image(colour_shape()); // any: the pixels are replaced
        if (shape.format.bits_allocated <= 16) {
            made = image(shape);
        } else {
            Tree tree = object(shape_of(20, 20, 8, 8));
            set(tree, us(0x00280100, shape.format.bits_allocated));
            set(tree, us(0x00280101, shape.format.bits_stored));
            set(tree, us(0x00280102, shape.format.high_bit));
            set(tree, us(0x00280103, shape.format.is_signed));
            set(tree, raw(pixel_data, "OW", Bytes(size, 0)));
            made = {shape, tree};
        }
        if (shape.format.photometric == Photometric::other)
            set(made.tree, text(0x00280004, "CS", "ARGB"));
        for (const auto to : coded_syntaxes) {
            const char letter = to == uid::jpeg_ls ? 'j'
                                : to == uid::rle   ? 'r'
                                : is_jpeg2000(to)  ? '2'
                                                   : 'h';
            const bool taken = taken_by.find(letter) != std::string::npos;
            SCOPED_TRACE(std::string(codecs::display_name(to)) + " " +
                         std::string(to_string(shape.format.photometric)) + " " +
                         std::to_string(shape.format.bits_allocated) + "/" +
                         std::to_string(shape.format.bits_stored) +
                         (shape.format.is_signed ? " signed" : ""));
            EXPECT_EQ(must_be_coded(shape.format, to), taken);
            if (taken)
                expect_exact(made, to);
            else
                expect_passed_on(made, "unsupported_target", to);
        }
    }
}

// JPEG-LS streams know no sign. Ours carry the whole cell (jpeg_ls.h: GDCM and DCMTK do not extend
// a shorter one), so that every reader gets the negatives; those of others, at Bits Stored, are
// extended.
TEST(Pitfall, Row08_SignedDataInJpegLs) {
    for (const unsigned stored : {9U, 12U, 15U, 16U}) {
        const Image made = signed_extremes(16, stored);
        expect_exact(made, uid::jpeg_ls);
        EXPECT_EQ(jpeg_ls_precision(streams_of(made, uid::jpeg_ls)[0]), 16U);
        Bytes masked = made.pixels();
        for (std::size_t i = 0; i < masked.size(); i += 2)
            masked[i + 1] = static_cast<std::uint8_t>(masked[i + 1] & ((1U << (stored - 8)) - 1));
        charls::jpegls_encoder encoder;
        encoder.frame_info({23, 19, static_cast<int>(stored), 1});
        Bytes stream(encoder.estimated_destination_size());
        encoder.destination(stream);
        stream.resize(encoder.encode(masked));
        stream.resize(stream.size() + stream.size() % 2);
        const Made native =
            convert(encapsulated(made.tree, {{}, stream}), uid::jpeg_ls, uid::explicit_le);
        EXPECT_TRUE(native.bytes == made.bytes()) << stored;
    }
    expect_exact(signed_extremes(8, 8), uid::jpeg_ls);
}

// Precision is Bits Stored and the sign bit is Pixel Representation, in JPEG 2000 and HTJ2K.
TEST(Pitfall, Row09_SignInJpeg2000) {
    for (const auto to : {uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl})
        for (const unsigned stored : {10U, 12U, 16U})
            for (const bool is_signed : {false, true}) {
                const Image made =
                    is_signed ? signed_extremes(16, stored) : image(shape_of(19, 23, 16, stored));
                expect_exact(made, to);
                const auto header = read_main_header(streams_of(made, to)[0]);
                EXPECT_EQ(header.precision, stored);
                EXPECT_EQ(header.is_signed, is_signed);
            }
}

Bytes jpeg2000_by_peer(const Image& image) {
    const auto native = as_span(image.pixels());
    const auto stream =
        codecs::test::opj_raw_encode({native.begin(), native.end()}, image.format(), {});
    return to_bytes(stream);
}

// A stream that lost the sign: the bits are re-read if it has as many as are stored. Else the
// values are the stream's, or nobody can say what they are.
TEST(Pitfall, Row09_ForeignJpeg2000OfAnotherSignOrPrecision) {
    const Image negative = signed_extremes(16, 12);
    Shape unsigned_shape = negative.shape;
    unsigned_shape.format.is_signed = false;
    Bytes masked = negative.pixels();
    for (std::size_t i = 1; i < masked.size(); i += 2)
        masked[i] &= 0x0F;
    const Bytes lost = jpeg2000_by_peer(with_pixels(unsigned_shape, masked));
    ASSERT_FALSE(read_main_header(lost).is_signed);
    const Made read =
        convert(encapsulated(negative.tree, {{}, lost}), uid::jpeg2000, uid::explicit_le);
    EXPECT_TRUE(read.bytes == negative.bytes());

    // 10 bits in the stream where 12 are stored: the values stand for themselves.
    const Image ten = image(shape_of(19, 23, 16, 10));
    Image said = ten;
    set(said.tree, us(0x00280101, 12));
    set(said.tree, us(0x00280102, 11));
    const Bytes stream = jpeg2000_by_peer(ten);
    EXPECT_TRUE(
        convert(encapsulated(said.tree, {{}, stream}), uid::jpeg2000, uid::explicit_le).bytes ==
        said.bytes());
    set(said.tree, us(0x00280103, 1)); // and a sign, which might be either bit
    EXPECT_EQ(reason_for(encapsulated(said.tree, {{}, stream}), uid::jpeg2000, uid::explicit_le),
              "stream_mismatch");
}

// An overlay in bits 12 to 15, and none in (60xx,3000).
Tree with_embedded_overlay(Tree tree) {
    set(tree, us(0x60000010, 33));
    set(tree, us(0x60000011, 47));
    set(tree, text(0x60000040, "CS", "G"));
    set(tree, numbers(0x60000050, "SS", {1, 1}, 2));
    set(tree, us(0x60000100, 16));
    set(tree, us(0x60000102, 12));
    return tree;
}
Image overlaid(std::uint32_t frames, std::uint32_t first_dirty = 0, bool is_signed = false) {
    const Shape shape = shape_of(33, 47, 16, 12, is_signed, frames);
    Image made = image(shape);
    Bytes pixels = made.pixels();
    for (std::size_t i = std::size_t{33} * 47 * first_dirty; i < pixels.size() / 2; i += 3)
        pixels[2 * i + 1] ^= static_cast<std::uint8_t>(0x10U << (i % 4));
    set(made.tree, raw(pixel_data, "OW", pixels));
    made.tree = with_embedded_overlay(made.tree);
    return made;
}

// Whole cells survive in JPEG-LS (at the precision of the cell, in all frames) and in RLE; the
// others would drop the overlay, so the original goes (design §6: code all allocated bits, or keep
// it).
TEST(Pitfall, Row10_UnusedHighBitsOrEmbeddedOverlay) {
    for (const bool is_signed : {false, true})
        for (const std::uint32_t first_dirty : {0U, 3U}) {
            const Image made = overlaid(4, first_dirty, is_signed);
            expect_exact(made, uid::jpeg_ls); // CharLS sees every bit of the cells
            expect_exact(made, uid::rle);     // so does the test's own reader
            for (const Bytes& stream : streams_of(made, uid::jpeg_ls))
                EXPECT_EQ(jpeg_ls_precision(stream), 16U);
            for (const auto to : {uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl})
                expect_passed_on(made, "dirty_bits", to);
        }
    Shape clean = shape_of(33, 47, 16, 12);
    EXPECT_EQ(jpeg_ls_precision(streams_of(image(clean), uid::jpeg_ls)[0]), 12U);
}

TEST(Pitfall, Row10_OneBitInOneCellOfBytes) {
    const Shape shape = shape_of(33, 47, 8, 6);
    Bytes pixels = image(shape).pixels();
    pixels[33 * 47 - 1] |= 0x40;
    for (const auto to : coded_syntaxes) {
        const auto reason = expected_reason(shape.format, true, to);
        if (reason == "ok")
            expect_exact(with_pixels(shape, pixels), to);
        else
            expect_passed_on(with_pixels(shape, pixels), reason, to);
    }
}

// From big endian words too, where the bit to look at is in the other byte, or behind the pad.
TEST(Pitfall, Row10_UnusedHighBitsInBigEndian) {
    const auto check = [](Image made) {
        for (const auto to : {uid::jpeg_ls, uid::rle})
            if (must_be_coded(made.format(), to)) {
                EXPECT_EQ(problem_of(convert(made.bytes(uid::explicit_be), uid::explicit_be, to),
                                     made, to),
                          "");
            }
        EXPECT_EQ(reason_for(made.bytes(uid::explicit_be), uid::explicit_be, uid::jpeg2000),
                  "dirty_bits");
    };
    check(overlaid(2));
    const Shape shape = shape_of(3, 5, 8, 6, false, 3);
    Bytes pixels = image(shape).pixels();
    pixels[3 * 5 * 3 - 1] |= 0x80; // the last pixel: its word's first byte is the pad
    check(with_pixels(shape, pixels, "OW"));
}

// A compressed object's first frames tell; data that only later ones have is refused rather than
// written at another precision than theirs, for readers look at the first frame's.
TEST(Pitfall, Row10_UnusedHighBitsOfACompressedObject) {
    const Image all = overlaid(3), last = overlaid(3, 2);
    const Made rle = convert(all.bytes(), uid::explicit_le, uid::rle);
    EXPECT_EQ(problem_of(convert(rle.bytes, uid::rle, uid::jpeg_ls), all, uid::jpeg_ls), "");
    EXPECT_EQ(reason_for(rle.bytes, uid::rle, uid::htj2k), "dirty_bits");
    const Made late = convert(last.bytes(), uid::explicit_le, uid::rle);
    EXPECT_EQ(reason_for(late.bytes, uid::rle, uid::jpeg_ls), "dirty_bits");
    EXPECT_EQ(convert(late.bytes, uid::rle, uid::explicit_le).bytes, last.bytes());
}

TEST(Pitfall, Row11_HighBitElsewhere) {
    for (const std::uint16_t high_bit : {std::uint16_t{13}, std::uint16_t{15}}) {
        Shape shape = shape_of(33, 47, 16, 12);
        shape.format.high_bit = high_bit;
        const Image made = with_pixels(shape, cells(shape, [high_bit](std::size_t i) {
                                           return (i * 37 % 4096) << (high_bit - 11);
                                       }));
        expect_exact(made, uid::jpeg_ls);
        expect_exact(made, uid::rle);
        EXPECT_EQ(jpeg_ls_precision(streams_of(made, uid::jpeg_ls)[0]), 16U);
        for (const auto to : {uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl})
            expect_passed_on(made, "dirty_bits", to);
    }
}

TEST(Pitfall, Row12_FewBitsInSixteenBitCells) {
    for (const unsigned stored : {2U, 5U, 8U}) {
        for (const bool is_signed : {false, true}) {
            const Image made =
                is_signed ? signed_extremes(16, stored) : image(shape_of(19, 23, 16, stored));
            for (const auto to : coded_syntaxes) {
                const Bytes bytes = expect_exact(made, to);
                EXPECT_EQ(scan(bytes, to).us(0x0028, 0x0100), 16);
                EXPECT_EQ(scan(bytes, to).us(0x0028, 0x0101), stored);
            }
            EXPECT_EQ(jpeg_ls_precision(streams_of(made, uid::jpeg_ls)[0]), 16U);
            for (const auto to :
                 {uid::jpeg2000, uid::htj2k}) // GDCM gives 8-bit cells back for less
                EXPECT_EQ(read_main_header(streams_of(made, to)[0]).precision, 16U);
        }
    }
}

TEST(Pitfall, Row13_SixOrSevenBitsInBytes) {
    for (const unsigned stored : {6U, 7U}) {
        const Image made = image(shape_of(19, 23, 8, stored));
        for (const auto to : coded_syntaxes)
            if (must_be_coded(made.format(), to))
                expect_exact(made, to);
        EXPECT_EQ(jpeg_ls_precision(streams_of(made, uid::jpeg_ls)[0]), 8U);
    }
}

// Frames of 35 bits follow one another without a gap, so no frame is bytes: carried as they are.
TEST(Pitfall, Row14_OneBitSegmentation) {
    Shape shape = shape_of(5, 7, 8, 8, false, 3);
    Image made = image(shape);
    set(made.tree, us(0x00280100, 1));
    set(made.tree, us(0x00280101, 1));
    set(made.tree, us(0x00280102, 0));
    Random rng(3);
    set(made.tree, raw(pixel_data, "OB", noise(rng, 14)));
    for (const auto to : coded_syntaxes)
        expect_passed_on(made, "unsupported_target", to);
    set(made.tree, raw(pixel_data, "OW", noise(rng, 14)));
    EXPECT_EQ(convert(made.bytes(uid::explicit_be), uid::explicit_be, uid::explicit_le).bytes,
              made.bytes());
    // In fragments, whoever made them, it stays what it is.
    const Bytes coded = encapsulated(made.tree, {{}, Bytes(70, 0), Bytes(70, 0), Bytes(70, 0)});
    for (const auto from : {uid::rle, uid::deflated_frame})
        EXPECT_EQ(reason_for(coded, from, uid::explicit_le), "unsupported_source");
}

// Whole cells of 32 bits fit RLE (rle.h: GDCM and DCMTK read it); the wavelet libraries fail
// above 24.
TEST(Pitfall, Row15_IntegersOf32BitsAndFloats) {
    for (const bool is_signed : {false, true}) {
        const Shape shape = shape_of(19, 23, 32, 32, is_signed, 2);
        Image made{shape, object(shape_of(19, 23, 8, 8, is_signed, 2))};
        for (const std::uint32_t tag : {0x00280100U, 0x00280101U})
            set(made.tree, us(tag, 32));
        set(made.tree, us(0x00280102, 31));
        set(made.tree,
            raw(pixel_data, "OW", cells(shape, [](std::size_t i) { return i * 0x01020305; })));
        expect_exact(made, uid::rle);
        for (const auto to : coded_syntaxes)
            if (to != uid::rle)
                expect_passed_on(made, "unsupported_target", to);
    }
    for (const bool wide : {false, true}) {
        Image made = image(shape_of(19, 23, 8, 8));
        drop(made.tree, pixel_data);
        set(made.tree, raw(wide ? 0x7FE00009 : 0x7FE00008, wide ? "OD" : "OF",
                           Bytes(19 * 23 * (wide ? 8 : 4), 1)));
        for (const auto to : coded_syntaxes)
            expect_passed_on(made, "float_pixels", to);
        EXPECT_EQ(convert(made.bytes(uid::explicit_be), uid::explicit_be, uid::explicit_le).bytes,
                  made.bytes());
    }
}

} // namespace
} // namespace dcmflow::pitfalls
