// A worker that dies, hangs or lies costs its frame, is replaced, and leaves nothing behind.
#include "tests/worker/support.h"

#include <atomic>
#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>

namespace dcmflow::test {
namespace {

using codecs::test::Content;
using codecs::test::make_frame;
using codecs::test::mono;
namespace uid = codecs::uid;
using Kind = WorkerEvent::Kind;

const PixelFormat shape = mono(64, 64, 16, 12, false);

// One frame through a worker that does what `order` says.
CodecStatus give(CodecWorkers& workers, const std::string& order) {
    FrameBuffer out;
    const auto status = workers.decode(order, {}, shape, shape.frame_bytes(), out);
    EXPECT_EQ(out.size(), status == CodecStatus::ok ? shape.frame_bytes() : 0U) << order;
    return status;
}

bool is_child(pid_t pid) {
    return ::waitpid(pid, nullptr, WNOHANG) == 0 || errno != ECHILD;
}

struct Mischief {
    std::string order;
    Kind kind;
    int signal;
    int exit_code;
};

TEST(WorkerDeath, CostsOneFrame) {
    Events events;
    CodecWorkers workers(fake_workers(events));
    const Mischief all[] = {{"abort", Kind::died, SIGABRT, 0},
                            {"exit", Kind::died, 0, 7},
                            {"hang up", Kind::died, SIGKILL, 0},
                            {"too many bytes", Kind::lied, SIGKILL, 0},
                            {"bytes without end", Kind::lied, SIGKILL, 0},
                            {"few bytes", Kind::lied, SIGKILL, 0},
                            {"old number", Kind::lied, SIGKILL, 0},
                            {"status of encoding", Kind::lied, SIGKILL, 0},
                            {"no status", Kind::lied, SIGKILL, 0},
                            {"pixels of a failure", Kind::lied, SIGKILL, 0},
                            {"short packet", Kind::lied, SIGKILL, 0},
                            {"long packet", Kind::lied, SIGKILL, 0}};
    std::size_t count = 0;
    for (const auto& mischief : all) {
        EXPECT_EQ(give(workers, mischief.order), CodecStatus::died) << mischief.order;
        ASSERT_EQ(events.all().size(), ++count) << mischief.order;
        const auto event = events.all().back();
        EXPECT_EQ(to_string(event.kind), to_string(mischief.kind)) << mischief.order;
        EXPECT_EQ(event.signal, mischief.signal) << mischief.order;
        EXPECT_EQ(event.exit_code, mischief.exit_code) << mischief.order;
        EXPECT_EQ(event.syntax, mischief.order);
        EXPECT_FALSE(is_child(event.pid)) << "a zombie after " << mischief.order;
        EXPECT_EQ(give(workers, "ok"), CodecStatus::ok) << "after " << mischief.order;
    }
    EXPECT_EQ(workers.counters().died, 3U);
    EXPECT_EQ(workers.counters().lied, 9U);
    EXPECT_EQ(workers.counters().decoded, count);
    EXPECT_EQ(workers.counters().started, count + 1);
}

TEST(WorkerDeath, AHangingWorkerMeetsTheDeadline) {
    Events events;
    auto options = fake_workers(events);
    options.deadline = std::chrono::milliseconds(100);
    CodecWorkers workers(options);
    for (const auto* order : {"hang", "spin"}) { // with and without use of the processor
        EXPECT_EQ(give(workers, order), CodecStatus::died);
        EXPECT_EQ(to_string(events.all().back().kind), "timed_out");
        EXPECT_EQ(events.all().back().signal, SIGKILL);
    }
    EXPECT_EQ(workers.counters().timed_out, 2U);
}

TEST(WorkerDeath, ItsLastWordsAreKeptAndPrintable) {
    Events events;
    CodecWorkers workers(fake_workers(events));
    EXPECT_EQ(give(workers, "abort"), CodecStatus::died);
    EXPECT_EQ(events.all().at(0).text, "Assertion `Errval <= RANGE' ? failed.");
}

// An answer nobody asked for could pass for that of the next frame.
TEST(WorkerDeath, OneThatSpeaksUnaskedIsReplaced) {
    Events events;
    CodecWorkers workers(fake_workers(events));
    EXPECT_EQ(give(workers, "twice"), CodecStatus::ok);
    // Its second packet is there already, or comes in the place of an answer: the number gives it
    // away then.
    const auto status = give(workers, "ok");
    EXPECT_TRUE(status == CodecStatus::ok || status == CodecStatus::died);
    EXPECT_EQ(workers.counters().lied, 1U);
    EXPECT_EQ(give(workers, "ok"), CodecStatus::ok);
}

TEST(WorkerDeath, WhileIdleCostsNoFrame) {
    Events events;
    auto options = real_workers();
    options.on_event = events.hook();
    CodecWorkers workers(options);
    ASSERT_TRUE(workers.try_one());
    const auto pid = workers.pids().at(0);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT),
              0); // dead, not reaped
    const codecs::Registry& own = own_codecs();
    const auto frame = make_frame(shape, Content::smooth);
    const auto stream = encoded(*own.find(uid::jpeg_ls), shape, frame).stream;
    FrameBuffer out;
    EXPECT_EQ(workers.decode(uid::jpeg_ls, stream, shape, shape.frame_bytes(), out),
              CodecStatus::ok);
    EXPECT_EQ(out, frame);
    EXPECT_EQ(events.all().at(0).signal, SIGKILL);
    EXPECT_TRUE(events.all().at(0).syntax.empty());
}

// An 8 by 8 HTJ2K image with three bytes changed, found by mutation. The assert is OpenJPEG's, of
// Debian's package.
constexpr std::string_view assert_of_openjpeg =
    "ff4fff5100294000000000080000000800000000000000000000000800000008000000000000000000010701"
    "01ff500008000200000004ff52000c00020001000304044001ff5c000d2050585860585858505058ff640016"
    "00014f7065a74a50482056657220302e392e302eff90000a0000000000970001ff93c01280f200c77400c009"
    "6004b00128f3ffc77400e9008774009801077400c00a880151002a40d98badfe0046b4002ec2174e00c33400"
    "061cd2f7f601033400c016ac016b400b5c4fce4429cf192577801ec2eb58e41ab440002197002ce806c93d8e"
    "12633c5f6a3a55c0e712a8400001970002ecb12770d31cccbb1029fb5087928a80068020239600ffd900";

FrameBuffer from_hex(std::string_view text) {
    FrameBuffer bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(
            static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    return bytes;
}

TEST(WorkerDeath, ByAnAssertOfALibrary) {
    Events events;
    auto options = real_workers();
    options.on_event = events.hook();
    CodecWorkers workers(options);
    const auto format = mono(8, 8, 8, 8, false);
    FrameBuffer out;
    EXPECT_EQ(
        workers.decode(uid::htj2k, from_hex(assert_of_openjpeg), format, format.frame_bytes(), out),
        CodecStatus::died);
    ASSERT_EQ(events.all().size(), 1U);
    EXPECT_EQ(events.all()[0].signal, SIGABRT);
    EXPECT_NE(events.all()[0].text.find("Assertion"), std::string::npos) << events.all()[0].text;
    const auto frame = make_frame(format, Content::smooth);
    const auto coded = encoded(*own_codecs().find(uid::htj2k), format, frame);
    EXPECT_EQ(workers.decode(uid::htj2k, coded.stream, format, format.frame_bytes(), out),
              CodecStatus::ok);
    EXPECT_EQ(out, frame);
}

TEST(WorkerDeath, AStoppedWorkerMeetsTheDeadline) {
    auto options = real_workers();
    options.deadline = std::chrono::milliseconds(100);
    CodecWorkers workers(options);
    ASSERT_TRUE(workers.try_one());
    ASSERT_EQ(::kill(workers.pids().at(0), SIGSTOP), 0);
    const codecs::Registry& own = own_codecs();
    const auto frame = make_frame(shape, Content::smooth);
    const auto stream = encoded(*own.find(uid::jpeg2000), shape, frame).stream;
    FrameBuffer out;
    EXPECT_EQ(workers.decode(uid::jpeg2000, stream, shape, shape.frame_bytes(), out),
              CodecStatus::died);
    EXPECT_EQ(workers.counters().timed_out, 1U);
    CodecWorkers others(
        real_workers()); // the deadline of this pool is too short for a busy machine
    EXPECT_EQ(others.decode(uid::jpeg2000, stream, shape, shape.frame_bytes(), out),
              CodecStatus::ok);
    EXPECT_EQ(out, frame);
}

// A service manager that stops a service sends SIGTERM to all of its processes; the router drains.
TEST(WorkerDeath, NotBySigterm) {
    CodecWorkers workers(real_workers());
    ASSERT_TRUE(workers.try_one());
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        ASSERT_EQ(::kill(workers.pids().at(0), signal), 0);
    EXPECT_EQ(workers.decode("1.2.3", {}, shape, 1, *std::make_unique<FrameBuffer>()),
              CodecStatus::unsupported);
    EXPECT_EQ(workers.counters().started, 1U);
    EXPECT_EQ(workers.counters().died, 0U);
}

TEST(WorkerDeath, LeavesNoDescriptorBehind) {
    Events events;
    CodecWorkers workers(fake_workers(events));
    EXPECT_EQ(give(workers, "ok"), CodecStatus::ok);
    const auto before = descriptors_of("self");
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(give(workers, "exit"), CodecStatus::died);
    EXPECT_EQ(give(workers, "ok"), CodecStatus::ok);
    EXPECT_EQ(descriptors_of("self").size(), before.size());
}

TEST(WorkerDeath, PoolsLeaveNothingBehind) {
    const auto before = descriptors_of("self");
    pid_t pid = 0;
    {
        CodecWorkers workers(real_workers());
        ASSERT_TRUE(workers.try_one());
        pid = workers.pids().at(0);
    }
    EXPECT_FALSE(is_child(pid));
    EXPECT_EQ(descriptors_of("self"), before);
}

TEST(WorkerStart, ThatFailsIsSaidAndNotTriedAtOnceAgain) {
    for (const std::string binary : {"/nonexistent/dcmflow", "/bin/true", "/bin/cat"}) {
        Events events;
        auto options = fake_workers(events);
        options.executable = binary;
        CodecWorkers workers(options);
        EXPECT_FALSE(workers.try_one());
        EXPECT_EQ(events.all().at(0).kind, Kind::not_started);
        EXPECT_NE(events.all().at(0).text, "");
        EXPECT_EQ(give(workers, "ok"), CodecStatus::unavailable) << binary;
        EXPECT_EQ(workers.counters().started, 0U);
    }
}

// The last worker dies and its binary has gone: whoever waits for a place is told, not only the
// first.
TEST(WorkerStart, ThatFailsIsSaidToAllWhoWait) {
    const auto link =
        std::filesystem::temp_directory_path() / ("dcmflow-worker-" + std::to_string(::getpid()));
    std::filesystem::create_symlink(DCMFLOW_FAKE_WORKER, link);
    Events events;
    auto options = fake_workers(events);
    options.executable = link;
    CodecWorkers workers(options);
    ASSERT_TRUE(workers.try_one());
    std::filesystem::remove(link);
    std::atomic<int> told{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&] {
                FrameBuffer out;
                const auto status = workers.decode("exit", {}, shape, shape.frame_bytes(), out);
                told += status == CodecStatus::died || status == CodecStatus::unavailable;
            });
    }
    EXPECT_EQ(told, 8);
    EXPECT_EQ(workers.counters().died, 1U);
}

TEST(WorkerStart, NotByHand) {
    const int status = std::system(DCMFLOW_BINARY " codec-worker 2>/dev/null");
    EXPECT_EQ(WEXITSTATUS(status), 2);
}

// A wrong binary in the place of the worker (a program that starts workers itself) must not
// multiply.
TEST(WorkerStart, AWorkerStartsNoWorkers) {
    ::setenv("DCMFLOW_CODEC_WORKER", "1", 1);
    Events events;
    CodecWorkers workers(fake_workers(events));
    EXPECT_FALSE(workers.try_one());
    ::unsetenv("DCMFLOW_CODEC_WORKER");
}

// The pool's process is killed with no chance to say so: its worker sees the end of the socket.
TEST(WorkerDeath, FollowsTheRouters) {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0); // the orphan becomes ours to wait for
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t router = ::fork();
    if (router == 0) {
        CodecWorkers workers(real_workers());
        pid_t pid = workers.try_one() ? workers.pids().at(0) : -1;
        if (::write(ends[1], &pid, sizeof pid) == sizeof pid)
            for (;;)
                ::pause();
        ::_exit(1);
    }
    pid_t worker = -1;
    ASSERT_EQ(::read(ends[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    ASSERT_GT(worker, 0);
    ASSERT_EQ(::kill(router, SIGKILL), 0);
    ASSERT_EQ(::waitpid(router, nullptr, 0), router);
    int status = -1;
    EXPECT_EQ(::waitpid(worker, &status, 0), worker);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    ::close(ends[0]);
    ::close(ends[1]);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

} // namespace
} // namespace dcmflow::test
