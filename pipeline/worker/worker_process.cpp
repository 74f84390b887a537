#include "pipeline/worker/worker_process.h"

#include "pipeline/worker/confinement.h"
#include "pipeline/worker/spawn.h"

#include "codecs/codec.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace dcmflow::worker {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t words_kept = 1024; // of what it writes, the last
constexpr std::size_t words_chunk = 4096;

bool may_answer(std::uint32_t status) {
    using codecs::CodecStatus;
    for (const auto one : {CodecStatus::ok, CodecStatus::unsupported, CodecStatus::corrupt,
                           CodecStatus::mismatch, CodecStatus::failed, CodecStatus::unavailable})
        if (status == static_cast<std::uint32_t>(one))
            return true;
    return false;
}

bool is_answer(const Reply& reply, const Request& request) {
    const bool ok = reply.status == static_cast<std::uint32_t>(codecs::CodecStatus::ok);
    return reply.number == request.number && may_answer(reply.status) &&
           reply.pixel_bytes == (ok ? request.pixel_bytes : 0);
}

// The last line, printable and short: a hostile worker writes to our log.
std::string last_line(std::string_view text) {
    while (!text.empty() && text.back() == '\n')
        text.remove_suffix(1);
    if (const auto line = text.rfind('\n'); line != std::string_view::npos)
        text.remove_prefix(line + 1);
    std::string printable(text.substr(0, 200));
    std::replace_if(
        printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return printable;
}

std::string describe(const Ending& ending) {
    std::string text = ending.signal != 0 ? "ended by signal " + std::to_string(ending.signal)
                                          : "exit code " + std::to_string(ending.exit_code);
    if (!ending.last_words.empty())
        text += ": " + ending.last_words;
    return text;
}

} // namespace

WorkerProcess::WorkerProcess(int stop) : stop_(stop) {
    heard_.reserve(words_kept + words_chunk); // listen() shall not run out of memory
}

WorkerProcess::~WorkerProcess() {
    if (pid_ > 0)
        end();
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const std::string& executable,
                                                            const SharedMemory& memory,
                                                            std::chrono::milliseconds patience,
                                                            int stop) {
    // First, so that a process that runs has its owner.
    std::unique_ptr<WorkerProcess> process(new WorkerProcess(stop));
    auto spawned = spawn(executable, memory.descriptor());
    if (!spawned)
        return tl::unexpected(spawned.error());
    process->pid_ = spawned->pid;
    process->socket_ = std::move(spawned->socket);
    process->words_ = std::move(spawned->words);
    Hello hello{.magic = 0};
    switch (process->receive(&hello, sizeof hello, steady_clock::now() + patience)) {
    case Exchange::answered:
        break;
    case Exchange::timed_out:
        return fail(ErrorCode::timeout, "a codec worker was not ready in time");
    case Exchange::stopped:
        return fail(ErrorCode::stopped, "decoding has been stopped");
    default:
        return fail(ErrorCode::internal,
                    "a codec worker did not start, " + describe(process->end()));
    }
    if (hello.magic != Hello{}.magic)
        return fail(ErrorCode::mismatch,
                    "what was started as a codec worker is not one of this version");
    return process;
}

Exchange WorkerProcess::idle() const {
    pollfd socket{socket_.get(), POLLIN, 0};
    int ready = 0;
    do
        ready = ::poll(&socket, 1, 0);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return Exchange::answered;
    if (ready < 0)
        return Exchange::died; // the kernel has no memory: a new one is safer
    return (socket.revents & (POLLHUP | POLLERR)) != 0 ? Exchange::died : Exchange::lied;
}

Exchange WorkerProcess::receive(void* packet, std::size_t size, steady_clock::time_point until) {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
        std::array<pollfd, 2> waits{{{socket_.get(), POLLIN, 0}, {stop_, POLLIN, 0}}};
        const int ready = ::poll(waits.data(), waits.size(),
                                 static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
        if (ready == 0)
            return Exchange::timed_out;
        if (ready < 0) {
            if (errno == EINTR)
                continue;
            return Exchange::died;
        }
        if (waits[0].revents == 0)
            return Exchange::stopped;
        const auto got = ::recv(socket_.get(), packet, size, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return Exchange::died;
        return got == static_cast<ssize_t>(size) ? Exchange::answered : Exchange::lied;
    }
}

Exchange WorkerProcess::ask(Request& request, std::chrono::milliseconds patience, Reply& reply) {
    using namespace std::chrono_literals;
    const auto wall_until = steady_clock::now() + wall_factor * patience;
    const auto cpu_until = cpu_time() + patience;
    request.number = ++requests_;
    // Its own alarm is for a router that has gone; ours comes first.
    request.alarm_seconds = static_cast<std::uint32_t>(
        std::chrono::ceil<std::chrono::seconds>(wall_factor * patience + 5s).count());
    allow_memory(data_limit(request.format, request.stream_bytes));
    while (::send(socket_.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        if (errno != EINTR)
            return Exchange::died;
    Exchange result = Exchange::timed_out;
    // Its processor time can not be used up before as much time has passed.
    for (auto left = std::chrono::nanoseconds(patience);
         result == Exchange::timed_out && left > 0ns && steady_clock::now() < wall_until;
         left = cpu_until - cpu_time())
        result = receive(&reply, sizeof reply,
                         std::min(wall_until, steady_clock::now() +
                                                  std::max<std::chrono::nanoseconds>(left, 10ms)));
    listen();
    return result == Exchange::answered && !is_answer(reply, request) ? Exchange::lied : result;
}

std::chrono::nanoseconds WorkerProcess::cpu_time() const {
    clockid_t clock{};
    timespec now{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &now) != 0)
        return {};
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// From outside, as the filter does not let a worker raise its own.
void WorkerProcess::allow_memory(std::uint64_t bytes) {
    constexpr std::uint64_t step = 64ULL << 20; // most frames of a day need no system call
    const std::uint64_t rounded = (bytes + step - 1) / step * step;
    if (is_sanitized || rounded == allowed_)
        return;
    rlimit limit{};
    if (::prlimit(pid_, RLIMIT_DATA, nullptr, &limit) != 0)
        return; // it has just died, or keeps the little that it began with
    limit.rlim_cur = std::min<rlim_t>(rounded, limit.rlim_max);
    if (::prlimit(pid_, RLIMIT_DATA, &limit, nullptr) == 0)
        allowed_ = rounded;
}

void WorkerProcess::listen() {
    std::array<char, words_chunk> chunk{};
    // Bounded: a worker could write faster than we read.
    for (int i = 0; i < 32; ++i) {
        const auto got = ::read(words_.get(), chunk.data(), chunk.size());
        if (got <= 0)
            break;
        heard_.append(chunk.data(), static_cast<std::size_t>(got));
        if (heard_.size() > words_kept)
            heard_.erase(0, heard_.size() - words_kept);
    }
}

Ending WorkerProcess::end() {
    ::kill(pid_, SIGKILL); // of no effect on one that is ending already: its own reason stays
    Ending ending;
    int status = 0;
    pid_t reaped = 0;
    do
        reaped = ::waitpid(pid_, &status, 0);
    while (reaped < 0 && errno == EINTR);
    if (reaped == pid_) {
        ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        ending.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    pid_ = -1;
    listen();
    ending.last_words = last_line(heard_);
    return ending;
}

} // namespace dcmflow::worker
