// Encapsulated objects that stay as they are: each reason of theirs has a test named after it.
#include "pipeline/dicom/deflate.h"
#include "tests/dicom/transcode_reasons.h"

namespace dcmflow::testing {
namespace {

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
    for (const std::size_t offset :
         {std::size_t{0}, 16 + s[0].size(), 24 + s[0].size() + s[1].size()})
        put(table, offset, 4, false);
    reason(TranscodeReason::ok, {table, head, tail, s[1], s[2]});
    // Without one, a frame begins where a fragment begins with SOI.
    reason(TranscodeReason::ok, {{}, head, tail, s[1], s[2]});
    reason(TranscodeReason::frame_count, {{}, tail, head, s[1], s[2]});
    reason(TranscodeReason::frame_count, {{}, head, tail, s[1], s[2], s[2]});
}

// A single frame may lie in any number of fragments, but two streams are two frames.
TEST(TranscodeReason, frame_count_of_a_single_frame) {
    const Tree tree = object(gray(8));
    const auto s = streams_of(tree, uid::jpeg_ls);
    const Bytes head(s[0].begin(), s[0].begin() + 20), tail(s[0].begin() + 20, s[0].end());
    expect_reason(TranscodeReason::ok, encapsulated(tree, {{}, head, tail}), uid::jpeg_ls,
                  uid::explicit_le);
    expect_reason(TranscodeReason::frame_count, encapsulated(tree, {{}, s[0], s[0]}), uid::jpeg_ls,
                  uid::explicit_le);
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
    expect_reason(TranscodeReason::frame_count, encapsulated(tree, {{}, s[0], s[1]}), uid::jpeg_ls,
                  uid::explicit_le);
}

TEST(TranscodeReason, bad_pixel_header_of_streams) {
    Tree tree = object(gray(12));
    const auto streams = streams_of(tree, uid::jpeg_ls);
    // High Bit elsewhere: only a stream of whole cells says where the bits are.
    set(tree, us(0x00280102, 15));
    EXPECT_EQ(
        to_string(transcode(encapsulated(tree, {{}, streams[0]}), uid::jpeg_ls, uid::explicit_le)
                      .outcome.reason),
        "stream_mismatch");
    // JPEG-LS has no reversible transform, so nobody knows what such a label means.
    set(tree, us(0x00280102, 11));
    set(tree, us(0x00280002, 3));
    set(tree, text(0x00280004, "CS", "YBR_RCT"));
    expect_reason(TranscodeReason::bad_pixel_header, encapsulated(tree, {{}, streams[0]}),
                  uid::jpeg_ls, uid::explicit_le);
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
            EXPECT_EQ(to_string(transcode(bytes, from, uid::explicit_le).outcome.reason),
                      "corrupt_stream");
        }
    }
}

TEST(TranscodeReason, stream_mismatch) {
    for (const auto from : {uid::jpeg_ls, uid::jpeg2000}) {
        Tree tree = object(gray(12));
        const auto s = streams_of(tree, from);
        set(tree, us(0x00280010, 47));
        EXPECT_EQ(
            to_string(
                transcode(encapsulated(tree, {{}, s[0]}), from, uid::explicit_le).outcome.reason),
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
    expect_reason(TranscodeReason::stream_mismatch, write(tree, {}), uid::jpeg_ls,
                  uid::explicit_le);
}

TEST(TranscodeReason, nested_pixels) {
    const Tree tree = object(gray());
    const auto s = streams_of(tree, uid::jpeg_ls);
    const auto [bytes, icon_at, icon_end] = with_coded_icon(tree, {{}, s[0]}, s[0]);
    expect_reason(TranscodeReason::nested_pixels, bytes, uid::jpeg_ls, uid::explicit_le);
    expect_reason(TranscodeReason::nested_pixels, bytes, uid::jpeg_ls, uid::implicit_le);
    expect_reason(TranscodeReason::ok, bytes, uid::jpeg_ls, uid::jpeg2000);
    // Inside the other encapsulated syntax the icon is the same bytes.
    const Made made = transcode(bytes, uid::jpeg_ls, uid::jpeg2000);
    EXPECT_TRUE(std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(icon_at),
                           bytes.begin() + static_cast<std::ptrdiff_t>(icon_end),
                           made.bytes.begin() + static_cast<std::ptrdiff_t>(icon_at)));
}

TEST(TranscodeReason, stream_mismatch_of_pixel_data_twice) {
    Bytes bytes = write(object(gray()), {});
    const Bytes again = write({raw(0x7FE00010, "OB", Bytes(4, 1))}, {});
    bytes.insert(bytes.end(), again.begin(), again.end());
    expect_reason(TranscodeReason::stream_mismatch, bytes, uid::explicit_le, uid::jpeg_ls);
}

// A deflated frame is native bytes, so Planar Configuration says how they lie; codestreams do not
// care.
TEST(DeflatedFrame, ByPlaneIsReadByPlane) {
    Shape shape = gray();
    shape.format.samples = 3;
    shape.format.photometric = codecs::Photometric::rgb;
    shape.format.planar = true;
    const Tree tree = object(shape);
    const Bytes native = write(tree, {});
    VectorSink deflated;
    const Bytes& planes = find(tree, 0x7FE00010)->value;
    ASSERT_TRUE(deflate_data_set(as_span(planes), deflated));
    const Bytes coded = encapsulated(tree, {{}, to_bytes(deflated.bytes())});
    const Made back = transcode(coded, uid::deflated_frame, uid::explicit_le);
    ASSERT_EQ(to_string(back.outcome.reason), "ok");
    const DataSet made = scan(back.bytes, uid::explicit_le);
    EXPECT_EQ(made.us(0x0028, 0x0006), 0U);
    EXPECT_EQ(to_bytes(made.value(*made.find(0x7FE0, 0x0010))), by_pixel(planes, shape.format));
    // The same image, the same digest.
    TranscodeOptions even_if_larger;
    even_if_larger.worthwhile = 2;
    EXPECT_EQ(
        back.outcome.pixel_digest,
        transcode(native, uid::explicit_le, uid::jpeg_ls, even_if_larger).outcome.pixel_digest);
    EXPECT_TRUE(back.outcome.pixel_digest);
}

} // namespace
} // namespace dcmflow::testing
