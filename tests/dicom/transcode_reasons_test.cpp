// Every reason in the closed list, reached by an object that deserves it: one test each, named
// after it.
#include "tests/dicom/transcode_reasons.h"

#include <set>

namespace dcmflow::testing {
namespace {

using codecs::Photometric;

TEST(TranscodeReason, NamesAreDistinct) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(TranscodeReason::internal); ++i)
        names.insert(to_string(static_cast<TranscodeReason>(i)));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(TranscodeReason::internal) + 1);
}

TEST(TranscodeReason, ok) {
    for (const auto to : {uid::implicit_le, uid::jpeg_ls, uid::jpeg2000})
        expect_reason(TranscodeReason::ok, object(gray(12)), to);
}

TEST(TranscodeReason, same_syntax) {
    expect_reason(TranscodeReason::same_syntax, object(gray()), uid::explicit_le);
    const Bytes ls =
        encapsulated(object(gray()), {{}, streams_of(object(gray()), uid::jpeg_ls)[0]});
    expect_reason(TranscodeReason::same_syntax, ls, uid::jpeg_ls, uid::jpeg_ls);
}

TEST(TranscodeReason, not_image) {
    Tree report = object(gray());
    drop(report, 0x7FE00010);
    expect_reason(TranscodeReason::not_image, report, uid::jpeg_ls);
    expect_reason(TranscodeReason::not_image, report, uid::jpeg2000);
    // But between native syntaxes it is re-encoded, whatever it is.
    expect_reason(TranscodeReason::ok, report, uid::implicit_le);
    const Made made = transcode(write(report, {}), uid::explicit_le, uid::implicit_le);
    EXPECT_EQ(made.bytes, write(report, form_of(uid::implicit_le, false)));
    EXPECT_EQ(made.outcome.frames, 0U);
    // And out of an encapsulated syntax, which it had no use for.
    const Made out = transcode(write(report, {}), uid::jpeg_ls, uid::explicit_le);
    EXPECT_EQ(out.outcome.reason, TranscodeReason::ok);
    EXPECT_EQ(out.bytes, write(report, {}));
}

TEST(TranscodeReason, unsupported_source) {
    const Bytes bytes = encapsulated(object(gray()), {{}, Bytes(10, 1)});
    expect_reason(TranscodeReason::unsupported_source, bytes, "1.2.3.4.5", uid::explicit_le);
    expect_reason(TranscodeReason::unsupported_source, bytes, "1.2.840.10008.1.2.4.57",
                  uid::explicit_le);
}

TEST(TranscodeReason, unsupported_target_syntax) {
    for (const std::string_view to :
         {uid::explicit_be, uid::deflated, jpeg_baseline, std::string_view("1.2.3")})
        expect_reason(TranscodeReason::unsupported_target, object(gray()), to);
}

TEST(TranscodeReason, unsupported_target_one_bit) {
    Tree tree = object(gray(8, 3));
    set(tree, us(0x00280100, 1));
    set(tree, us(0x00280101, 1));
    set(tree, us(0x00280102, 0));
    set(tree, raw(0x7FE00010, "OB", Bytes(48 * 64 * 3 / 8, 0x55)));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        expect_reason(TranscodeReason::unsupported_target, tree, to);
    expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
}

TEST(TranscodeReason, unsupported_target_32_bits) {
    Tree tree = object(gray());
    set(tree, us(0x00280100, 32));
    set(tree, us(0x00280101, 32));
    set(tree, us(0x00280102, 31));
    set(tree, raw(0x7FE00010, "OW", Bytes(48 * 64 * 4, 1)));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        expect_reason(TranscodeReason::unsupported_target, tree, to);
    expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
}

TEST(TranscodeReason, unsupported_target_ybr_full_422) {
    Shape shape = gray();
    shape.format.samples = 3;
    shape.format.photometric = Photometric::ybr_full_422;
    Tree tree = object(shape);
    set(tree, raw(0x7FE00010, "OB", Bytes(48 * 64 * 2, 1)));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        expect_reason(TranscodeReason::unsupported_target, tree, to);
    expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
}

// Viewers show negatives of signed JPEG 2000 samples of up to 8 bits as 0; JPEG-LS they read.
TEST(TranscodeReason, unsupported_target_signed_bytes_in_jpeg2000) {
    Shape shape = gray();
    shape.format.is_signed = true;
    expect_reason(TranscodeReason::unsupported_target, object(shape), uid::jpeg2000);
    expect_reason(TranscodeReason::ok, object(shape), uid::jpeg_ls);
}

TEST(TranscodeReason, lossy_source) {
    const Bytes bytes = encapsulated(object(gray()), {{}, Bytes(10, 1)});
    for (const std::string_view from : {jpeg_baseline, std::string_view("1.2.840.10008.1.2.4.81"),
                                        std::string_view("1.2.840.10008.1.2.4.91")})
        for (const auto to : {uid::explicit_le, uid::jpeg_ls})
            expect_reason(TranscodeReason::lossy_source, bytes, from, to);
}

TEST(TranscodeReason, lossy_source_by_colour_transform) {
    Tree tree = object(gray());
    set(tree, us(0x00280002, 3));
    set(tree, text(0x00280004, "CS", "YBR_ICT"));
    expect_reason(TranscodeReason::lossy_source, encapsulated(tree, {{}, Bytes(10, 1)}),
                  uid::jpeg2000, uid::jpeg_ls);
}

TEST(TranscodeReason, dirty_bits) {
    Tree tree = object(gray(12));
    Bytes pixels = find(tree, 0x7FE00010)->value;
    pixels[2001] |= 0x80; // an overlay's bit
    set(tree, raw(0x7FE00010, "OW", pixels));
    EXPECT_EQ(transcode(write(tree, {}), uid::explicit_le, uid::jpeg2000).outcome.reason,
              TranscodeReason::dirty_bits);
    expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
}

// JPEG-LS at the precision of the whole cell keeps them.
TEST(TranscodeReason, ok_with_unused_bits_in_jpeg_ls) {
    for (const std::uint32_t frames : {1U, 5U}) {
        Tree tree = object(gray(12, frames));
        Bytes pixels = find(tree, 0x7FE00010)->value;
        pixels.back() |= 0x10; // only in the last of many frames
        set(tree, raw(0x7FE00010, "OW", pixels));
        const Bytes native = write(tree, {});
        const Made coded = transcode(native, uid::explicit_le, uid::jpeg_ls);
        ASSERT_EQ(to_string(coded.outcome.reason), "ok");
        const DataSet scanned = scan(coded.bytes, uid::jpeg_ls);
        const auto fragments = fragments_of(scanned);
        ASSERT_EQ(fragments.size(), frames + 1);
        for (std::size_t i = 1; i < fragments.size(); ++i)
            EXPECT_EQ(std::to_integer<int>(fragments[i][6]), 16) << "SOF55 follows SOI: precision";
        EXPECT_EQ(transcode(coded.bytes, uid::jpeg_ls, uid::explicit_le).bytes, native);
    }
}

TEST(TranscodeReason, dirty_bits_in_the_last_of_many_frames) {
    Tree tree = object(gray(12, 5));
    Bytes pixels = find(tree, 0x7FE00010)->value;
    pixels.back() |= 0x10;
    set(tree, raw(0x7FE00010, "OW", pixels));
    EXPECT_EQ(transcode(write(tree, {}), uid::explicit_le, uid::jpeg2000).outcome.reason,
              TranscodeReason::dirty_bits);
}

TEST(TranscodeReason, dirty_bits_by_high_bit) {
    Tree tree = object(gray(12));
    set(tree, us(0x00280102, 15));
    expect_reason(TranscodeReason::dirty_bits, tree, uid::jpeg2000);
    expect_reason(TranscodeReason::ok, tree, uid::jpeg_ls); // as whole cells
}

TEST(TranscodeReason, float_pixels) {
    Tree tree = object(gray());
    drop(tree, 0x7FE00010);
    set(tree, raw(0x7FE00008, "OF", Bytes(48 * 64 * 4, 0)));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        expect_reason(TranscodeReason::float_pixels, tree, to);
    expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
    drop(tree, 0x7FE00008);
    set(tree, raw(0x7FE00009, "OD", Bytes(48 * 64 * 8, 0)));
    expect_reason(TranscodeReason::float_pixels, tree, uid::jpeg_ls);
}

TEST(TranscodeReason, bad_pixel_header) {
    const auto broken = [](auto change) {
        Tree tree = object(gray(12, 2));
        change(tree);
        expect_reason(TranscodeReason::bad_pixel_header, tree, uid::jpeg_ls);
        expect_reason(TranscodeReason::ok, tree, uid::implicit_le); // nobody needs it there
        return pixel_format_of(scan(write(tree, {}), uid::explicit_le));
    };
    for (const std::uint32_t tag : {0x00280002U, 0x00280004U, 0x00280010U, 0x00280011U, 0x00280100U,
                                    0x00280101U, 0x00280102U, 0x00280103U})
        broken([tag](Tree& tree) { drop(tree, tag); });
    broken([](Tree& tree) { set(tree, us(0x00280010, 0)); });
    broken([](Tree& tree) { set(tree, us(0x00280002, 2)); });
    broken([](Tree& tree) { set(tree, us(0x00280002, 3)); }); // MONOCHROME2
    broken([](Tree& tree) { set(tree, us(0x00280101, 17)); });
    broken([](Tree& tree) { set(tree, us(0x00280103, 2)); });
    broken([](Tree& tree) { set(tree, us(0x00280006, 7)); });
    broken([](Tree& tree) { set(tree, numbers(0x00280010, "US", {48, 48}, 2)); });
    for (const char* frames : {"0", "-1", "two", "2\\2", "2.0", "99999999999", "3000000000"})
        broken([frames](Tree& tree) { set(tree, text(0x00280008, "IS", frames)); });
    // Transforms that only codestreams have.
    broken([](Tree& tree) {
        set(tree, us(0x00280002, 3));
        set(tree, text(0x00280004, "CS", "YBR_RCT"));
        set(tree, raw(0x7FE00010, "OW", Bytes(48 * 64 * 2 * 2 * 3, 0)));
    });
}

TEST(TranscodeReason, NumberOfFramesMayBeAbsentEmptyOrSigned) {
    for (const char* frames : {"", " ", "+1", "01", "1 "}) {
        Tree tree = object(gray());
        set(tree, text(0x00280008, "IS", frames));
        expect_reason(TranscodeReason::ok, tree, uid::jpeg_ls);
    }
}

TEST(TranscodeReason, pixel_length) {
    for (const int change : {-2, 2, 4, 3072}) {
        Tree tree = object(gray(8, 2));
        Bytes pixels = find(tree, 0x7FE00010)->value;
        pixels.resize(pixels.size() + static_cast<std::size_t>(change));
        set(tree, raw(0x7FE00010, "OB", pixels));
        expect_reason(TranscodeReason::pixel_length, tree, uid::jpeg_ls);
        expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
    }
}

TEST(TranscodeReason, frame_too_large) {
    Tree tree = object(gray());
    set(tree, us(0x00280010, 65535));
    set(tree, us(0x00280011, 65535));
    expect_reason(TranscodeReason::frame_too_large, tree, uid::jpeg_ls);
    const Bytes ls = encapsulated(tree, {{}, Bytes(10, 1)});
    expect_reason(TranscodeReason::frame_too_large, ls, uid::jpeg_ls, uid::explicit_le);
}

TEST(TranscodeReason, incompressible) {
    Tree tree = object(gray(8));
    Random rng(5);
    set(tree, raw(0x7FE00010, "OB", noise(rng, 48 * 64)));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        EXPECT_EQ(transcode(write(tree, {}), uid::explicit_le, to).outcome.reason,
                  TranscodeReason::incompressible);
    // The same pixels in the middle of an object that does get smaller.
    Tree many = object(gray(8, 8));
    Bytes pixels(48 * 64 * 8, 9);
    const Bytes& noisy = find(tree, 0x7FE00010)->value;
    std::copy(noisy.begin(), noisy.end(), pixels.begin() + 48 * 64 * 3);
    set(many, raw(0x7FE00010, "OB", pixels));
    EXPECT_EQ(transcode(write(many, {}), uid::explicit_le, uid::jpeg_ls).outcome.reason,
              TranscodeReason::ok);
}

TEST(TranscodeReason, incompressible_by_the_callers_measure) {
    const Bytes bytes = write(object(gray(12)), {});
    const Made made = transcode(bytes, uid::explicit_le, uid::jpeg_ls);
    ASSERT_EQ(made.outcome.reason, TranscodeReason::ok);
    TranscodeOptions options;
    options.worthwhile = static_cast<double>(made.bytes.size()) / static_cast<double>(bytes.size());
    EXPECT_EQ(transcode(bytes, uid::explicit_le, uid::jpeg_ls, options).outcome.reason,
              TranscodeReason::incompressible);
    options.worthwhile += 0.001;
    EXPECT_EQ(transcode(bytes, uid::explicit_le, uid::jpeg_ls, options).outcome.reason,
              TranscodeReason::ok);
    // What was compressed already is asked for, not gained by.
    options.worthwhile = 0;
    EXPECT_EQ(transcode(made.bytes, uid::jpeg_ls, uid::jpeg2000, options).outcome.reason,
              TranscodeReason::ok);
    EXPECT_EQ(transcode(bytes, uid::explicit_le, uid::implicit_le, options).outcome.reason,
              TranscodeReason::ok);
}

// Frames of one pixel: tables and headers alone are larger than the object. Refused before any is
// coded.
TEST(TranscodeReason, incompressible_frames_of_one_pixel) {
    Shape shape = gray(8, 100'000);
    shape.format.rows = shape.format.columns = 1;
    EXPECT_EQ(transcode(write(object(shape), {}), uid::explicit_le, uid::jpeg_ls).outcome.reason,
              TranscodeReason::incompressible);
}

TEST(TranscodeReason, signed_object) {
    for (const std::uint64_t tag : {0x7FE00010U, 0x00280004U, 0x00280006U}) {
        const Tree tree = with_signature(object(gray()), {0x00080018, tag});
        expect_reason(TranscodeReason::signed_object, tree, uid::jpeg_ls);
        expect_reason(TranscodeReason::ok, tree, uid::implicit_le); // no value changes
        expect_reason(TranscodeReason::signed_object, write(tree, form_of(uid::explicit_be, false)),
                      uid::explicit_be, uid::jpeg2000);
        expect_reason(TranscodeReason::signed_object, write(tree, form_of(uid::implicit_le, false)),
                      uid::implicit_le, uid::jpeg2000);
    }
    expect_reason(TranscodeReason::ok, with_signature(object(gray()), {0x00080018, 0x00280010}),
                  uid::jpeg_ls);
    Tree unsaid = with_signature(object(gray()), {0x00080018});
    drop(unsaid, 0x4FFE0001); // nobody says what it covers
    expect_reason(TranscodeReason::signed_object, unsaid, uid::jpeg_ls);
    Tree none = object(gray());
    set(none, sequence(0xFFFAFFFA, {}, false, false));
    expect_reason(TranscodeReason::ok, none, uid::jpeg_ls);
}

TEST(TranscodeReason, unknown_vr) {
    const auto reason = [](TranscodeReason expected, const Tree& tree) {
        const Bytes bytes = write(tree, form_of(uid::explicit_be, false));
        for (const auto to : {uid::explicit_le, uid::implicit_le, uid::jpeg_ls})
            expect_reason(expected, bytes, uid::explicit_be, to);
    };
    Tree tree = object(gray(12));
    reason(TranscodeReason::ok, tree);
    set(tree, raw(0x00091001, "UN", Bytes(4, 1)));
    reason(TranscodeReason::unknown_vr, tree);
    set(tree, raw(0x00091001, "UN", {})); // nothing to swap
    reason(TranscodeReason::ok, tree);
    drop(tree, 0x00091001);
    set(tree, sequence(0x00091001, {{raw(0x00091002, "UN", Bytes(2, 1))}}, true, true)); // nested
    reason(TranscodeReason::unknown_vr, tree);
    drop(tree, 0x00091001);
    Tree bytes_of_words = tree;
    set(bytes_of_words, raw(0x7FE00010, "OB",
                            find(tree, 0x7FE00010)->value)); // which order have 16-bit cells in OB?
    reason(TranscodeReason::unknown_vr, bytes_of_words);
}

TEST(TranscodeReason, unknown_vr_of_wide_cells) {
    Tree tree = object(gray());
    set(tree, us(0x00280100, 32));
    set(tree, us(0x00280101, 32));
    set(tree, us(0x00280102, 31));
    set(tree, raw(0x7FE00010, "OW", Bytes(48 * 64 * 4, 1)));
    expect_reason(TranscodeReason::unknown_vr, write(tree, form_of(uid::explicit_be, false)),
                  uid::explicit_be, uid::explicit_le);
}

} // namespace
} // namespace dcmflow::testing
