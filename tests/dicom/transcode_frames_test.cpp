// Multi-frame objects: windows, threads, offset tables, and how much memory a codec's caller holds.
#include "tests/dicom/transcode_judge.h"

#include "pipeline/dicom/transcode_frames.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

namespace dcmflow::testing {
namespace {

const codecs::Registry& registry() {
    static const codecs::Registry instance;
    return instance;
}

Bytes object(std::uint32_t frames, std::uint16_t rows = 20, std::uint16_t columns = 31) {
    Random rng(frames);
    Shape shape;
    shape.format.rows = rows;
    shape.format.columns = columns;
    shape.format.bits_allocated = 16;
    shape.format.bits_stored = 12;
    shape.format.high_bit = 11;
    shape.frames = frames;
    Tree tree{text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), text(0x00080018, "UI", "1.2.3")};
    for (auto& node : pixel_module(shape, rng))
        tree.push_back(std::move(node));
    tree.push_back(raw(0x7FE00010, "OW", make_pixels(shape, rng)));
    tree.push_back(raw(0xFFFCFFFC, "OB", Bytes(20, 0)));
    return write(tree, {false, false, true});
}

struct Made {
    TranscodeOutcome outcome;
    Bytes bytes;
};
Made transcode(const Bytes& bytes, std::string_view from, std::string_view to,
               const TranscodeOptions& options) {
    VectorSink sink;
    const auto outcome =
        Transcoder(registry()).transcode(scan(bytes, from), from, to, options, sink);
    return {outcome, to_bytes(sink.bytes())};
}

// A loop with as many threads as frames in the window, in no particular order.
void in_threads(std::size_t count, const std::function<void(std::size_t)>& body) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i)
        threads.emplace_back(body, i);
    for (auto& thread : threads)
        thread.join();
}

TEST(TranscodeFrames, WindowsAndThreadsMakeTheSameBytes) {
    const Bytes bytes = object(23);
    for (const auto to : {uid::jpeg_ls, uid::jpeg2000}) {
        const Made plain = transcode(bytes, uid::explicit_le, to, {});
        ASSERT_EQ(plain.outcome.reason, TranscodeReason::ok);
        for (const std::size_t window : {0U, 1U, 2U, 5U, 16U, 23U, 100U}) {
            TranscodeOptions options;
            options.frames_at_once = window;
            options.for_each_frame = in_threads;
            const Made made = transcode(bytes, uid::explicit_le, to, options);
            EXPECT_EQ(made.outcome.reason, TranscodeReason::ok);
            EXPECT_TRUE(made.outcome.verified);
            EXPECT_EQ(made.outcome.frames, 23U);
            EXPECT_TRUE(made.bytes == plain.bytes) << window;
            const Made back = transcode(made.bytes, to, uid::explicit_le, options);
            EXPECT_EQ(back.outcome.reason, TranscodeReason::ok);
            EXPECT_TRUE(back.bytes == bytes) << window;
        }
    }
}

TEST(TranscodeFrames, OneTranscoderServesManyThreads) {
    const Transcoder transcoder(registry());
    const Bytes bytes = object(3);
    const Made expected = transcode(bytes, uid::explicit_le, uid::jpeg_ls, {});
    std::atomic<int> same = 0;
    in_threads(8, [&](std::size_t) {
        for (int i = 0; i < 5; ++i) {
            VectorSink sink;
            const auto outcome = transcoder.transcode(scan(bytes, uid::explicit_le),
                                                      uid::explicit_le, uid::jpeg_ls, {}, sink);
            same +=
                outcome.reason == TranscodeReason::ok && to_bytes(sink.bytes()) == expected.bytes;
        }
    });
    EXPECT_EQ(same, 40);
}

// Never more frames asked for than the window, each index once, and only one frame without a loop
// of the caller's.
TEST(TranscodeFrames, WindowIsTheBound) {
    const Bytes bytes = object(23);
    std::vector<std::size_t> windows;
    TranscodeOptions options;
    options.frames_at_once = 5;
    options.for_each_frame = [&](std::size_t count, const std::function<void(std::size_t)>& body) {
        windows.push_back(count);
        for (std::size_t i = 0; i < count; ++i)
            body(i);
    };
    ASSERT_EQ(transcode(bytes, uid::explicit_le, uid::jpeg_ls, options).outcome.reason,
              TranscodeReason::ok);
    EXPECT_EQ(windows, (std::vector<std::size_t>{5, 5, 5, 5, 3}));
    FrameTask task;
    task.frames = 1000;
    EXPECT_EQ(FrameCoder(task, {}).window(), 1U);
}

// Counts what it was given, keeps nothing.
class CountingSink final : public ByteSink {
  public:
    std::uint64_t size = 0;
    std::size_t largest = 0;
    bool write(std::span<const std::byte> bytes) override {
        size += bytes.size();
        largest = std::max(largest, bytes.size());
        return true;
    }
    bool patch(std::uint64_t offset, std::span<const std::byte> bytes) override {
        return offset + bytes.size() <= size;
    }
};

// No write is larger than one frame (or the output's own buffer): nothing gathers the object.
TEST(TranscodeFrames, NothingIsGathered) {
    const Bytes bytes = object(200, 128, 128); // 6.5 MB
    for (const auto to : {uid::jpeg_ls, uid::implicit_le}) {
        CountingSink sink;
        const auto outcome =
            Transcoder(registry())
                .transcode(scan(bytes, uid::explicit_le), uid::explicit_le, to, {}, sink);
        ASSERT_EQ(outcome.reason, TranscodeReason::ok);
        EXPECT_EQ(outcome.bytes_out, sink.size);
        if (to == uid::jpeg_ls) {
            EXPECT_LE(sink.largest, 64U << 10);
        }
    }
}

std::uint64_t number(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    return value;
}

TEST(TranscodeFrames, SingleFrameHasAnEmptyTable) {
    const Made made = transcode(object(1), uid::explicit_le, uid::jpeg_ls, {});
    const auto fragments = fragments_of(scan(made.bytes, uid::jpeg_ls));
    ASSERT_EQ(fragments.size(), 2U);
    EXPECT_TRUE(fragments[0].empty());
}

TEST(TranscodeFrames, BasicTablePointsAtEachFragment) {
    const Made made = transcode(object(7), uid::explicit_le, uid::jpeg_ls, {});
    const DataSet data_set = scan(made.bytes, uid::jpeg_ls);
    EXPECT_EQ(data_set.find(0x7FE0, 0x0001), nullptr);
    const auto fragments = fragments_of(data_set);
    ASSERT_EQ(fragments.size(), 8U);
    ASSERT_EQ(fragments[0].size(), 28U);
    const std::byte* first_item = fragments[0].data() + fragments[0].size();
    for (std::size_t i = 0; i < 7; ++i) {
        const auto offset = number(fragments[0].subspan(4 * i, 4));
        EXPECT_EQ(first_item + offset + 8, fragments[i + 1].data());
        const std::vector<std::byte> tag(first_item + offset, first_item + offset + 4);
        EXPECT_EQ(number(tag), 0xE000FFFEU);
    }
}

// The Extended Offset Table when 32 bits do not reach; here the limit is lowered (PS3.5 A.4).
TEST(TranscodeFrames, ExtendedTablePointsAtEachFragment) {
    TranscodeOptions options;
    options.basic_table_limit = 1000;
    const Bytes bytes = object(7);
    const Made made = transcode(bytes, uid::explicit_le, uid::jpeg_ls, options);
    ASSERT_EQ(made.outcome.reason, TranscodeReason::ok);
    const DataSet data_set = scan(made.bytes, uid::jpeg_ls);
    const ElementRef* offsets = data_set.find(0x7FE0, 0x0001);
    const ElementRef* lengths = data_set.find(0x7FE0, 0x0002);
    ASSERT_NE(offsets, nullptr);
    ASSERT_NE(lengths, nullptr);
    EXPECT_EQ(offsets->vr_text(), "OV");
    EXPECT_EQ(lengths->vr_text(), "OV");
    const auto fragments = fragments_of(data_set);
    ASSERT_EQ(fragments.size(), 8U);
    EXPECT_TRUE(fragments[0].empty()); // never both
    const std::byte* first_item = fragments[1].data() - 8;
    for (std::size_t i = 0; i < 7; ++i) {
        EXPECT_EQ(first_item + number(data_set.value(*offsets).subspan(8 * i, 8)) + 8,
                  fragments[i + 1].data());
        EXPECT_EQ(number(data_set.value(*lengths).subspan(8 * i, 8)), fragments[i + 1].size());
    }
    // Read back by them, re-coded with a basic table, and native again without any.
    const Made j2k = transcode(made.bytes, uid::jpeg_ls, uid::jpeg2000, {});
    EXPECT_TRUE(j2k.bytes == transcode(bytes, uid::explicit_le, uid::jpeg2000, {}).bytes);
    EXPECT_TRUE(transcode(made.bytes, uid::jpeg_ls, uid::explicit_le, {}).bytes == bytes);
    EXPECT_TRUE(as_dcmtk_sees(made.bytes, uid::jpeg_ls) == as_dcmtk_sees(bytes, uid::explicit_le));
}

// Odd frames of 8 bits are not padded one by one; the value is, once, and the padding comes back as
// zero.
TEST(TranscodeFrames, OddFramesArePaddedOnce) {
    Random rng(4);
    Shape shape;
    shape.format.rows = 15;
    shape.format.columns = 37;
    shape.frames = 3;
    Tree tree{text(0x00080018, "UI", "1.2.3")};
    for (auto& node : pixel_module(shape, rng))
        tree.push_back(std::move(node));
    tree.push_back(raw(0x7FE00010, "OB", make_pixels(shape, rng)));
    ASSERT_EQ(tree.back().value.size(), 15U * 37 * 3 + 1);
    for (const auto from : {uid::explicit_le, uid::explicit_be}) {
        tree.back().vr =
            from == uid::explicit_be ? "OW" : "OB"; // words: frames begin in the middle of one
        const Bytes bytes = write(tree, form_of(from, false));
        for (const auto to : {uid::jpeg_ls, uid::jpeg2000}) {
            TranscodeOptions options;
            options.worthwhile = 10; // they are small
            const Made made = transcode(bytes, from, to, options);
            ASSERT_EQ(made.outcome.reason, TranscodeReason::ok) << to_string(made.outcome.reason);
            const Made back = transcode(made.bytes, to, uid::explicit_le, {});
            Tree expected = tree;
            expected.back().vr = "OB";
            EXPECT_TRUE(back.bytes == write(expected, {}));
        }
    }
}

// A frame spread over several fragments is joined, and becomes one fragment.
TEST(TranscodeFrames, FragmentsOfAFrameAreJoined) {
    const Made made = transcode(object(1), uid::explicit_le, uid::jpeg_ls, {});
    const DataSet data_set = scan(made.bytes, uid::jpeg_ls);
    const auto stream = to_bytes(fragments_of(data_set)[1]);
    const ElementRef& pixels = *data_set.find(0x7FE0, 0x0010);
    Bytes split(made.bytes.begin(),
                made.bytes.begin() + static_cast<std::ptrdiff_t>(pixels.value_offset) + 8);
    for (std::size_t at = 0; at < stream.size(); at += 100) {
        const auto size = std::min<std::size_t>(100, stream.size() - at);
        put_tag(split, 0xFFFEE000, false);
        put(split, size, 4, false);
        split.insert(split.end(), stream.begin() + static_cast<std::ptrdiff_t>(at),
                     stream.begin() + static_cast<std::ptrdiff_t>(at + size));
    }
    split.insert(split.end(),
                 made.bytes.begin() +
                     static_cast<std::ptrdiff_t>(pixels.value_offset + pixels.value_length),
                 made.bytes.end());
    // The group length counts what was: it is stale already in the source, and right in the result.
    EXPECT_TRUE(transcode(split, uid::jpeg_ls, uid::explicit_le, {}).bytes == object(1));
    EXPECT_TRUE(transcode(split, uid::jpeg_ls, uid::jpeg2000, {}).bytes ==
                transcode(object(1), uid::explicit_le, uid::jpeg2000, {}).bytes);
}

} // namespace
} // namespace dcmflow::testing
