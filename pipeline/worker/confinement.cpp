#include "pipeline/worker/confinement.h"

#include "pipeline/worker/protocol.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <initializer_list>
#include <memory>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace dcmflow::worker {

namespace {

constexpr std::uint64_t mib = 1ULL << 20;
constexpr std::uint64_t base_data = 256 * mib; // the process itself, what malloc keeps, tables

std::uint64_t data_for(std::uint64_t samples, std::uint64_t frame_bytes,
                       std::uint64_t stream_bytes) {
    // OpenJPEG, the hungriest: a 32-bit plane of every sample, its copy of the stream; then our own
    // frame. Its tables take half a kilobyte for each code-block of 4 by 4 samples or more; our
    // parser refuses images of more than 2^20.
    const std::uint64_t blocks = std::min<std::uint64_t>(samples / 16, 1U << 20);
    return base_data + 6 * samples + 640 * blocks + 2 * frame_bytes + 2 * stream_bytes;
}

Status set_limit(__rlimit_resource resource, std::uint64_t soft, std::uint64_t hard) {
    rlimit now{};
    if (::getrlimit(resource, &now) != 0)
        return fail_errno(errno, "getrlimit");
    rlimit wanted{};
    wanted.rlim_max = now.rlim_max == RLIM_INFINITY || now.rlim_max > hard ? hard : now.rlim_max;
    wanted.rlim_cur = wanted.rlim_max < soft ? wanted.rlim_max : soft;
    if (::setrlimit(resource, &wanted) != 0)
        return fail_errno(errno, "setrlimit");
    return {};
}

// The kernel should rather take a worker than the router. Where it is not allowed, nothing is lost.
void offer_to_the_oom_killer() {
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    [[maybe_unused]] const auto written = ::write(file, "1000", 4);
    ::close(file);
}

struct ReleaseFilter {
    void operator()(void* filter) const { seccomp_release(filter); }
};

class Filter {
  public:
    Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {}
    explicit operator bool() const { return context_ != nullptr; }

    void allow(std::initializer_list<int> calls) {
        for (const int call : calls)
            add(SCMP_ACT_ALLOW, call, {});
    }
    void allow_if(int call, std::initializer_list<scmp_arg_cmp> conditions) {
        add(SCMP_ACT_ALLOW, call, conditions);
    }
    void refuse(std::initializer_list<int> calls) {
        for (const int call : calls)
            add(SCMP_ACT_ERRNO(EACCES), call, {});
    }
    [[nodiscard]] int load() { return error_ != 0 ? error_ : seccomp_load(context_.get()); }

  private:
    void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> conditions) {
        const int result =
            seccomp_rule_add_array(context_.get(), action, call,
                                   static_cast<unsigned>(conditions.size()), conditions.begin());
        if (result != 0)
            error_ = result;
    }
    std::unique_ptr<void, ReleaseFilter> context_;
    int error_ = 0;
};

constexpr scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
}
constexpr scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void add_rules(Filter& filter) {
    // Requests and replies, on the one socket.
    for (const int call :
         {SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg)})
        filter.allow_if(call, {equals(0, socket_fd)});
    // What libraries print: nowhere, and to the router's log.
    for (const int call : {SCMP_SYS(write), SCMP_SYS(writev)})
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
            filter.allow_if(call, {equals(0, static_cast<std::uint64_t>(fd))});
    // Memory: private, of no file, never to be executed.
    filter.allow_if(SCMP_SYS(mmap), {masked(2, PROT_EXEC, 0), masked(3, MAP_PRIVATE | MAP_ANONYMOUS,
                                                                     MAP_PRIVATE | MAP_ANONYMOUS)});
    filter.allow_if(SCMP_SYS(mprotect), {masked(2, PROT_EXEC, 0)});
    filter.allow({SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk)});
    // MADV_REMOVE would take the pages that the router has reserved out of the shared memory.
    filter.allow_if(SCMP_SYS(madvise), {{2, SCMP_CMP_NE, MADV_REMOVE, 0}});
    // Time, locks, the worker's own alarm.
    filter.allow({SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
                  SCMP_SYS(getrandom), SCMP_SYS(sched_yield), SCMP_SYS(alarm),
                  SCMP_SYS(setitimer)});
    // The end, abort() included: it raises a signal in its own thread only.
    filter.allow({SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
                  SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(restart_syscall),
                  SCMP_SYS(getpid), SCMP_SYS(gettid)});
    filter.allow_if(SCMP_SYS(tgkill), {equals(0, static_cast<std::uint64_t>(::getpid()))});
    // stdio asks what its streams are; libraries look for settings, a terminal, processors.
    filter.refuse({SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(ioctl), SCMP_SYS(lseek),
                   SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
                   SCMP_SYS(sched_getaffinity)});
}

} // namespace

std::uint64_t data_limit(const codecs::PixelFormat& format, std::uint64_t stream_bytes) {
    const std::uint64_t samples = std::uint64_t{format.rows} * format.columns * format.samples;
    return data_for(samples, format.frame_bytes(), stream_bytes);
}

std::uint64_t largest_data_limit() {
    // The most samples are one byte each.
    return data_for(codecs::max_frame_bytes, codecs::max_frame_bytes, max_stream_bytes);
}

Status limit_resources() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return fail_errno(errno, "prctl");
    offer_to_the_oom_killer();
    struct Limit {
        __rlimit_resource resource;
        std::uint64_t soft;
        std::uint64_t hard;
        bool memory;
    };
    constexpr std::uint64_t address_space = memory_bytes + 1024 * mib;
    const Limit limits[] = {
        {RLIMIT_CORE, 0, 0, false},
        {RLIMIT_FSIZE, 0, 0, false},
        {RLIMIT_NOFILE, 16, 16, false},
        {RLIMIT_DATA, base_data, largest_data_limit(), true},
        {RLIMIT_AS, largest_data_limit() + address_space, largest_data_limit() + address_space,
         true},
    };
    for (const Limit& limit : limits) {
        if (limit.memory && is_sanitized)
            continue;
        if (auto status = set_limit(limit.resource, limit.soft, limit.hard); !status)
            return status;
    }
    return {};
}

Status install_filter() {
    if (is_sanitized)
        return {};
    Filter filter;
    if (!filter)
        return fail(ErrorCode::memory, "seccomp: no memory");
    add_rules(filter);
    if (const int result = filter.load(); result != 0)
        return fail_errno(-result, "seccomp");
    return {};
}

} // namespace dcmflow::worker
