// Thousands of broken streams, decoded as the router does it. Debian's libraries abort on some:
// that is what the workers are for. The pool must come through, and still decode well afterwards.
#include "tests/worker/support.h"

#include <cstdio>
#include <map>
#include <thread>

namespace dcmflow::test {
namespace {

using codecs::test::colour;
using codecs::test::Content;
using codecs::test::make_frame;
using codecs::test::mono;
using codecs::test::Random;

FrameBuffer broken(FrameBuffer stream, std::uint64_t seed) {
    Random random{seed};
    if (random.below(4) == 0)
        stream.resize(1 + random.below(stream.size()));
    const std::uint64_t reach =
        random.below(2) == 0 ? std::min<std::uint64_t>(stream.size(), 120) : stream.size();
    for (std::uint64_t n = 1 + random.below(6); n > 0; --n)
        stream[random.below(reach)] = static_cast<std::byte>(random.below(256));
    return stream;
}

struct Sample {
    std::string_view uid;
    FrameBuffer frame;
    Coded coded;
};

std::vector<Sample> samples(const codecs::Registry& own) {
    std::vector<Sample> all;
    for (const auto& syntax : codecs::transfer_syntaxes())
        for (const auto& format :
             {mono(60, 50, 16, 12, false), mono(40, 40, 8, 8, false), colour(30, 40, 8, 8, false)})
            if (const auto* codec = own.find(syntax.uid);
                codec != nullptr && codec->can_encode(format)) {
                const auto frame = make_frame(format, Content::smooth);
                all.push_back({syntax.uid, frame, encoded(*codec, format, frame)});
            }
    return all;
}

TEST(HostileStreams, KillWorkersAndNothingElse) {
    const codecs::Registry& own = own_codecs();
    Events events;
    auto options = real_workers(2);
    options.on_event = events.hook();
    CodecWorkers workers(options);
    const auto foreign = worker_codecs(own, workers);
    const auto all = samples(own);
    ASSERT_GE(all.size(), 6U);
    const std::uint64_t count = worker::is_sanitized ? 600 : 4000;
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint64_t> wrong{0};
    const auto attack = [&] {
        FrameBuffer pixels;
        for (std::uint64_t i = next++; i < count; i = next++) {
            const auto& sample = all[i % all.size()];
            const auto status = foreign.find(sample.uid)
                                    ->decode(broken(sample.coded.stream, i * 7919 + 17),
                                             sample.coded.format, pixels);
            if (status == CodecStatus::ok && pixels.size() != sample.coded.format.frame_bytes())
                ++wrong;
        }
    };
    {
        const std::jthread one(attack);
        const std::jthread two(attack);
    }
    EXPECT_EQ(wrong, 0U);
    std::map<std::string, int> ends;
    for (const auto& event : events.all()) {
        ++ends[std::string(codecs::display_name(event.syntax)) + " " +
               std::string(to_string(event.kind)) + " " + std::to_string(event.signal) + " " +
               event.text];
        EXPECT_NE(event.signal, SIGSYS) << "the filter stops a decoder: " << event.syntax;
        EXPECT_EQ(event.kind, WorkerEvent::Kind::died) << event.syntax;
    }
    for (const auto& [how, times] : ends)
        std::printf("%d x %s\n", times, how.c_str());
    for (const auto& sample : all) {
        FrameBuffer pixels;
        EXPECT_EQ(
            foreign.find(sample.uid)->decode(sample.coded.stream, sample.coded.format, pixels),
            CodecStatus::ok);
        EXPECT_EQ(pixels, sample.frame);
    }
}

} // namespace
} // namespace dcmflow::test
