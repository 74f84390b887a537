// What a worker can not do: limits and filter are in force in the real one, and bite.
#include "tests/worker/support.h"

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <new>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace dcmflow::test {
namespace {

using codecs::test::mono;

std::string limit_of(pid_t pid, const std::string& name) {
    const auto text = file_text("/proc/" + std::to_string(pid) + "/limits");
    const auto at = text.find("\n" + name);
    return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}
// Soft and hard, the columns behind the name.
std::pair<std::string, std::string> values_of(const std::string& line) {
    if (line.size() < 67)
        return {};
    const auto word = [&](std::size_t at) { return line.substr(at, line.find(' ', at) - at); };
    return {word(26), word(47)};
}

TEST(Confinement, OfTheRealWorker) {
    const int leak = ::open("/dev/null", O_RDONLY); // not O_CLOEXEC: as a careless library would
    ASSERT_GE(leak, 0);
    ::setenv("DCMFLOW_TEST_SECRET", "token", 1);
    CodecWorkers workers(real_workers());
    ASSERT_TRUE(workers.try_one());
    const pid_t pid = workers.pids().at(0);
    const auto process = std::to_string(pid);
    EXPECT_EQ(status_of(pid, "NoNewPrivs"), 1);
    EXPECT_EQ(status_of(pid, "Threads"), 1) << "nothing runs beside the decoder";
    const auto none = std::pair<std::string, std::string>{"0", "0"};
    EXPECT_EQ(values_of(limit_of(pid, "Max core file size")), none);
    EXPECT_EQ(values_of(limit_of(pid, "Max file size")), none);
    EXPECT_EQ(values_of(limit_of(pid, "Max open files")).second, "16");
    if (::geteuid() == 0) { // it can not be looked into by its own user
        EXPECT_EQ(descriptors_of(process), (std::set<std::string>{"0", "1", "2", "3"}));
        const auto environment = file_text("/proc/" + process + "/environ");
        EXPECT_NE(environment.find("DCMFLOW_CODEC_WORKER=1"), std::string::npos);
        EXPECT_EQ(environment.find("DCMFLOW_TEST_SECRET"), std::string::npos);
    }
    ::unsetenv("DCMFLOW_TEST_SECRET");
    ::close(leak);
}

TEST(Confinement, MemoryIsTheFrames) {
    if (worker::is_sanitized)
        GTEST_SKIP() << "sanitizers need more memory and system calls";
    CodecWorkers workers(real_workers());
    ASSERT_TRUE(workers.try_one());
    const pid_t pid = workers.pids().at(0);
    EXPECT_EQ(status_of(pid, "Seccomp"), 2);
    EXPECT_NE(values_of(limit_of(pid, "Max address space")).second, "unlimited");
    FrameBuffer out;
    const auto soft_after = [&](const PixelFormat& format) {
        EXPECT_NE(workers.decode(codecs::uid::jpeg_ls, {}, format, format.frame_bytes(), out),
                  CodecStatus::ok);
        return std::stoull(values_of(limit_of(pid, "Max data size")).first);
    };
    const auto small = mono(512, 512, 16, 12, false);
    const auto large = mono(16384, 16384, 16, 16, false); // 512 MiB
    EXPECT_LE(soft_after(small), 320ULL << 20);
    EXPECT_GE(soft_after(large), 2ULL << 30);
    EXPECT_LE(soft_after(small), 320ULL << 20);
    EXPECT_EQ(values_of(limit_of(pid, "Max data size")).second,
              std::to_string(worker::largest_data_limit()));
    EXPECT_EQ(workers.counters().started, 1U);
}

// How a child of ours ends that confines itself and then does `deed`: the signal, or minus the exit
// code.
int end_of(const std::function<int()>& deed) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::fclose(stderr);
        if (!worker::limit_resources() || !worker::install_filter())
            ::_exit(99);
        ::_exit(deed());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

TEST(Confinement, EndsWhoReachesOut) {
    if (worker::is_sanitized)
        GTEST_SKIP() << "sanitizers need more memory and system calls";
    EXPECT_EQ(end_of([] { return ::open("/etc/passwd", O_RDONLY); }), SIGSYS);
    EXPECT_EQ(end_of([] { return ::socket(AF_INET, SOCK_STREAM, 0); }), SIGSYS);
    EXPECT_EQ(end_of([] { return static_cast<int>(::fork()); }), SIGSYS);
    EXPECT_EQ(end_of([] { return ::execl("/bin/true", "true", nullptr); }), SIGSYS);
    EXPECT_EQ(end_of([] { return ::kill(::getppid(), 0); }), SIGSYS);
    EXPECT_EQ(end_of([] { return ::ftruncate(4, 0); }), SIGSYS);
    const auto map = [](int protection, int flags) {
        return ::mmap(nullptr, 4096, protection, flags, -1, 0) == MAP_FAILED ? 1 : 0;
    };
    EXPECT_EQ(end_of([&] { return map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS); }),
              SIGSYS);
    EXPECT_EQ(end_of([&] { return map(PROT_READ, MAP_SHARED | MAP_ANONYMOUS); }), SIGSYS);
    EXPECT_EQ(end_of([&] { return map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS); }), 0);
    const auto write_to = [](int fd) { return ::write(fd, "x", 1) >= 0 ? 1 : 2; };
    EXPECT_EQ(end_of([&] { return write_to(5); }), SIGSYS);
}

TEST(Confinement, LetsDecodersFailInTheirWays) {
    if (worker::is_sanitized)
        GTEST_SKIP() << "sanitizers need more memory and system calls";
    EXPECT_EQ(end_of([] {
                  std::abort();
                  return 0;
              }),
              SIGABRT);
    EXPECT_EQ(end_of([] { return ::raise(SIGSEGV); }), SIGSEGV);
    EXPECT_EQ(end_of([] {
                  ::alarm(1);
                  for (;;) {
                  }
                  return 0;
              }),
              SIGALRM);
    EXPECT_EQ(end_of([] {
                  try {
                      const FrameBuffer bomb(600U << 20); // beyond what a small frame may take
                      return static_cast<int>(bomb[5]);
                  } catch (const std::bad_alloc&) {
                      return 42;
                  }
              }),
              -42);
}

} // namespace
} // namespace dcmflow::test
