#include "pipeline/worker/spawn.h"

#include "pipeline/worker/protocol.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace dcmflow::worker {

namespace {

// Beyond the numbers that the child gives them, so that no dup2 overwrites another's source.
Descriptor high(int fd) {
    Descriptor low(fd);
    return low ? Descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, 16)) : Descriptor();
}

struct Ends {
    Descriptor socket;
    Descriptor worker_socket;
    Descriptor words;
    Descriptor worker_words;
};

Result<Ends> make_ends() {
    std::array<int, 2> sockets{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0)
        return fail_errno(errno, "socket to a codec worker");
    Ends ends;
    ends.socket = Descriptor(sockets[0]);
    ends.worker_socket = high(sockets[1]);
    // Neither end blocks: a worker that writes much loses words, not time.
    std::array<int, 2> pipe{-1, -1};
    if (!ends.worker_socket || ::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return fail_errno(errno, "pipe to a codec worker");
    ends.words = Descriptor(pipe[0]);
    ends.worker_words = high(pipe[1]);
    if (!ends.worker_words)
        return fail_errno(errno, "pipe to a codec worker");
    return ends;
}

class FileActions {
  public:
    FileActions() { note(posix_spawn_file_actions_init(&actions_)); }
    ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    void give(int fd, int as) { note(posix_spawn_file_actions_adddup2(&actions_, fd, as)); }
    void null(int fd, int flags) {
        note(posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", flags, 0));
    }
    void close_from(int fd) { note(posix_spawn_file_actions_addclosefrom_np(&actions_, fd)); }
    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

  private:
    void note(int result) { error_ = error_ != 0 ? error_ : result; }
    posix_spawn_file_actions_t actions_{};
    int error_ = 0;
};

// Nothing ignored, nothing blocked: SIGALRM and SIGABRT must end a worker.
class Attributes {
  public:
    Attributes() {
        sigset_t all;
        sigset_t none;
        sigfillset(&all);
        sigemptyset(&none);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setpgroup(&attributes_, 0); // a terminal's Ctrl-C is for the router
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                   POSIX_SPAWN_SETPGROUP);
    }
    ~Attributes() { posix_spawnattr_destroy(&attributes_); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

  private:
    posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment() {
    std::vector<std::string> variables{std::string(environment_mark) + "=1"};
    for (const char* name : {"LD_LIBRARY_PATH", "DCMDICTPATH", "ASAN_OPTIONS", "LSAN_OPTIONS",
                             "UBSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"})
        if (const char* value = std::getenv(name))
            variables.push_back(std::string(name) + "=" + value);
    return variables;
}

} // namespace

Result<Spawned> spawn(const std::string& executable, int shared_memory) {
    if (std::getenv(environment_mark) != nullptr)
        return fail(ErrorCode::conflict, "a codec worker starts no codec workers");
    auto ends = make_ends();
    const Descriptor memory(::fcntl(shared_memory, F_DUPFD_CLOEXEC, 16));
    if (!ends)
        return tl::unexpected(ends.error());
    if (!memory)
        return fail_errno(errno, "shared memory for a codec worker");
    FileActions actions;
    actions.give(ends->worker_words.get(), STDERR_FILENO);
    actions.give(ends->worker_socket.get(), socket_fd);
    actions.give(memory.get(), memory_fd);
    actions.null(STDIN_FILENO, O_RDONLY);
    actions.null(STDOUT_FILENO, O_WRONLY);
    actions.close_from(memory_fd + 1);
    if (actions.error() != 0)
        return fail_errno(actions.error(), "start of a codec worker");
    const Attributes attributes;
    std::string name = "dcmflow";
    std::string word(command_word);
    std::array<char*, 3> arguments{name.data(), word.data(), nullptr};
    auto variables = environment();
    std::vector<char*> environment_pointers;
    for (auto& variable : variables)
        environment_pointers.push_back(variable.data());
    environment_pointers.push_back(nullptr);
    Spawned spawned;
    const int result =
        ::posix_spawn(&spawned.pid, executable.c_str(), actions.get(), attributes.get(),
                      arguments.data(), environment_pointers.data());
    if (result != 0)
        return fail_errno(result, "start of a codec worker, " + executable);
    spawned.socket = std::move(ends->socket);
    spawned.words = std::move(ends->words);
    return spawned;
}

} // namespace dcmflow::worker
