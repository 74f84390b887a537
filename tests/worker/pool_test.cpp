// The pool of workers: who waits is told, a place is never lost, memory is given back, stop() ends
// it all.
#include "tests/worker/support.h"

#include "pipeline/worker/back_off.h"
#include "pipeline/worker/shared_memory.h"

#include <atomic>
#include <csignal>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

namespace dcmflow::test {
namespace {

using codecs::test::Content;
using codecs::test::make_frame;
using codecs::test::mono;
using std::chrono::milliseconds;
namespace uid = codecs::uid;

const PixelFormat shape = mono(64, 64, 16, 12, false);

CodecStatus give(CodecWorkers& workers, const std::string& order) {
    FrameBuffer out;
    return workers.decode(order, {}, shape, shape.frame_bytes(), out);
}

// More threads than places, and no worker can be started: with a lost wake-up some sleep for ever.
TEST(WorkerPool, AllWhoWaitHearThatNoneStarts) {
    Events events;
    auto options = fake_workers(events);
    options.executable = "/bin/false";
    options.count = 2;
    for (int round = 0; round < 20; ++round) {
        CodecWorkers workers(options);
        std::atomic<int> told{0};
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 6; ++i)
                threads.emplace_back(
                    [&] { told += give(workers, "ok") == CodecStatus::unavailable; });
        }
        EXPECT_EQ(told, 6);
    }
}

// A logger that throws costs its line: no place, no frame.
TEST(WorkerPool, SurvivesAHookThatThrows) {
    Events events;
    auto options = fake_workers(events);
    options.on_event = [](const WorkerEvent&) { throw std::bad_alloc(); };
    CodecWorkers workers(options);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(give(workers, "abort"), CodecStatus::died);
        EXPECT_EQ(give(workers, "ok"), CodecStatus::ok);
    }
    options.executable = "/bin/false";
    CodecWorkers none(options);
    EXPECT_FALSE(none.try_one());
    EXPECT_EQ(give(none, "ok"), CodecStatus::unavailable);
    EXPECT_EQ(none.counters().not_started, 1U) << "the pause is kept";
}

TEST(WorkerPool, ReplacesAWorkerThatIsOutOfMemoryAndNoOther) {
    Events events;
    CodecWorkers workers(fake_workers(events));
    EXPECT_EQ(give(workers, "failed"), CodecStatus::failed);
    EXPECT_EQ(give(workers, "ok"), CodecStatus::ok);
    EXPECT_EQ(workers.counters().started, 1U);
    EXPECT_EQ(workers.counters().out_of_memory, 0U);
    EXPECT_EQ(give(workers, "unavailable"), CodecStatus::unavailable);
    EXPECT_EQ(give(workers, "ok"), CodecStatus::ok);
    EXPECT_EQ(workers.counters().started, 2U);
    EXPECT_EQ(workers.counters().out_of_memory, 1U);
    EXPECT_TRUE(events.all().empty());
}

TEST(BackOff, ManyFailuresAtOnceAreOne) {
    worker::BackOff pause;
    const worker::BackOff::Clock::time_point start{};
    EXPECT_TRUE(pause.over(start));
    for (int i = 0; i < 16; ++i)
        pause.failed(start, start + milliseconds(i));
    EXPECT_EQ(pause.until(), start + milliseconds(100));
    EXPECT_FALSE(pause.over(start + milliseconds(99)));
    EXPECT_TRUE(pause.over(start + milliseconds(100)));
    pause.failed(start + milliseconds(99), start + milliseconds(150)); // began before that
    EXPECT_EQ(pause.until(), start + milliseconds(100));
    pause.failed(start + milliseconds(100), start + milliseconds(150));
    EXPECT_EQ(pause.until(), start + milliseconds(350));
    for (int i = 0; i < 20; ++i)
        pause.failed(pause.until(), pause.until());
    const auto last = pause.until();
    pause.failed(last, last);
    EXPECT_EQ(pause.until(), last + milliseconds(5'000));
    pause.succeeded();
    EXPECT_TRUE(pause.over(start));
}

// A taken place is not among pids().
void wait_until_busy(const CodecWorkers& workers) {
    while (!workers.pids().empty())
        std::this_thread::yield();
}

// Without stop() the first would be `died` after a minute, the second would decode.
TEST(WorkerPool, StopEndsAllWaiting) {
    Events events;
    CodecWorkers workers(fake_workers(events));
    ASSERT_TRUE(workers.try_one());
    std::atomic<int> unavailable{0};
    {
        std::vector<std::jthread> threads;
        for (const auto* order : {"hang", "hang", "hang"})
            threads.emplace_back(
                [&, order] { unavailable += give(workers, order) == CodecStatus::unavailable; });
        wait_until_busy(workers);
        workers.stop();
    }
    EXPECT_EQ(unavailable, 3);
    EXPECT_EQ(give(workers, "ok"), CodecStatus::unavailable);
    EXPECT_FALSE(workers.try_one());
    workers.stop();
    EXPECT_TRUE(events.all().empty()) << "no worker is blamed";
    EXPECT_EQ(workers.counters().timed_out, 0U);
}

TEST(WorkerPool, StopEndsAWaitForAStoppedProcess) {
    CodecWorkers workers(real_workers());
    ASSERT_TRUE(workers.try_one());
    ASSERT_EQ(::kill(workers.pids().at(0), SIGSTOP), 0);
    CodecStatus status = CodecStatus::ok;
    {
        const std::jthread thread([&] { status = give(workers, std::string(uid::jpeg_ls)); });
        wait_until_busy(workers);
        workers.stop();
    }
    EXPECT_EQ(status, CodecStatus::unavailable);
}

// A worker that never says it is ready.
TEST(WorkerPool, StopEndsAWaitForAStart) {
    Events events;
    auto options = fake_workers(events);
    ::setenv("DCMDICTPATH", "say nothing", 1); // a variable that workers are given
    CodecWorkers workers(options);
    CodecStatus status = CodecStatus::ok;
    {
        const std::jthread thread([&] { status = give(workers, "ok"); });
        siginfo_t info{};
        while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            std::this_thread::yield(); // until we have a child
        workers.stop();
    }
    ::unsetenv("DCMDICTPATH");
    EXPECT_EQ(status, CodecStatus::unavailable);
    EXPECT_TRUE(events.all().empty());
}

std::uint64_t resident(const worker::SharedMemory& memory) {
    struct stat state {};
    EXPECT_EQ(::fstat(memory.descriptor(), &state), 0);
    return static_cast<std::uint64_t>(state.st_blocks) * 512;
}

TEST(SharedMemory, IsProvidedBeforeItIsTouchedAndGivenBack) {
    constexpr std::uint64_t mib = 1ULL << 20;
    auto memory = worker::SharedMemory::create();
    ASSERT_TRUE(memory);
    EXPECT_EQ(resident(*memory), 0U);
    ASSERT_TRUE(memory->reserve(10 * mib, 20 * mib));
    EXPECT_EQ(resident(*memory), 30 * mib);
    ASSERT_TRUE(memory->reserve(5 * mib, 24 * mib));
    EXPECT_EQ(resident(*memory), 34 * mib);
    EXPECT_TRUE(memory->give_back(4 * mib));
    EXPECT_EQ(resident(*memory), 8 * mib);
    EXPECT_FALSE(memory->give_back(4 * mib));
    ASSERT_TRUE(memory->reserve(8 * mib, 3 * mib));
    EXPECT_EQ(resident(*memory), 12 * mib);
    EXPECT_FALSE(memory->reserve(memory->stream().size() + 1, 0));
    EXPECT_FALSE(memory->reserve(0, memory->pixels().size() + 1));
}

// Pages of shared memory that this process has touched.
long shared_kib() {
    return status_of(::getpid(), "RssShmem");
}

TEST(WorkerMemory, OfALargeFrameGoesBackWhenIdle) {
    CodecWorkers workers(real_workers());
    const auto foreign = worker_codecs(own_codecs(), workers);
    const auto decode = [&](const PixelFormat& format) {
        FrameBuffer out;
        const auto frame = make_frame(format, Content::gradient);
        const auto stream = encoded(*own_codecs().find(uid::rle), format, frame).stream;
        EXPECT_EQ(foreign.find(uid::rle)->decode(stream, format, out), CodecStatus::ok);
        EXPECT_TRUE(out == frame);
    };
    const auto before = shared_kib();
    decode(shape);
    workers.trim();
    EXPECT_EQ(workers.pids().size(), 1U) << "small frames' workers stay";
    decode(mono(3000, 4000, 16, 12, false)); // 24 MB
    EXPECT_GT(shared_kib(), before + 20'000);
    workers.trim();
    EXPECT_LE(shared_kib(), before + 8 * 1024);
    EXPECT_TRUE(workers.pids().empty());
    decode(shape);
    EXPECT_EQ(workers.counters().started, 2U);
    EXPECT_EQ(workers.counters().died, 0U);
}

// One tile, no decomposition, 8 bits, code-blocks of 4 by 4, and nothing in its one
// packet. Legal, and OpenJPEG's tables take some 30 bytes for each sample.
FrameBuffer tiny_blocks(std::uint32_t side) {
    const auto high = static_cast<unsigned char>(side >> 8);
    const auto low = static_cast<unsigned char>(side);
    const std::vector<unsigned char> bytes{
        0xFF, 0x4F,                                                             // SOC
        0xFF, 0x51, 0, 41, 0,    0,      0, 0, high, low, 0,    0,   high, low, // SIZ: extent
        0,    0,    0, 0,  0,    0,      0, 0, 0,    0,   high, low, 0,    0,    high, low, // tile
        0,    0,    0, 0,  0,    0,      0, 0, 0,    1,   7,    1,   1,       // component
        0xFF, 0x52, 0, 12, 0,    0,      0, 1, 0,    0,   0,    0,   0,    1, // COD
        0xFF, 0x5C, 0, 4,  0x40, 8 << 3,                                      // QCD
        0xFF, 0x90, 0, 10, 0,    0,      0, 0, 0,    15,  0,    1,   0xFF, 0x93,
        0, // SOT, SOD, packet
        0xFF, 0xD9};
    FrameBuffer stream(bytes.size());
    std::transform(bytes.begin(), bytes.end(), stream.begin(),
                   [](unsigned char byte) { return std::byte{byte}; });
    return stream;
}

CodecStatus decode_tiny_blocks(CodecWorkers& workers, std::uint32_t side) {
    const auto foreign = worker_codecs(own_codecs(), workers);
    FrameBuffer out;
    return foreign.find(uid::jpeg2000)
        ->decode(tiny_blocks(side), mono(side, side, 8, 8, false), out);
}

TEST(WorkerMemory, SufficesForTheSmallestCodeBlocks) {
    CodecWorkers workers(real_workers());
    for (const std::uint32_t side : {64U, 512U, 2048U, 4096U}) // 2^20 blocks: the most we take
        EXPECT_EQ(decode_tiny_blocks(workers, side), CodecStatus::ok) << side;
    EXPECT_EQ(workers.counters().started, 1U);
}

// More memory than a worker may have is not a broken stream, whatever its library says.
TEST(WorkerMemory, ThatDoesNotSufficeIsNotTheStreamsFault) {
    if (worker::is_sanitized)
        GTEST_SKIP() << "no limits under sanitizers";
    CodecWorkers workers(real_workers());
    ASSERT_TRUE(workers.try_one());
    const rlimit little{64U << 20, 64U << 20};
    ASSERT_EQ(::prlimit(workers.pids().at(0), RLIMIT_DATA, &little, nullptr), 0);
    EXPECT_EQ(decode_tiny_blocks(workers, 64), CodecStatus::ok);
    EXPECT_EQ(workers.counters().out_of_memory, 0U);
    EXPECT_EQ(decode_tiny_blocks(workers, 2048), CodecStatus::unavailable);
    EXPECT_EQ(workers.counters().out_of_memory, 1U);
    EXPECT_EQ(decode_tiny_blocks(workers, 2048), CodecStatus::ok);
    EXPECT_EQ(workers.counters().died, 0U);
}

} // namespace
} // namespace dcmflow::test
