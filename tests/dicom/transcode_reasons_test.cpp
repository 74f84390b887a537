// Every reason in the closed list, reached by an object that deserves it: one test each, named after it.
#include "tests/dicom/transcode_judge.h"

#include "pipeline/dicom/transcode_frames.h"

#include <gtest/gtest.h>
#include <set>

namespace dcmflow::testing {
namespace {

using codecs::Photometric;

constexpr std::string_view jpeg_baseline = "1.2.840.10008.1.2.4.50";

Shape gray(std::uint16_t bits = 8, std::uint32_t frames = 1) {
    Shape shape;
    shape.format.rows = 48;
    shape.format.columns = 64;
    shape.format.bits_allocated = bits > 8 ? 16 : 8;
    shape.format.bits_stored = bits;
    shape.format.high_bit = static_cast<std::uint16_t>(bits - 1);
    shape.frames = frames;
    return shape;
}
Tree object(const Shape& shape, std::uint32_t seed = 1) {
    Random rng(seed);
    Tree tree{text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), text(0x00080018, "UI", "1.2.3")};
    for (auto& node : pixel_module(shape, rng))
        tree.push_back(std::move(node));
    tree.push_back(raw(0x7FE00010, shape.format.bits_allocated > 8 ? "OW" : "OB", make_pixels(shape, rng)));
    return tree;
}

const codecs::Registry& registry() {
    static const codecs::Registry instance;
    return instance;
}

struct Made {
    TranscodeOutcome outcome;
    Bytes bytes;
};
Made transcode(const Bytes& bytes, std::string_view from, std::string_view to, const TranscodeOptions& options = {}) {
    VectorSink sink;
    const auto outcome = Transcoder(registry()).transcode(scan(bytes, from), from, to, options, sink);
    return {outcome, to_bytes(sink.bytes())};
}
// Both the forecast and the attempt.
void expect_reason(TranscodeReason reason, const Bytes& bytes, std::string_view from, std::string_view to) {
    SCOPED_TRACE(std::string(from) + " to " + std::string(to));
    EXPECT_EQ(to_string(Transcoder(registry()).can_transcode(scan(bytes, from), from, to)), to_string(reason));
    const auto outcome = transcode(bytes, from, to).outcome;
    EXPECT_EQ(to_string(outcome.reason), to_string(reason));
    EXPECT_EQ(outcome.bytes_in, bytes.size());
    if (reason != TranscodeReason::ok) {
        EXPECT_EQ(outcome.bytes_out, 0U);
        EXPECT_FALSE(outcome.verified);
    }
}
void expect_reason(TranscodeReason reason, const Tree& tree, std::string_view to) {
    expect_reason(reason, write(tree, form_of(uid::explicit_le, false)), uid::explicit_le, to);
}

// Pixel Data in fragments, as somebody else might have written it.
Bytes items(const std::vector<Bytes>& values) {
    Bytes out;
    for (const auto& value : values) {
        put_tag(out, 0xFFFEE000, false);
        put(out, value.size(), 4, false);
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}
Bytes encapsulated(Tree tree, const std::vector<Bytes>& values) {
    drop(tree, 0x7FE00010);
    Bytes out = write(tree, {});
    const Bytes content = items(values);
    put_tag(out, 0x7FE00010, false);
    for (const char c : {'O', 'B', '\0', '\0'})
        out.push_back(static_cast<std::uint8_t>(c));
    put(out, 0xFFFFFFFF, 4, false);
    out.insert(out.end(), content.begin(), content.end());
    put_tag(out, 0xFFFEE0DD, false);
    put(out, 0, 4, false);
    return out;
}
std::vector<Bytes> streams_of(const Tree& tree, std::string_view syntax) {
    const Made made = transcode(write(tree, {}), uid::explicit_le, syntax);
    EXPECT_EQ(made.outcome.reason, TranscodeReason::ok);
    std::vector<Bytes> out;
    for (const auto fragment : fragments_of(scan(made.bytes, syntax)))
        out.push_back(to_bytes(fragment));
    out.erase(out.begin()); // the table
    return out;
}

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
    const Bytes ls = encapsulated(object(gray()), {{}, streams_of(object(gray()), uid::jpeg_ls)[0]});
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
    expect_reason(TranscodeReason::unsupported_source, bytes, "1.2.840.10008.1.2.4.57", uid::explicit_le);
}

TEST(TranscodeReason, unsupported_target_syntax) {
    for (const std::string_view to : {uid::explicit_be, uid::deflated, jpeg_baseline, std::string_view("1.2.3")})
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
    expect_reason(TranscodeReason::lossy_source, encapsulated(tree, {{}, Bytes(10, 1)}), uid::jpeg2000, uid::jpeg_ls);
}

TEST(TranscodeReason, dirty_bits) {
    Tree tree = object(gray(12));
    Bytes pixels = find(tree, 0x7FE00010)->value;
    pixels[2001] |= 0x80; // an overlay's bit
    set(tree, raw(0x7FE00010, "OW", pixels));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        EXPECT_EQ(transcode(write(tree, {}), uid::explicit_le, to).outcome.reason, TranscodeReason::dirty_bits);
    expect_reason(TranscodeReason::ok, tree, uid::implicit_le);
}

TEST(TranscodeReason, dirty_bits_in_the_last_of_many_frames) {
    Tree tree = object(gray(12, 5));
    Bytes pixels = find(tree, 0x7FE00010)->value;
    pixels.back() |= 0x10;
    set(tree, raw(0x7FE00010, "OW", pixels));
    EXPECT_EQ(transcode(write(tree, {}), uid::explicit_le, uid::jpeg_ls).outcome.reason, TranscodeReason::dirty_bits);
}

TEST(TranscodeReason, dirty_bits_by_high_bit) {
    Tree tree = object(gray(12));
    set(tree, us(0x00280102, 15));
    expect_reason(TranscodeReason::dirty_bits, tree, uid::jpeg_ls);
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
    for (const std::uint32_t tag : {0x00280002U, 0x00280004U, 0x00280010U, 0x00280011U, 0x00280100U, 0x00280101U,
                                    0x00280102U, 0x00280103U})
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

TEST(TranscodeReason, bad_pixel_header_of_streams) {
    Tree tree = object(gray(12));
    const auto streams = streams_of(tree, uid::jpeg_ls);
    set(tree, us(0x00280102, 15));
    expect_reason(TranscodeReason::bad_pixel_header, encapsulated(tree, {{}, streams[0]}), uid::jpeg_ls,
                  uid::explicit_le);
    // JPEG-LS has no reversible transform, so nobody knows what such a label means.
    set(tree, us(0x00280102, 11));
    set(tree, us(0x00280002, 3));
    set(tree, text(0x00280004, "CS", "YBR_RCT"));
    expect_reason(TranscodeReason::bad_pixel_header, encapsulated(tree, {{}, streams[0]}), uid::jpeg_ls,
                  uid::explicit_le);
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

TEST(TranscodeReason, frame_count) {
    const Tree tree = object(gray(8, 3));
    const auto s = streams_of(tree, uid::jpeg_ls);
    const auto reason = [&tree](TranscodeReason expected, const std::vector<Bytes>& values) {
        for (const auto to : {uid::explicit_le, uid::jpeg2000})
            expect_reason(expected, encapsulated(tree, values), uid::jpeg_ls, to);
    };
    reason(TranscodeReason::ok, {{}, s[0], s[1], s[2]});
    reason(TranscodeReason::frame_count, {{}, s[0], s[1]});
    reason(TranscodeReason::frame_count, {{}, s[0], s[1], s[2], s[2]});
    reason(TranscodeReason::frame_count, {{}, {}});
    reason(TranscodeReason::frame_count, {Bytes(12, 0), s[0], s[1], s[2]}); // table of zeros
    reason(TranscodeReason::frame_count, {Bytes(4, 0), s[0], s[1], s[2]});
    // A frame in two fragments: a table says so.
    const Bytes head(s[0].begin(), s[0].begin() + 20), tail(s[0].begin() + 20, s[0].end());
    Bytes table;
    for (const std::size_t offset : {std::size_t{0}, 16 + s[0].size(), 24 + s[0].size() + s[1].size()})
        put(table, offset, 4, false);
    reason(TranscodeReason::ok, {table, head, tail, s[1], s[2]});
    reason(TranscodeReason::frame_count, {{}, head, tail, s[1], s[2]});
}

TEST(TranscodeReason, frame_count_by_extended_table) {
    Tree tree = object(gray(8, 2));
    const auto s = streams_of(tree, uid::jpeg_ls);
    set(tree, numbers(0x7FE00001, "OV", {0, 8 + s[0].size()}, 8));
    set(tree, numbers(0x7FE00002, "OV", {s[0].size(), s[1].size()}, 8));
    const Bytes good = encapsulated(tree, {{}, s[0], s[1]});
    for (const auto to : {uid::explicit_le, uid::implicit_le, uid::jpeg2000})
        expect_reason(TranscodeReason::ok, good, uid::jpeg_ls, to);
    // The source's tables do not survive into a native object.
    const Made made = transcode(good, uid::jpeg_ls, uid::explicit_le);
    EXPECT_EQ(made.bytes, write(object(gray(8, 2)), {}));
    set(tree, numbers(0x7FE00001, "OV", {0, 9 + s[0].size()}, 8));
    expect_reason(TranscodeReason::frame_count, encapsulated(tree, {{}, s[0], s[1]}), uid::jpeg_ls, uid::explicit_le);
}

TEST(TranscodeReason, frame_too_large) {
    Tree tree = object(gray());
    set(tree, us(0x00280010, 65535));
    set(tree, us(0x00280011, 65535));
    expect_reason(TranscodeReason::frame_too_large, tree, uid::jpeg_ls);
    const Bytes ls = encapsulated(tree, {{}, Bytes(10, 1)});
    expect_reason(TranscodeReason::frame_too_large, ls, uid::jpeg_ls, uid::explicit_le);
}

TEST(TranscodeReason, corrupt_stream) {
    for (const auto from : {uid::jpeg_ls, uid::jpeg2000}) {
        const Tree tree = object(gray(12, 2));
        const auto s = streams_of(tree, from);
        const auto to = from == uid::jpeg_ls ? uid::jpeg2000 : uid::jpeg_ls;
        Bytes cut(s[1].begin(), s[1].begin() + static_cast<std::ptrdiff_t>(s[1].size() / 4 * 2));
        for (const Bytes& second : {cut, Bytes(), Bytes(2000, 0), Bytes{1, 2}}) {
            const Bytes bytes = encapsulated(tree, {{}, s[0], second});
            EXPECT_EQ(to_string(transcode(bytes, from, to).outcome.reason), "corrupt_stream");
            EXPECT_EQ(to_string(transcode(bytes, from, uid::explicit_le).outcome.reason), "corrupt_stream");
        }
    }
}

TEST(TranscodeReason, stream_mismatch) {
    for (const auto from : {uid::jpeg_ls, uid::jpeg2000}) {
        Tree tree = object(gray(12));
        const auto s = streams_of(tree, from);
        set(tree, us(0x00280010, 47));
        EXPECT_EQ(to_string(transcode(encapsulated(tree, {{}, s[0]}), from, uid::explicit_le).outcome.reason),
                  "stream_mismatch");
    }
}

// Fragments in a native syntax; a native value in an encapsulated one; Pixel Data twice.
TEST(TranscodeReason, stream_mismatch_of_form) {
    const Tree tree = object(gray());
    const auto s = streams_of(tree, uid::jpeg_ls);
    const Bytes fragments = encapsulated(tree, {{}, s[0]});
    expect_reason(TranscodeReason::stream_mismatch, fragments, uid::explicit_le, uid::implicit_le);
    expect_reason(TranscodeReason::stream_mismatch, fragments, uid::explicit_le, uid::jpeg2000);
    expect_reason(TranscodeReason::stream_mismatch, write(tree, {}), uid::jpeg_ls, uid::explicit_le);
}

TEST(TranscodeReason, incompressible) {
    Tree tree = object(gray(8));
    Random rng(5);
    set(tree, raw(0x7FE00010, "OB", noise(rng, 48 * 64)));
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000})
        EXPECT_EQ(transcode(write(tree, {}), uid::explicit_le, to).outcome.reason, TranscodeReason::incompressible);
    // The same pixels in the middle of an object that does get smaller.
    Tree many = object(gray(8, 8));
    Bytes pixels(48 * 64 * 8, 9);
    const Bytes& noisy = find(tree, 0x7FE00010)->value;
    std::copy(noisy.begin(), noisy.end(), pixels.begin() + 48 * 64 * 3);
    set(many, raw(0x7FE00010, "OB", pixels));
    EXPECT_EQ(transcode(write(many, {}), uid::explicit_le, uid::jpeg_ls).outcome.reason, TranscodeReason::ok);
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
    EXPECT_EQ(transcode(bytes, uid::explicit_le, uid::jpeg_ls, options).outcome.reason, TranscodeReason::ok);
    // What was compressed already is asked for, not gained by.
    options.worthwhile = 0;
    EXPECT_EQ(transcode(made.bytes, uid::jpeg_ls, uid::jpeg2000, options).outcome.reason, TranscodeReason::ok);
    EXPECT_EQ(transcode(bytes, uid::explicit_le, uid::implicit_le, options).outcome.reason, TranscodeReason::ok);
}

// Frames of one pixel: tables and headers alone are larger than the object. Refused before any is coded.
TEST(TranscodeReason, incompressible_frames_of_one_pixel) {
    Shape shape = gray(8, 100'000);
    shape.format.rows = shape.format.columns = 1;
    EXPECT_EQ(transcode(write(object(shape), {}), uid::explicit_le, uid::jpeg_ls).outcome.reason,
              TranscodeReason::incompressible);
}

Tree with_signature(Tree tree, std::vector<std::uint64_t> covered) {
    for (auto& tag : covered) // AT: two words
        tag = tag >> 16 | (tag & 0xFFFF) << 16;
    set(tree, sequence(0x4FFE0001, {{us(0x04000005, 1), numbers(0x04000020, "AT", covered, 4)}}, true, true));
    set(tree, sequence(0xFFFAFFFA, {{us(0x04000005, 1), raw(0x04000120, "OB", Bytes(16, 3))}}, false, false));
    return tree;
}

TEST(TranscodeReason, signed_object) {
    for (const std::uint64_t tag : {0x7FE00010U, 0x00280004U, 0x00280006U}) {
        const Tree tree = with_signature(object(gray()), {0x00080018, tag});
        expect_reason(TranscodeReason::signed_object, tree, uid::jpeg_ls);
        expect_reason(TranscodeReason::ok, tree, uid::implicit_le); // no value changes
        expect_reason(TranscodeReason::signed_object, write(tree, form_of(uid::explicit_be, false)), uid::explicit_be,
                      uid::jpeg2000);
        expect_reason(TranscodeReason::signed_object, write(tree, form_of(uid::implicit_le, false)), uid::implicit_le,
                      uid::jpeg2000);
    }
    expect_reason(TranscodeReason::ok, with_signature(object(gray()), {0x00080018, 0x00280010}), uid::jpeg_ls);
    Tree unsaid = with_signature(object(gray()), {0x00080018});
    drop(unsaid, 0x4FFE0001); // nobody says what it covers
    expect_reason(TranscodeReason::signed_object, unsaid, uid::jpeg_ls);
    Tree none = object(gray());
    set(none, sequence(0xFFFAFFFA, {}, false, false));
    expect_reason(TranscodeReason::ok, none, uid::jpeg_ls);
}

TEST(TranscodeReason, nested_pixels) {
    // An icon in fragments, legal in an encapsulated syntax only.
    const Tree tree = object(gray());
    const auto s = streams_of(tree, uid::jpeg_ls);
    Bytes icon = encapsulated({us(0x00280010, 48)}, {{}, s[0]});
    const Bytes image = encapsulated(tree, {{}, s[0]});
    Bytes bytes = write({text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), text(0x00080018, "UI", "1.2.3")}, {});
    const std::size_t head = bytes.size();
    const DataSet plain = scan(image, uid::jpeg_ls);
    const auto pixels_at = plain.find(0x7FE0, 0x0010)->header_offset;
    bytes.insert(bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(head),
                 image.begin() + static_cast<std::ptrdiff_t>(pixels_at));
    put_tag(bytes, 0x00880200, false);
    for (const char c : {'S', 'Q', '\0', '\0'})
        bytes.push_back(static_cast<std::uint8_t>(c));
    put(bytes, 0xFFFFFFFF, 4, false);
    const std::size_t icon_at = bytes.size();
    const Bytes item = items({icon});
    bytes.insert(bytes.end(), item.begin(), item.end());
    const std::size_t icon_end = bytes.size();
    put_tag(bytes, 0xFFFEE0DD, false);
    put(bytes, 0, 4, false);
    bytes.insert(bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(pixels_at), image.end());
    expect_reason(TranscodeReason::nested_pixels, bytes, uid::jpeg_ls, uid::explicit_le);
    expect_reason(TranscodeReason::nested_pixels, bytes, uid::jpeg_ls, uid::implicit_le);
    expect_reason(TranscodeReason::ok, bytes, uid::jpeg_ls, uid::jpeg2000);
    // Inside the other encapsulated syntax the icon is the same bytes.
    const Made made = transcode(bytes, uid::jpeg_ls, uid::jpeg2000);
    EXPECT_TRUE(std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(icon_at),
                           bytes.begin() + static_cast<std::ptrdiff_t>(icon_end),
                           made.bytes.begin() + static_cast<std::ptrdiff_t>(icon_at)));
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
    set(bytes_of_words, raw(0x7FE00010, "OB", find(tree, 0x7FE00010)->value)); // which order have 16-bit cells in OB?
    reason(TranscodeReason::unknown_vr, bytes_of_words);
}

TEST(TranscodeReason, unknown_vr_of_wide_cells) {
    Tree tree = object(gray());
    set(tree, us(0x00280100, 32));
    set(tree, us(0x00280101, 32));
    set(tree, us(0x00280102, 31));
    set(tree, raw(0x7FE00010, "OW", Bytes(48 * 64 * 4, 1)));
    expect_reason(TranscodeReason::unknown_vr, write(tree, form_of(uid::explicit_be, false)), uid::explicit_be,
                  uid::explicit_le);
}

TEST(TranscodeReason, write_failed) {
    const Bytes bytes = write(object(gray(12, 4)), {});
    const DataSet source = scan(bytes, uid::explicit_le);
    for (const auto to : {uid::implicit_le, uid::jpeg_ls, uid::jpeg2000}) {
        VectorSink full(1000);
        const auto outcome = Transcoder(registry()).transcode(source, uid::explicit_le, to, {}, full);
        EXPECT_EQ(to_string(outcome.reason), "write_failed");
        EXPECT_EQ(outcome.bytes_out, 0U);
    }
}

class UnpatchableSink final : public ByteSink {
  public:
    bool write(std::span<const std::byte>) override { return true; }
    bool patch(std::uint64_t, std::span<const std::byte>) override { return false; }
};

TEST(TranscodeReason, write_failed_by_patch) {
    Shape shape = gray(16, 30); // the table is out of the buffer when it is filled in
    const Bytes bytes = write(object(shape), {});
    UnpatchableSink sink;
    const auto outcome =
        Transcoder(registry()).transcode(scan(bytes, uid::explicit_le), uid::explicit_le, uid::jpeg_ls, {}, sink);
    EXPECT_EQ(to_string(outcome.reason), "write_failed");
}

class ThrowingSink final : public ByteSink {
  public:
    explicit ThrowingSink(bool memory) : memory_(memory) {}
    bool write(std::span<const std::byte>) override {
        if (memory_)
            throw std::bad_alloc();
        throw std::runtime_error("sink");
    }
    bool patch(std::uint64_t, std::span<const std::byte>) override { return false; }

  private:
    bool memory_;
};

TEST(TranscodeReason, limits_and_internal_are_what_exceptions_become) {
    const Bytes bytes = write(object(gray(12)), {});
    const DataSet source = scan(bytes, uid::explicit_le);
    ThrowingSink memory(true), other(false);
    const Transcoder transcoder(registry());
    EXPECT_EQ(transcoder.transcode(source, uid::explicit_le, uid::jpeg_ls, {}, memory).reason, TranscodeReason::limits);
    EXPECT_EQ(transcoder.transcode(source, uid::explicit_le, uid::jpeg_ls, {}, other).reason,
              TranscodeReason::internal);
}

TEST(TranscodeReason, internal_if_the_data_set_is_not_of_the_source_syntax) {
    const Bytes bytes = write(object(gray(12)), {});
    const DataSet source = scan(bytes, uid::explicit_le);
    VectorSink sink;
    EXPECT_EQ(Transcoder(registry()).transcode(source, uid::implicit_le, uid::jpeg_ls, {}, sink).reason,
              TranscodeReason::internal);
}

// ---- reasons that only a faulty codec brings about

class FaultyCodec final : public codecs::Codec {
  public:
    enum class Fault { none, flips, shortens, throws_memory, throws, refuses_decode, wavers } fault = Fault::none;
    [[nodiscard]] std::string_view name() const override { return "faulty"; }
    [[nodiscard]] bool can_encode(const codecs::PixelFormat&) const override { return true; }
    [[nodiscard]] codecs::CodecStatus encode(const codecs::FrameView& frame, const codecs::EncodeOptions&,
                                             codecs::FrameBuffer& out,
                                             codecs::AttributeChanges& changes) const override {
        if (fault == Fault::throws_memory)
            throw std::bad_alloc();
        if (fault == Fault::throws)
            throw std::runtime_error("codec");
        out.assign(frame.bytes.begin(), frame.bytes.end());
        changes = {frame.format.photometric, false};
        if (fault == Fault::wavers && out[0] == std::byte{1})
            changes.photometric = Photometric::ybr_rct;
        return codecs::CodecStatus::ok;
    }
    [[nodiscard]] codecs::CodecStatus decode(std::span<const std::byte> stream, const codecs::PixelFormat&,
                                             codecs::FrameBuffer& out) const override {
        out.assign(stream.begin(), stream.end());
        if (fault == Fault::flips)
            out.back() ^= std::byte{1};
        if (fault == Fault::shortens)
            out.pop_back();
        return fault == Fault::refuses_decode ? codecs::CodecStatus::corrupt : codecs::CodecStatus::ok;
    }
};

TranscodeReason run_with(FaultyCodec::Fault fault, bool verify = true) {
    FaultyCodec codec;
    codec.fault = fault;
    const Bytes pixels{0, 0, 0, 0, 1, 1, 1, 1};
    FrameTask task;
    task.encoder = &codec;
    task.native.rows = task.native.columns = 2;
    task.frames = 2;
    task.pixel_data = as_span(pixels);
    TranscodeOptions options;
    options.verify = verify;
    options.for_each_frame = [](std::size_t count, const std::function<void(std::size_t)>& body) {
        for (std::size_t i = count; i-- > 0;)
            body(i);
    };
    FrameCoder coder(task, options);
    EXPECT_EQ(coder.window(), 2U);
    return coder.run(0, 2);
}

TEST(TranscodeReason, verify_failed) {
    using Fault = FaultyCodec::Fault;
    EXPECT_EQ(run_with(Fault::none), TranscodeReason::ok);
    EXPECT_EQ(run_with(Fault::flips), TranscodeReason::verify_failed);
    EXPECT_EQ(run_with(Fault::shortens), TranscodeReason::verify_failed);
    EXPECT_EQ(run_with(Fault::refuses_decode), TranscodeReason::verify_failed);
    EXPECT_EQ(run_with(Fault::flips, false), TranscodeReason::ok); // nobody looked
}

TEST(TranscodeReason, limits) { EXPECT_EQ(run_with(FaultyCodec::Fault::throws_memory), TranscodeReason::limits); }

TEST(TranscodeReason, internal) {
    EXPECT_EQ(run_with(FaultyCodec::Fault::throws), TranscodeReason::internal);
    // One header cannot speak for frames that differ in colour.
    EXPECT_EQ(run_with(FaultyCodec::Fault::wavers), TranscodeReason::internal);
}

TEST(TranscodeReason, internal_if_the_loop_leaves_a_frame_out) {
    const FaultyCodec codec;
    const Bytes pixels(8, 0);
    FrameTask task;
    task.encoder = &codec;
    task.native.rows = task.native.columns = 2;
    task.frames = 2;
    task.pixel_data = as_span(pixels);
    TranscodeOptions options;
    options.for_each_frame = [](std::size_t, const std::function<void(std::size_t)>& body) { body(0); };
    EXPECT_EQ(FrameCoder(task, options).run(0, 2), TranscodeReason::internal);
}

} // namespace
} // namespace dcmflow::testing
