// Pitfalls of native Pixel Data's length and byte order: codecs.md §4 rows 17, 24 and 36.
#include "tests/pitfalls/images.h"

#include <gtest/gtest.h>

namespace dcmflow::pitfalls {
namespace {

// Frames of 35 bytes, one after the other without a gap: frame n begins at 35 n; one pad at the
// end.
TEST(Pitfall, Row17_OddFramesArePaddedOnce) {
    for (const std::uint32_t frames : {1U, 2U, 3U}) {
        const Shape shape = shape_of(5, 7, 8, 8, false, frames);
        const Image made = image(shape);
        ASSERT_EQ(made.pixels().size(), 35U * frames + frames % 2);
        Bytes pixels = made.pixels();
        if (frames % 2)
            pixels.back() = 0xEE; // a pad that is not zero comes back as zero
        const Image padded = with_pixels(shape, pixels);
        const Image unpadded =
            with_pixels(shape, Bytes(pixels.begin(), pixels.begin() + 35 * frames));
        for (const auto to : coded_syntaxes) {
            expect_exact(made, to);
            const Made coded = convert(made.bytes(), uid::explicit_le, to);
            EXPECT_TRUE(convert(padded.bytes(), uid::explicit_le, to).bytes == coded.bytes);
            // An odd value is malformed, but no pixel is missing.
            EXPECT_TRUE(convert(unpadded.bytes(), uid::explicit_le, to).bytes == coded.bytes);
        }
        // Native to native it is the same bytes, whatever they are.
        EXPECT_EQ(convert(padded.bytes(), uid::explicit_le, uid::implicit_le).bytes,
                  padded.bytes(uid::implicit_le));
    }
}

TEST(Pitfall, Row24_PixelDataTooShortOrTooLong) {
    for (const unsigned bits : {8U, 12U})
        for (const int change : {-34, -2, -1, 2, 4, 34, 1000}) {
            const Shape shape = shape_of(6, 8, bits > 8 ? 16 : 8, bits, false, 3);
            Bytes pixels = image(shape).pixels();
            pixels.resize(static_cast<std::size_t>(static_cast<int>(pixels.size()) + change), 0);
            for (const auto to : coded_syntaxes)
                expect_passed_on(with_pixels(shape, pixels), "pixel_length", to);
        }
    Image none = with_pixels(shape_of(6, 8, 8, 8), {});
    expect_passed_on(none, "pixel_length", uid::jpeg_ls);
}

Image little_endian(Image image) { // as an explicit little endian object has it
    set(image.tree,
        raw(pixel_data, image.format().bits_allocated > 8 ? "OW" : "OB", image.pixels()));
    return image;
}

TEST(Pitfall, Row36_BigEndianWordsAndBytes) {
    std::vector<Image> images{
        image(shape_of(21, 23, 16, 12, false, 3)), image(shape_of(21, 23, 16, 16, true)),
        image(shape_of(5, 7, 8, 8, false, 3)), image(colour_shape(Photometric::rgb, 8, true, 3)),
        image(colour_shape(Photometric::rgb, 16))};
    // 8-bit cells in words: byte pairs are swapped, and a frame may begin in the middle of one.
    images.push_back(with_pixels(images[2].shape, images[2].pixels(), "OW"));
    images.push_back(with_pixels(images[3].shape, images[3].pixels(), "OW"));
    for (Image& made : images) {
        set(made.tree, numbers(0x00189087, "FD", {0x0123456789ABCDEF}, 8));
        set(made.tree, numbers(0x00209165, "AT", {0x00189087, 0x7FE00010}, 4));
        set(made.tree, raw(0x00091002, "OB", {1, 2, 3, 4}));
        set(made.tree, raw(0x60003000, "OW", {5, 6, 7, 8}));
        const Bytes big = made.bytes(uid::explicit_be);
        EXPECT_TRUE(convert(big, uid::explicit_be, uid::explicit_le).bytes == made.bytes());
        EXPECT_TRUE(convert(big, uid::explicit_be, uid::implicit_le).bytes ==
                    made.bytes(uid::implicit_le));
        const Image native = little_endian(made);
        for (const auto to : coded_syntaxes) {
            const Made from_big = convert(big, uid::explicit_be, to);
            const Made from_little = convert(native.bytes(), uid::explicit_le, to);
            EXPECT_EQ(from_big.outcome.reason, from_little.outcome.reason);
            EXPECT_TRUE(from_big.bytes == from_little.bytes);
            if (from_little.outcome.reason == TranscodeReason::ok) {
                EXPECT_EQ(problem_of(from_big, native, to), "");
            }
        }
    }
}

// What nobody can swap stays as it is: UN, cells of 16 bits in OB, cells of 32.
TEST(Pitfall, Row36_BigEndianThatCannotBeSwapped) {
    const auto check = [](const Image& made, std::string_view reason) {
        for (const auto to : {uid::explicit_le, uid::implicit_le, uid::jpeg_ls, uid::rle})
            EXPECT_EQ(reason_for(made.bytes(uid::explicit_be), uid::explicit_be, to), reason);
    };
    Image made = image(shape_of(21, 23, 16, 12));
    check(made, "ok");
    set(made.tree, raw(0x00091003, "UN", {1, 2, 3, 4}));
    check(made, "unknown_vr");
    made = image(shape_of(21, 23, 16, 12));
    check(with_pixels(made.shape, made.pixels(), "OB"), "unknown_vr");
    set(made.tree, sequence(0x00081140, {{raw(0x00091003, "UN", {1, 2})}}, true, false));
    check(made, "unknown_vr");
}

} // namespace
} // namespace dcmflow::pitfalls
