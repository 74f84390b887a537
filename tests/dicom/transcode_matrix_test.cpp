// Whole objects, made from a seed, through every source and target: every byte outside Pixel Data
// as predicted, the elements equal in DCMTK's eyes, the pixels equal in other decoders' eyes, and
// the way back exact.
#include "tests/dicom/transcode_judge.h"

#include <gtest/gtest.h>

namespace dcmflow::testing {
namespace {

constexpr std::string_view targets[] = {uid::explicit_le, uid::implicit_le, uid::jpeg_ls,
                                        uid::jpeg2000};
constexpr std::string_view sources[] = {uid::explicit_le, uid::implicit_le, uid::explicit_be,
                                        uid::deflated};

const codecs::Registry& registry() {
    static const codecs::Registry instance;
    return instance;
}

TranscodeOptions options() {
    TranscodeOptions o;
    o.worthwhile = 1e9; // tiny objects do not get smaller
    return o;
}

struct Made {
    TranscodeOutcome outcome;
    Bytes bytes;
};
Made transcode(const Bytes& bytes, std::string_view from, std::string_view to) {
    VectorSink sink;
    const DataSet source = scan(bytes, from);
    const auto outcome = Transcoder(registry()).transcode(source, from, to, options(), sink);
    return {outcome, to_bytes(sink.bytes())};
}

// The bytes of a data set without group 7FE0, and where that was.
Bytes without_pixel_group(const Bytes& bytes, std::string_view syntax, std::size_t& at) {
    const DataSet data_set = scan(bytes, syntax);
    Bytes out;
    at = 0;
    for (const auto& element : data_set.elements()) {
        if (element.group == 0x7FE0) {
            at = at ? at : element.header_offset;
            continue;
        }
        out.insert(out.end(), bytes.begin() + static_cast<std::ptrdiff_t>(element.header_offset),
                   bytes.begin() + static_cast<std::ptrdiff_t>(element.end_offset));
    }
    return out;
}

// A retired group length of 7FE0 says how much follows in its group.
void check_pixel_group_length(const Bytes& bytes, std::string_view syntax, bool expected) {
    const DataSet data_set = scan(bytes, syntax);
    const ElementRef* length = data_set.find(0x7FE0, 0x0000);
    ASSERT_EQ(length != nullptr, expected);
    if (!length)
        return;
    const auto value = data_set.value(*length);
    std::uint32_t said = 0;
    for (std::size_t i = 0; i < 4; ++i)
        said |= std::to_integer<std::uint32_t>(value[i]) << (8 * i);
    EXPECT_EQ(said, data_set.find(0x7FE0, 0x0010)->end_offset - length->end_offset);
}

struct Object {
    Shape shape;
    Tree tree; // as the source's reader knows it
    bool group_lengths = false;
    Bytes bytes; // in the source syntax
    std::string_view syntax;
};

Object make(std::uint32_t seed, std::string_view syntax) {
    Random rng(seed);
    Object object;
    object.shape = random_shape(rng);
    object.group_lengths = rng() % 2;
    object.syntax = syntax;
    Tree tree = make_object(object.shape, rng, syntax == uid::explicit_be);
    if (syntax == uid::implicit_le) // a creator that the judge does not know either
        set(tree, text(0x00090010, "LO", "DCMFLOW OTHER"));
    object.bytes = write(tree, form_of(syntax, object.group_lengths));
    object.tree = syntax == uid::implicit_le ? seen_in_implicit(tree, object.group_lengths) : tree;
    return object;
}

void expect_native(const Object& object, std::string_view target, const Made& made) {
    ASSERT_EQ(made.outcome.reason, TranscodeReason::ok) << to_string(made.outcome.reason);
    EXPECT_FALSE(made.outcome.verified);
    EXPECT_TRUE(made.bytes == write(object.tree, form_of(target, object.group_lengths)));
    EXPECT_TRUE(as_dcmtk_sees(made.bytes, target, false) ==
                as_dcmtk_sees(object.bytes, object.syntax, false));
}

void expect_pixels(const Object& object, std::string_view target, const Made& made) {
    const DataSet data_set = scan(made.bytes, target);
    const auto fragments = fragments_of(data_set);
    ASSERT_EQ(fragments.size(), object.shape.frames + 1);
    const auto& format = object.shape.format;
    const Bytes& pixels = find(object.tree, 0x7FE00010)->value;
    for (std::uint32_t i = 0; i < object.shape.frames; ++i) {
        EXPECT_EQ(fragments[i + 1].size() % 2, 0U);
        const auto size = format.frame_bytes();
        const auto frame = std::span(pixels).subspan(i * size, size);
        EXPECT_TRUE(judge(target, fragments[i + 1], format) == by_pixel(frame, format))
            << "frame " << i;
    }
}

void expect_encapsulated(const Object& object, std::string_view target, const Made& made) {
    ASSERT_EQ(made.outcome.reason, TranscodeReason::ok) << to_string(made.outcome.reason);
    EXPECT_TRUE(made.outcome.verified);
    EXPECT_EQ(made.outcome.frames, object.shape.frames);
    EXPECT_EQ(made.outcome.bytes_out, made.bytes.size());
    const auto& format = object.shape.format;
    Tree expected = object.tree;
    const bool rct = target == uid::jpeg2000 && format.photometric == codecs::Photometric::rgb;
    if (rct)
        set(expected, text(0x00280004, "CS", "YBR_RCT"));
    if (format.samples > 1)
        set(expected, us(0x00280006, 0));
    drop(expected, 0x7FE00010);
    std::size_t at = 0;
    EXPECT_TRUE(without_pixel_group(made.bytes, target, at) ==
                write(expected, form_of(target, object.group_lengths)));
    EXPECT_GT(at, 0U);
    check_pixel_group_length(made.bytes, target, object.group_lengths);
    EXPECT_TRUE(as_dcmtk_sees(made.bytes, target) == as_dcmtk_sees(object.bytes, object.syntax));
    expect_pixels(object, target, made);
}

// Back to the source's syntax: the same bytes, but for colour by plane, which is not restored.
void expect_way_back(const Object& object, std::string_view target, const Made& made) {
    if (object.syntax == uid::explicit_be)
        return;
    const auto back_to = object.syntax == uid::implicit_le ? uid::implicit_le : uid::explicit_le;
    if (target == back_to)
        return;
    const Made back = transcode(made.bytes, target, back_to);
    ASSERT_EQ(back.outcome.reason, TranscodeReason::ok) << to_string(back.outcome.reason);
    Tree expected = object.tree;
    const auto& format = object.shape.format;
    if (format.planar && target != uid::implicit_le && target != uid::explicit_le) {
        set(expected, us(0x00280006, 0));
        Bytes pixels;
        const Bytes& planes = find(object.tree, 0x7FE00010)->value;
        for (std::uint32_t i = 0; i < object.shape.frames; ++i) {
            const auto frame = by_pixel(
                std::span(planes).subspan(i * format.frame_bytes(), format.frame_bytes()), format);
            pixels.insert(pixels.end(), frame.begin(), frame.end());
        }
        pixels.resize(planes.size());
        set(expected, raw(0x7FE00010, format.bits_allocated > 8 ? "OW" : "OB", pixels));
    }
    // Explicit through implicit loses private VRs: what comes back is what implicit can say.
    if (object.syntax != uid::implicit_le && target == uid::implicit_le)
        expected = seen_in_implicit(expected, object.group_lengths);
    EXPECT_TRUE(back.bytes == write(expected, form_of(back_to, object.group_lengths)));
}

class TranscodeMatrix : public ::testing::TestWithParam<std::string_view> {};

TEST_P(TranscodeMatrix, EveryObjectToEveryTargetAndBack) {
    const std::string_view from = GetParam();
    for (std::uint32_t seed = 1; seed <= 120; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const Object object = make(seed, from);
        for (const auto to : targets) {
            if (to == from)
                continue;
            SCOPED_TRACE("to " + std::string(to));
            const Made made = transcode(object.bytes, from, to);
            if (to == uid::explicit_le || to == uid::implicit_le)
                expect_native(object, to, made);
            else
                expect_encapsulated(object, to, made);
            expect_way_back(object, to, made);
            if (HasFailure())
                return;
        }
    }
}

// One codec's result through the other is what the other makes of the original.
TEST_P(TranscodeMatrix, OneCompressedSyntaxToTheOther) {
    const std::string_view from = GetParam();
    for (std::uint32_t seed = 200; seed <= 240; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const Object object = make(seed, from);
        const Made ls = transcode(object.bytes, from, uid::jpeg_ls);
        const Made j2k = transcode(object.bytes, from, uid::jpeg2000);
        const Made ls_to_j2k = transcode(ls.bytes, uid::jpeg_ls, uid::jpeg2000);
        const Made j2k_to_ls = transcode(j2k.bytes, uid::jpeg2000, uid::jpeg_ls);
        ASSERT_EQ(ls_to_j2k.outcome.reason, TranscodeReason::ok)
            << to_string(ls_to_j2k.outcome.reason);
        ASSERT_EQ(j2k_to_ls.outcome.reason, TranscodeReason::ok)
            << to_string(j2k_to_ls.outcome.reason);
        EXPECT_TRUE(ls_to_j2k.outcome.verified);
        EXPECT_TRUE(ls_to_j2k.bytes == j2k.bytes);
        EXPECT_TRUE(j2k_to_ls.bytes == ls.bytes);
    }
}

INSTANTIATE_TEST_SUITE_P(From, TranscodeMatrix, ::testing::ValuesIn(sources),
                         [](const auto& param) {
                             std::string name(codecs::display_name(param.param));
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

} // namespace
} // namespace dcmflow::testing
