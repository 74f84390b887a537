// Encapsulated Pixel Data: what is read, what is refused, and what is written, byte for byte.
#include "pipeline/dicom/encapsulation.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <random>

namespace dcmflow {
namespace {

using Bytes = std::vector<std::byte>;

Bytes of(std::initializer_list<int> values) {
    Bytes out;
    for (const int value : values)
        out.push_back(static_cast<std::byte>(value));
    return out;
}
void append(Bytes& out, const Bytes& more) {
    out.insert(out.end(), more.begin(), more.end());
}
Bytes number(std::uint64_t value, std::size_t width) {
    Bytes out;
    for (std::size_t i = 0; i < width; ++i)
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
    return out;
}
Bytes item(const Bytes& value) {
    Bytes out = of({0xFE, 0xFF, 0x00, 0xE0});
    append(out, number(value.size(), 4));
    append(out, value);
    return out;
}
Bytes table(std::initializer_list<std::uint64_t> offsets, std::size_t width = 4) {
    Bytes out;
    for (const auto offset : offsets)
        append(out, number(offset, width));
    return out;
}
Bytes pixel_data(const Bytes& basic_table, std::initializer_list<Bytes> fragments) {
    Bytes out = item(basic_table);
    for (const auto& fragment : fragments)
        append(out, item(fragment));
    return out;
}
Bytes joined(const FragmentReader& reader, std::uint32_t frame) {
    Bytes out;
    for (const auto& part : reader.frame(frame))
        out.insert(out.end(), part.begin(), part.end());
    Bytes scratch;
    const auto contiguous = reader.contiguous(frame, scratch);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), contiguous.begin(), contiguous.end()));
    return out;
}
auto read(const Bytes& data, std::uint32_t frames, const Bytes& offsets = {},
          const Bytes& lengths = {}, std::size_t most = 1000) {
    return FragmentReader::open({.pixel_data = data,
                                 .extended_offsets = offsets,
                                 .extended_lengths = lengths,
                                 .frames = frames,
                                 .max_fragments = most});
}
void expect_fault(FragmentFault fault, const Bytes& data, std::uint32_t frames,
                  const Bytes& offsets = {}, const Bytes& lengths = {}) {
    const auto reader = read(data, frames, offsets, lengths);
    ASSERT_FALSE(reader);
    EXPECT_EQ(to_string(reader.error()), to_string(fault));
}

const Bytes a = of({1, 2}), b = of({3, 4, 5, 6}), c = of({7, 8});

TEST(FragmentReader, OneFragmentPerFrameWithoutTable) {
    const auto data = pixel_data({}, {a, b, c});
    const auto reader = read(data, 3);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->frames(), 3U);
    EXPECT_EQ(joined(*reader, 0), a);
    EXPECT_EQ(joined(*reader, 1), b);
    EXPECT_EQ(joined(*reader, 2), c);
}

TEST(FragmentReader, AllFragmentsOfASingleFrame) {
    const auto data = pixel_data({}, {a, b, c});
    const auto reader = read(data, 1);
    ASSERT_TRUE(reader);
    EXPECT_EQ(joined(*reader, 0), of({1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(reader->fragments(), 3U);
}

TEST(FragmentReader, BasicTableGathersFragments) {
    // Items begin at 0 (2 bytes), 10 (4 bytes), 22 (2 bytes).
    const auto data = pixel_data(table({0, 22}), {a, b, c});
    const auto reader = read(data, 2);
    ASSERT_TRUE(reader);
    EXPECT_EQ(joined(*reader, 0), of({1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(joined(*reader, 1), c);
}

TEST(FragmentReader, DelimiterMayBeIncluded) {
    auto data = pixel_data({}, {a});
    append(data, of({0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0}));
    const auto reader = read(data, 1);
    ASSERT_TRUE(reader);
    EXPECT_EQ(joined(*reader, 0), a);
}

TEST(FragmentReader, ExtendedTableTrimsPadding) {
    const auto data = pixel_data({}, {a, b});
    const auto reader = read(data, 2, table({0, 10}, 8), table({1, 4}, 8));
    ASSERT_TRUE(reader);
    EXPECT_EQ(joined(*reader, 0), of({1}));
    EXPECT_EQ(joined(*reader, 1), b);
}

TEST(FragmentReader, EmptyFragmentsAreFramesOfNothing) {
    const auto data = pixel_data({}, {{}, {}});
    const auto reader = read(data, 2);
    ASSERT_TRUE(reader);
    EXPECT_TRUE(joined(*reader, 1).empty());
}

TEST(FragmentReader, CountsThatDoNotMatchAreRefused) {
    expect_fault(FragmentFault::wrong_count, pixel_data({}, {a, b, c}), 2);
    expect_fault(FragmentFault::wrong_count, pixel_data({}, {a, b}), 3);
    expect_fault(FragmentFault::wrong_count, pixel_data({}, {a}), 0);
    expect_fault(FragmentFault::wrong_count, pixel_data({}, {}), 1);
    expect_fault(FragmentFault::wrong_count, pixel_data(table({0, 10, 22}), {a, b, c}), 2);
    expect_fault(FragmentFault::wrong_count, pixel_data(table({0}), {a, b, c}), 4'000'000'000U);
}

TEST(FragmentReader, BasicTablesThatLieAreRefused) {
    expect_fault(FragmentFault::bad_table, pixel_data(table({0, 12}), {a, b}),
                 2); // inside a fragment
    expect_fault(FragmentFault::bad_table, pixel_data(table({0, 0}), {a, b}), 2);  // twice the same
    expect_fault(FragmentFault::bad_table, pixel_data(table({10, 0}), {a, b}), 2); // backwards
    expect_fault(FragmentFault::bad_table, pixel_data(table({0, 0xFFFFFFFE}), {a, b}),
                 2); // outside
    expect_fault(FragmentFault::bad_table, pixel_data(table({10, 22}), {a, b, c}),
                 2); // the first is no one's
    expect_fault(FragmentFault::bad_table, pixel_data(of({0, 0, 0, 0, 10, 0}), {a, b}),
                 2); // not of 4 bytes
    expect_fault(FragmentFault::bad_table, pixel_data(table({0, 10, 22}), {a, b}),
                 3); // more than fragments
}

TEST(FragmentReader, ExtendedTablesThatLieAreRefused) {
    const auto data = pixel_data({}, {a, b});
    const auto offsets = table({0, 10}, 8), lengths = table({2, 4}, 8);
    ASSERT_TRUE(read(data, 2, offsets, lengths));
    expect_fault(FragmentFault::bad_table, data, 2, table({0, 11}, 8), lengths);
    expect_fault(FragmentFault::bad_table, data, 2, table({0, 0xFFFFFFFFFFFFFFFF}, 8), lengths);
    expect_fault(FragmentFault::bad_table, data, 2, offsets,
                 table({2, 5}, 8)); // longer than its fragment
    expect_fault(FragmentFault::bad_table, data, 2, offsets,
                 table({2, 2}, 8)); // more than padding is missing
    expect_fault(FragmentFault::bad_table, data, 2, offsets, {});
    expect_fault(FragmentFault::bad_table, data, 2, {}, lengths);
    expect_fault(FragmentFault::bad_table, data, 3, offsets, lengths);
    expect_fault(FragmentFault::bad_table, pixel_data(table({0, 10}), {a, b}), 2, offsets,
                 lengths); // both tables
    expect_fault(FragmentFault::wrong_count, pixel_data({}, {a, b, c}), 2, offsets, lengths);
}

TEST(FragmentReader, BytesThatAreNotItemsAreRefused) {
    expect_fault(FragmentFault::not_items, {}, 1);
    expect_fault(FragmentFault::not_items, of({1, 2, 3}), 1);
    auto cut = pixel_data({}, {b});
    cut.pop_back();
    expect_fault(FragmentFault::not_items, cut, 1);
    auto rest = pixel_data({}, {b});
    rest.push_back(std::byte{0});
    expect_fault(FragmentFault::not_items, rest, 1);
    auto undefined = pixel_data({}, {});
    append(undefined, of({0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2}));
    expect_fault(FragmentFault::not_items, undefined, 1);
    expect_fault(FragmentFault::not_items, of({0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0}), 1); // no table
}

TEST(FragmentReader, FragmentsAreBounded) {
    Bytes data = item({});
    for (int i = 0; i < 11; ++i)
        append(data, item({}));
    EXPECT_TRUE(read(data, 11, {}, {}, 11));
    const auto reader = read(data, 11, {}, {}, 10);
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error(), FragmentFault::too_many);
}

// Whatever the bytes are, views stay inside them.
TEST(FragmentReader, DamagedBytesNeverLeadOutside) {
    std::mt19937 rng(7);
    const auto sound = pixel_data(table({0, 22}), {a, b, c});
    int accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        Bytes data = sound;
        for (int n = static_cast<int>(rng() % 3); n >= 0; --n)
            data[rng() % data.size()] = static_cast<std::byte>(rng());
        data.resize(rng() % 4 ? data.size() : rng() % data.size());
        const auto reader = read(data, 1 + static_cast<std::uint32_t>(rng() % 3));
        if (!reader)
            continue;
        ++accepted;
        for (std::uint32_t frame = 0; frame < reader->frames(); ++frame)
            for (const auto& part : reader->frame(frame)) {
                EXPECT_GE(part.data(), data.data());
                EXPECT_LE(part.data() + part.size(), data.data() + data.size());
            }
    }
    EXPECT_GT(accepted, 100);
}

// ---- writing

Bytes written(std::uint32_t frames, OffsetTable kind, const std::vector<Bytes>& data, bool& good) {
    VectorSink sink;
    Output out(&sink);
    out.u32(0x12345678); // offsets do not count from here
    FragmentWriter writer(out, frames, kind);
    writer.begin();
    for (const auto& frame : data)
        writer.frame(frame);
    good = writer.end();
    out.flush();
    EXPECT_FALSE(out.refused());
    return {sink.bytes().begin() + 4, sink.bytes().end()};
}

TEST(FragmentWriter, SingleFrameHasAnEmptyTable) {
    bool good = false;
    EXPECT_EQ(written(1, OffsetTable::none, {of({1, 2, 3})}, good),
              of({0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, //
                  0xFE, 0xFF, 0x00, 0xE0, 0,   0,   0, 0,                         // table
                  0xFE, 0xFF, 0x00, 0xE0, 4,   0,   0, 0, 1,    2,    3,    0,    // padded
                  0xFE, 0xFF, 0xDD, 0xE0, 0,   0,   0, 0}));
    EXPECT_TRUE(good);
}

TEST(FragmentWriter, BasicTableCountsFromTheFirstFragment) {
    bool good = false;
    EXPECT_EQ(written(3, OffsetTable::basic, {a, b, c}, good),
              of({0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, //
                  0xFE, 0xFF, 0x00, 0xE0, 12,  0,   0, 0, 0,    0,    0,    0,
                  10,   0,    0,    0,    22,  0,   0, 0,                      //
                  0xFE, 0xFF, 0x00, 0xE0, 2,   0,   0, 0, 1,    2,             //
                  0xFE, 0xFF, 0x00, 0xE0, 4,   0,   0, 0, 3,    4,    5,    6, //
                  0xFE, 0xFF, 0x00, 0xE0, 2,   0,   0, 0, 7,    8,             //
                  0xFE, 0xFF, 0xDD, 0xE0, 0,   0,   0, 0}));
    EXPECT_TRUE(good);
}

TEST(FragmentWriter, ExtendedTableStandsBeforeAnEmptyBasicOne) {
    bool good = false;
    EXPECT_EQ(written(2, OffsetTable::extended, {of({1, 2, 3}), b}, good),
              of({0xE0, 0x7F, 0x01, 0x00, 'O', 'V', 0, 0, 16,   0,    0,    0,                //
                  0,    0,    0,    0,    0,   0,   0, 0, 12,   0,    0,    0,    0, 0, 0, 0, //
                  0xE0, 0x7F, 0x02, 0x00, 'O', 'V', 0, 0, 16,   0,    0,    0,                //
                  3,    0,    0,    0,    0,   0,   0, 0, 4,    0,    0,    0,    0, 0, 0, 0, //
                  0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,             //
                  0xFE, 0xFF, 0x00, 0xE0, 0,   0,   0, 0,                                     //
                  0xFE, 0xFF, 0x00, 0xE0, 4,   0,   0, 0, 1,    2,    3,    0,                //
                  0xFE, 0xFF, 0x00, 0xE0, 4,   0,   0, 0, 3,    4,    5,    6,                //
                  0xFE, 0xFF, 0xDD, 0xE0, 0,   0,   0, 0}));
    EXPECT_TRUE(good);
}

TEST(FragmentWriter, MissingFramesAreNoticed) {
    bool good = true;
    written(3, OffsetTable::basic, {a, b}, good);
    EXPECT_FALSE(good);
}

TEST(FragmentWriter, TableFitsTheObject) {
    EXPECT_EQ(FragmentWriter::table_for(1, 1ULL << 40, 0xFFFFFFFF), OffsetTable::none);
    EXPECT_EQ(FragmentWriter::table_for(2, 0xFFFFFFFF, 0xFFFFFFFF), OffsetTable::basic);
    EXPECT_EQ(FragmentWriter::table_for(2, 0x100000000, 0xFFFFFFFF), OffsetTable::extended);
}

// What is written reads back, over frames that pass the output's buffer.
TEST(FragmentWriter, WhatIsWrittenReadsBack) {
    std::mt19937 rng(3);
    for (const auto kind : {OffsetTable::basic, OffsetTable::extended}) {
        std::vector<Bytes> frames(40);
        for (auto& frame : frames) {
            frame.resize(1 + rng() % 20'000);
            for (auto& byte : frame)
                byte = static_cast<std::byte>(rng());
        }
        bool good = false;
        const auto bytes = written(40, kind, frames, good);
        ASSERT_TRUE(good);
        const std::size_t tables = kind == OffsetTable::extended ? 2 * (12 + 320) : 0;
        const Bytes items(bytes.begin() + static_cast<std::ptrdiff_t>(tables) + 12, bytes.end());
        Bytes offsets, lengths;
        if (tables) {
            offsets.assign(bytes.begin() + 12, bytes.begin() + 12 + 320);
            lengths.assign(bytes.begin() + 12 + 320 + 12, bytes.begin() + 2 * (12 + 320));
        }
        const auto reader = read(items, 40, offsets, lengths);
        ASSERT_TRUE(reader) << to_string(reader.error());
        for (std::uint32_t i = 0; i < 40; ++i) {
            Bytes expected = frames[i];
            if (kind == OffsetTable::basic && expected.size() % 2)
                expected.push_back(std::byte{0});
            EXPECT_EQ(joined(*reader, i), expected);
        }
    }
}

// ---- the output in front of a sink

TEST(Output, PatchesReachWhatIsBufferedAndWhatIsGone) {
    VectorSink sink;
    Output out(&sink);
    out.u32(0);
    out.zeros(200'000);
    out.u32(0);
    out.patch_u32(0, 0x04030201);                  // gone
    out.patch_u32(out.position() - 4, 0x08070605); // buffered
    out.patch_u32(3, 0x0C0B0A09);                  // gone, over a border of writes
    out.flush();
    ASSERT_EQ(sink.bytes().size(), 200'008U);
    EXPECT_EQ(Bytes(sink.bytes().begin(), sink.bytes().begin() + 8),
              of({1, 2, 3, 9, 10, 11, 12, 0}));
    EXPECT_EQ(Bytes(sink.bytes().end() - 4, sink.bytes().end()), of({5, 6, 7, 8}));
}

TEST(Output, ARefusalIsRemembered) {
    VectorSink sink(100'000);
    Output out(&sink);
    out.zeros(90'000);
    out.flush();
    EXPECT_FALSE(out.refused());
    out.zeros(20'000);
    out.flush();
    EXPECT_TRUE(out.refused());
    out.zeros(1);
    out.flush();
    EXPECT_TRUE(out.refused());
}

} // namespace
} // namespace dcmflow
