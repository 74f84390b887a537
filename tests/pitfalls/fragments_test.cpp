// Pitfalls of fragments and offset tables: codecs.md §4 rows 18, 20 to 23 and 42.
#include "tests/pitfalls/images.h"

#include "pipeline/dicom/encapsulation.h"

#include <gtest/gtest.h>

namespace dcmflow::pitfalls {
namespace {

// Standard fill: FF before the EOI of JPEG-LS, 00 after the end of the others.
TEST(Pitfall, Row18_OddFragments) {
    for (const auto to : coded_syntaxes) {
        int filled = 0, plain = 0;
        for (std::uint32_t seed = 1; seed <= 24; ++seed) {
            const Image made = image(shape_of(17, 12 + seed, 16, 12), seed);
            const Bytes bytes = expect_exact(made, to);
            EXPECT_TRUE(scan(bytes, to).find(0x7FE0, 0x0010)->undefined_length);
            const Bytes stream = streams_in(bytes, to)[0];
            ASSERT_GE(stream.size(), 2U);
            EXPECT_EQ(stream.size() % 2, 0U);
            const Bytes end(stream.end() - 3, stream.end());
            if (to == uid::rle)
                continue; // its segments are even one by one: the reader of the test insists
            const bool at_the_end = end[1] == 0xFF && end[2] == 0xD9;
            if (to == uid::jpeg_ls) {
                ASSERT_TRUE(at_the_end);
                ++(end[0] == 0xFF ? filled : plain);
            } else {
                ASSERT_TRUE(at_the_end || (end == Bytes{0xFF, 0xD9, 0x00}));
                ++(at_the_end ? plain : filled);
            }
        }
        if (to != uid::rle) {
            EXPECT_GT(filled, 0) << to;
            EXPECT_GT(plain, 0) << to;
        }
    }
}

std::uint64_t number_at(std::span<const std::byte> bytes, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
    return value;
}

TEST(Pitfall, Row20_BasicOffsetTable) {
    for (const auto to : coded_syntaxes)
        for (const std::uint32_t frames : {1U, 2U, 5U}) {
            const Bytes bytes = expect_exact(image(shape_of(21, 23, 16, 12, false, frames)), to);
            const DataSet data_set = scan(bytes, to);
            const auto fragments = fragments_of(data_set);
            EXPECT_EQ(data_set.find(0x7FE0, 0x0001), nullptr);
            ASSERT_EQ(fragments.size(), frames + 1U);
            ASSERT_EQ(fragments[0].size(), frames == 1 ? 0 : 4 * frames); // N entries, not N + 1
            for (std::uint32_t n = 0; frames > 1 && n < frames; ++n) // from the first item after it
                EXPECT_EQ(fragments[1].data() - 8 + number_at(fragments[0], 4 * n, 4),
                          fragments[n + 1].data() - 8);
        }
}

TEST(Pitfall, Row21_ExtendedOffsetTable) {
    const Image made = image(shape_of(21, 23, 16, 12, false, 5));
    TranscodeOptions options = any_size();
    options.basic_table_limit = 1000;
    for (const auto to : coded_syntaxes) {
        const Made coded = convert(made.bytes(), uid::explicit_le, to, options);
        EXPECT_EQ(problem_of(coded, made, to), "");
        const DataSet data_set = scan(coded.bytes, to);
        const auto fragments = fragments_of(data_set);
        ASSERT_NE(data_set.find(0x7FE0, 0x0001), nullptr);
        const auto offsets = data_set.value(*data_set.find(0x7FE0, 0x0001));
        const auto lengths = data_set.value(*data_set.find(0x7FE0, 0x0002));
        EXPECT_TRUE(fragments[0].empty()); // never both
        ASSERT_EQ(offsets.size(), 40U);
        for (std::size_t n = 0; n < 5; ++n) {
            EXPECT_EQ(fragments[1].data() + number_at(offsets, 8 * n, 8), fragments[n + 1].data());
            EXPECT_EQ(number_at(lengths, 8 * n, 8), fragments[n + 1].size());
        }
    }
}

// On input: both tables, or a frame of two fragments under an extended table, is not what A.4
// allows.
TEST(Pitfall, Row21_ExtendedOffsetTableThatContradicts) {
    const Image made = image(shape_of(21, 23, 16, 12, false, 2));
    const auto s = streams_of(made, uid::jpeg_ls);
    Tree tree = made.tree;
    set(tree, numbers(0x7FE00001, "OV", {0, 8 + s[0].size()}, 8));
    set(tree, numbers(0x7FE00002, "OV", {s[0].size(), s[1].size()}, 8));
    Bytes table;
    put(table, 0, 4, false);
    put(table, 8 + s[0].size(), 4, false);
    const auto reason = [&](const std::vector<Bytes>& fragments) {
        return reason_for(encapsulated(tree, fragments), uid::jpeg_ls, uid::explicit_le);
    };
    EXPECT_EQ(reason({{}, s[0], s[1]}), "ok");
    EXPECT_EQ(reason({table, s[0], s[1]}), "frame_count");
    const Bytes head(s[0].begin(), s[0].begin() + 20), tail(s[0].begin() + 20, s[0].end());
    EXPECT_EQ(reason({{}, head, tail, s[1]}), "frame_count");
}

TEST(Pitfall, Row22_EmptyTableAndManyFragments) {
    const Image one = image(shape_of(21, 23, 16, 12)),
                three = image(shape_of(21, 23, 16, 12, false, 3));
    for (const auto from : coded_syntaxes) {
        SCOPED_TRACE(from);
        const auto s = streams_of(three, from);
        const auto split = [](const Bytes& stream, std::vector<Bytes>& out) {
            const auto half = static_cast<std::ptrdiff_t>(stream.size() / 4 * 2);
            out.emplace_back(stream.begin(), stream.begin() + half);
            out.emplace_back(stream.begin() + half, stream.end());
        };
        // One frame: all fragments are its.
        std::vector<Bytes> fragments{{}};
        split(streams_of(one, from)[0], fragments);
        EXPECT_TRUE(convert(encapsulated(one.tree, fragments), from, uid::explicit_le).bytes ==
                    one.bytes());
        // As many as frames: one each.
        EXPECT_TRUE(
            convert(encapsulated(three.tree, {{}, s[0], s[1], s[2]}), from, uid::explicit_le)
                .bytes == three.bytes());
        // More: where a stream starts; RLE does not say where, so that is kept as it is.
        fragments = {{}, s[0]};
        split(s[1], fragments);
        split(s[2], fragments);
        const Made made = convert(encapsulated(three.tree, fragments), from, uid::explicit_le);
        EXPECT_EQ(to_string(made.outcome.reason), from == uid::rle ? "frame_count" : "ok");
        if (from != uid::rle) {
            EXPECT_TRUE(made.bytes == three.bytes());
        }
    }
}

// More frames than the header knows of are data; fewer are a loss that somebody should see.
TEST(Pitfall, Row23_NumberOfFramesWrongOrAbsent) {
    for (const auto from : coded_syntaxes) {
        const Image made = image(shape_of(21, 23, 16, 12, false, 3));
        const auto s = streams_of(made, from);
        for (const char* said : {"2", "4", "1"}) {
            Tree tree = made.tree;
            set(tree, text(0x00280008, "IS", said));
            EXPECT_EQ(
                reason_for(encapsulated(tree, {{}, s[0], s[1], s[2]}), from, uid::explicit_le),
                from == uid::rle && *said == '1' ? "corrupt_stream" : "frame_count")
                << from << " " << said;
        }
        Tree tree = made.tree;
        drop(tree, 0x00280008);
        EXPECT_NE(reason_for(encapsulated(tree, {{}, s[0], s[1], s[2]}), from, uid::explicit_le),
                  "ok");
        Image one = image(shape_of(21, 23, 16, 12));
        ASSERT_EQ(find(one.tree, 0x00280008), nullptr); // absent: one
        expect_exact(one, from);
    }
    Image native = image(shape_of(21, 23, 16, 12, false, 3));
    for (const char* said : {"2", "4"}) {
        set(native.tree, text(0x00280008, "IS", said));
        for (const auto to : coded_syntaxes)
            expect_passed_on(native, "pixel_length", to);
    }
    for (const char* said : {"0", "-1", "x"}) {
        set(native.tree, text(0x00280008, "IS", said));
        expect_passed_on(native, "bad_pixel_header", uid::jpeg_ls);
    }
}

// A sink for what cannot be held: it keeps no byte but the beginning.
class Beginning final : public ByteSink {
  public:
    Bytes kept;
    std::uint64_t size = 0;
    bool write(std::span<const std::byte> bytes) override {
        for (const auto b : bytes.first(std::min<std::size_t>(bytes.size(), 4096 - kept.size())))
            kept.push_back(std::to_integer<std::uint8_t>(b));
        size += bytes.size();
        return true;
    }
    bool patch(std::uint64_t offset, std::span<const std::byte> bytes) override {
        for (std::size_t i = 0; i < bytes.size() && offset + i < kept.size(); ++i)
            kept[offset + i] = std::to_integer<std::uint8_t>(bytes[i]);
        return true;
    }
};

// Offsets of 64 bits behind 4 GiB, in a table of the other kind; the bytes are never held.
TEST(Pitfall, Row42_MoreThanFourGiB) {
    EXPECT_EQ(FragmentWriter::table_for(5, 0xFFFF'FFFF, 0xFFFF'FFFF), OffsetTable::basic);
    EXPECT_EQ(FragmentWriter::table_for(5, 0x1'0000'0000, 0xFFFF'FFFF), OffsetTable::extended);
    constexpr std::uint32_t frames = 96;
    const Bytes frame(64U << 20, 0);
    const auto run = [&](OffsetTable table, Beginning& sink) {
        Output out(&sink);
        FragmentWriter writer(out, frames, table);
        writer.begin();
        for (std::uint32_t n = 0; n < frames; ++n)
            writer.frame(as_span(frame));
        const bool done = writer.end();
        out.flush();
        return done;
    };
    Beginning refused;
    EXPECT_FALSE(run(OffsetTable::basic, refused)); // an offset that does not fit is no offset
    Beginning sink;
    ASSERT_TRUE(run(OffsetTable::extended, sink));
    EXPECT_GT(sink.size, 6ULL << 30);
    EXPECT_EQ(number_at(as_span(sink.kept), 12 + 8 * 95, 8),
              95 * ((64ULL << 20) + 8)); // of the last frame
}

// What is over 4 GiB when native exists in fragments only (PS3.5 A.1: lengths of 32 bits).
TEST(Pitfall, Row42_TooLongToBeNative) {
    Image made = image(shape_of(21, 23, 16, 12, false, 2));
    set(made.tree, us(0x00280010, 16000));
    set(made.tree, us(0x00280011, 16000));
    // 512 MB each, if they were decoded; a thousandth of that, or they count as a bomb
    std::vector<Bytes> fragments(10, Bytes(1U << 20, 0));
    fragments[0].clear();
    set(made.tree, text(0x00280008, "IS", "9"));
    const Bytes coded = encapsulated(made.tree, fragments);
    for (const auto to : {uid::explicit_le, uid::implicit_le})
        EXPECT_EQ(reason_for(coded, uid::jpeg_ls, to), "unsupported_target");
    EXPECT_EQ(to_string(Transcoder(product()).can_transcode(scan(coded, uid::jpeg_ls), uid::jpeg_ls,
                                                            uid::htj2k)),
              "ok");
}

} // namespace
} // namespace dcmflow::pitfalls
