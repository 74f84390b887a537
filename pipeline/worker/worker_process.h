// WorkerProcess: the router's end of one codec worker.
//
// Owned by a place of CodecWorkers; one thread at a time. The destructor kills and reaps: a worker
// has nothing to lose. It waits for that one process id only and never touches SIGCHLD. What the
// worker says is compared with what was asked; what it writes to stderr is kept for the log, made
// printable.
#pragma once

#include "pipeline/result.h"
#include "pipeline/worker/descriptor.h"
#include "pipeline/worker/protocol.h"
#include "pipeline/worker/shared_memory.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>

namespace dcmflow::worker {

enum class Exchange : std::uint8_t {
    answered,  // the reply has the request's number and a status that decode may give
    died,      // the socket ended
    timed_out, // nothing until the deadline
    lied,      // the reply can not be an answer to this request
    stopped,   // `stop` became readable first: whoever waits shall not
};

struct Ending {
    int signal = 0;         // that ended it; SIGKILL may be ours
    int exit_code = 0;      // if no signal did
    std::string last_words; // the last line it wrote, e.g. a library's assertion
};

class WorkerProcess {
  public:
    // Returns when the worker is warm and confined. Safe while other threads run (posix_spawn).
    // `executable` may be "/proc/self/exe", which stays the running binary when its file is
    // replaced. `stop` outlives it: a descriptor that ends every wait once it is readable.
    [[nodiscard]] static Result<std::unique_ptr<WorkerProcess>>
    start(const std::string& executable, const SharedMemory& memory,
          std::chrono::milliseconds patience, int stop);
    ~WorkerProcess();
    WorkerProcess(const WorkerProcess&) = delete;
    WorkerProcess& operator=(const WorkerProcess&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Between requests: answered if it is alive and silent, as it must be; else died or lied.
    [[nodiscard]] Exchange idle() const;

    // Numbers the request, sets the memory that the worker may use, waits for the reply. `patience`
    // is time of the worker's processor: a busy machine is not the stream's fault. One that does
    // not run at all has wall_factor times as long.
    [[nodiscard]] Exchange ask(Request& request, std::chrono::milliseconds patience, Reply& reply);
    static constexpr int wall_factor = 6;

    Ending end(); // kills if need be, and reaps; once

  private:
    explicit WorkerProcess(int stop);
    [[nodiscard]] Exchange receive(void* packet, std::size_t size,
                                   std::chrono::steady_clock::time_point until);
    [[nodiscard]] std::chrono::nanoseconds cpu_time() const;
    void allow_memory(std::uint64_t bytes);
    void listen(); // takes what the worker has written

    const int stop_;
    pid_t pid_ = -1;
    Descriptor socket_;
    Descriptor words_;
    std::string heard_;
    std::uint64_t requests_ = 0;
    std::uint64_t allowed_ = 0;
};

} // namespace dcmflow::worker
