// Decoding in a worker gives what decoding here gives: pixels, and the reasons why not.
#include "tests/codecs/part10_pixels.h"
#include "tests/worker/support.h"

#include <atomic>
#include <thread>

namespace dcmflow::test {
namespace {

using codecs::test::colour;
using codecs::test::Content;
using codecs::test::make_frame;
using codecs::test::mono;
namespace uid = codecs::uid;

const codecs::Registry& own() {
    return own_codecs();
}

std::vector<std::string_view> coded_syntaxes() {
    std::vector<std::string_view> uids;
    for (const auto& syntax : codecs::transfer_syntaxes())
        if (syntax.can_read && own().find(syntax.uid) != nullptr)
            uids.push_back(syntax.uid);
    return uids;
}

TEST(WorkerDecode, EqualsDecodingHere) {
    CodecWorkers workers(real_workers());
    const auto foreign = worker_codecs(own(), workers);
    std::uint64_t decoded = 0;
    for (const auto syntax : coded_syntaxes()) {
        const auto& codec = *own().find(syntax);
        for (const auto& format :
             {mono(131, 67, 8, 8, false), mono(64, 64, 16, 12, false), mono(33, 40, 16, 16, true),
              mono(1, 1, 16, 10, true), colour(60, 31, 8, 8, false)}) {
            if (!codec.can_encode(format))
                continue;
            const auto frame = make_frame(format, Content::smooth);
            FrameBuffer pixels;
            const auto coded = encoded(codec, format, frame);
            ASSERT_EQ(foreign.find(syntax)->decode(coded.stream, coded.format, pixels),
                      CodecStatus::ok);
            EXPECT_EQ(pixels, frame) << syntax;
            ++decoded;
        }
    }
    EXPECT_GE(decoded, 10U);
    EXPECT_EQ(workers.counters().decoded, decoded);
    EXPECT_EQ(workers.counters().started, 1U);
}

TEST(WorkerDecode, SaysWhatDecodingHereSays) {
    CodecWorkers workers(real_workers());
    const auto foreign = worker_codecs(own(), workers);
    const auto format = mono(64, 64, 16, 12, false);
    auto other = format;
    other.rows = 65;
    for (const auto syntax : {uid::jpeg_ls, uid::jpeg2000, uid::htj2k}) {
        const auto& codec = *own().find(syntax);
        const auto stream = encoded(codec, format, make_frame(format, Content::smooth)).stream;
        const auto expect_same = [&](std::span<const std::byte> bytes, const PixelFormat& shape) {
            FrameBuffer here;
            FrameBuffer there;
            const auto status = codec.decode(bytes, shape, here);
            EXPECT_NE(status, CodecStatus::ok);
            EXPECT_EQ(foreign.find(syntax)->decode(bytes, shape, there), status) << syntax;
        };
        expect_same({}, format);
        expect_same(std::span(stream).first(20), format);
        expect_same(stream, other);
        expect_same(stream, mono(64, 64, 32, 32, false));
    }
    EXPECT_EQ(workers.counters().died, 0U);
}

TEST(WorkerDecode, WhatNoFrameMayBeNeverReachesAWorker) {
    CodecWorkers workers(real_workers());
    FrameBuffer out;
    const auto format = mono(4, 4, 8, 8, false);
    EXPECT_EQ(workers.decode(uid::jpeg_ls, {}, PixelFormat{}, 0, out), CodecStatus::unsupported);
    EXPECT_EQ(workers.decode(uid::jpeg_ls, {}, format, codecs::max_frame_bytes + 1, out),
              CodecStatus::unsupported);
    EXPECT_EQ(workers.decode(std::string(65, '1'), {}, format, 16, out), CodecStatus::unsupported);
    EXPECT_EQ(workers.counters().started, 0U);
    // A worker knows no codec for it.
    EXPECT_EQ(workers.decode("1.2.3", {}, format, 16, out), CodecStatus::unsupported);
    EXPECT_EQ(workers.counters().died, 0U);
}

TEST(WorkerDecode, ForwardsAllElse) {
    CodecWorkers workers(real_workers());
    const auto foreign = worker_codecs(own(), workers);
    for (const auto syntax : coded_syntaxes()) {
        const auto& mine = *own().find(syntax);
        const auto& theirs = *foreign.find(syntax);
        EXPECT_EQ(theirs.name(), mine.name());
        for (const auto& format : codecs::test::matrix()) {
            EXPECT_EQ(theirs.can_encode(format), mine.can_encode(format));
            EXPECT_EQ(theirs.decoded_format(format), mine.decoded_format(format));
            EXPECT_EQ(theirs.keeps_unused_bits({.whole_cells = true}),
                      mine.keeps_unused_bits({.whole_cells = true}));
        }
    }
    const auto format = mono(20, 20, 8, 8, false);
    const auto frame = make_frame(format, Content::smooth);
    EXPECT_EQ(encoded(*foreign.find(uid::jpeg_ls), format, frame).stream,
              encoded(*own().find(uid::jpeg_ls), format, frame).stream);
    EXPECT_EQ(workers.counters().started, 0U);
    EXPECT_EQ(foreign.find(uid::explicit_le), nullptr);
}

TEST(WorkerDecode, LargeFrames) {
    CodecWorkers workers(real_workers());
    const auto foreign = worker_codecs(own(), workers);
    const auto large = mono(7000, 7150, 16, 12, false); // 100 MB
    const auto small = mono(64, 64, 16, 12, false);
    for (const auto syntax : {uid::jpeg_ls, uid::jpeg2000}) {
        FrameBuffer pixels;
        for (const auto& format : {large, small}) {
            const auto frame = make_frame(format, Content::gradient);
            const auto stream = encoded(*own().find(syntax), format, frame).stream;
            ASSERT_EQ(foreign.find(syntax)->decode(stream, format, pixels), CodecStatus::ok)
                << syntax;
            EXPECT_TRUE(pixels == frame) << syntax;
        }
    }
    EXPECT_EQ(workers.counters().started, 1U);
}

TEST(WorkerDecode, ManyThreadsShareFewWorkers) {
    CodecWorkers workers(real_workers(2));
    const auto foreign = worker_codecs(own(), workers);
    const auto format = mono(64, 80, 16, 12, false);
    std::vector<FrameBuffer> frames;
    std::vector<FrameBuffer> streams;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        frames.push_back(make_frame(format, Content::noise, seed));
        streams.push_back(encoded(*own().find(uid::jpeg_ls), format, frames.back()).stream);
    }
    std::atomic<int> right{0};
    {
        std::vector<std::jthread> threads;
        for (std::size_t t = 0; t < 8; ++t)
            threads.emplace_back([&, t] {
                FrameBuffer pixels;
                for (std::size_t i = 0; i < 200; ++i) {
                    const std::size_t n = (t + i) % frames.size();
                    if (foreign.find(uid::jpeg_ls)->decode(streams[n], format, pixels) ==
                            CodecStatus::ok &&
                        pixels == frames[n])
                        ++right;
                }
            });
    }
    EXPECT_EQ(right, 1600);
    EXPECT_LE(workers.counters().started, 2U);
    EXPECT_EQ(workers.counters().decoded, 1600U);
}

// Every first frame of the corpus in one fragment: the filter and the limits stop nothing that
// decodes here. Lossy and lossless alike; decoded in this process too, so only files that are known
// not to abort.
TEST(WorkerDecode, Corpus) {
    const auto folder = codecs::test::corpus_folder();
    if (folder.empty())
        GTEST_SKIP() << "no corpus";
    Events events;
    auto options = real_workers(1);
    options.on_event = events.hook();
    CodecWorkers workers(options);
    const auto foreign = worker_codecs(own(), workers);
    int compared = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        if (!entry.is_regular_file())
            continue;
        std::optional<codecs::test::PixelObject> object;
        try {
            object = codecs::test::Part10Reader{entry.path()}.read();
        } catch (const std::exception&) {
            continue; // the little reader of the tests
        }
        if (!object || object->fragments.empty() || object->frames != object->fragments.size() ||
            !object->format.problem().empty() || own().find(object->syntax) == nullptr)
            continue;
        FrameBuffer here;
        FrameBuffer there;
        const auto status =
            foreign.find(object->syntax)->decode(object->fragments[0], object->format, there);
        if (status == CodecStatus::died)
            continue; // it would be our end here
        ASSERT_EQ(own().find(object->syntax)->decode(object->fragments[0], object->format, here),
                  status)
            << entry.path();
        if (status == CodecStatus::ok) {
            ASSERT_TRUE(here == there) << entry.path();
            ++compared;
        }
    }
    for (const auto& event : events.all())
        ADD_FAILURE() << to_string(event.kind) << " signal " << event.signal << " " << event.syntax
                      << " " << event.text;
    std::printf("%d frames of the corpus decode alike\n", compared);
    EXPECT_GT(compared, 20);
}

} // namespace
} // namespace dcmflow::test
