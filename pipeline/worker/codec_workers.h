// CodecWorkers: a pool of processes that decode what came from outside (docs/decisions/0009).
//
// Owned by the Router (or a bulk run) and outlives every codec made of it. decode() from any
// thread: a caller takes a place, beyond `count` callers wait for one. Workers are started when
// first needed and kept; one that dies, hangs or lies is replaced, and costs the frame that it had.
// One that ran out of memory is replaced too. stop() ends all waiting, for a drain that is over.
// It never decodes in this process.
#pragma once

#include "codecs/codec.h"
#include "pipeline/result.h"
#include "pipeline/worker/back_off.h"
#include "pipeline/worker/descriptor.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace dcmflow {

struct WorkerEvent {
    enum class Kind : std::uint8_t { died, timed_out, lied, not_started };
    Kind kind = Kind::died;
    pid_t pid = 0;      // 0: not_started
    int signal = 0;     // that ended it (SIGKILL is ours unless it died)
    int exit_code = 0;  // if no signal did
    std::string syntax; // transfer syntax UID of the frame it had
    std::string text;   // its last words (a library's assertion), or why it did not start
};
[[nodiscard]] std::string_view to_string(WorkerEvent::Kind kind); // "died", "timed_out", ...

struct CodecWorkersOptions {
    // A dcmflow binary. The default is the running one, even after its file was replaced; right
    // only in dcmflow itself: a test names the binary.
    std::string executable = "/proc/self/exe";
    unsigned count = 0; // 0: one for each core
    // A frame's deadline in processor time: base, and more by the MiB of stream and pixels. A
    // worker that does not run (stopped, or the machine is very busy) has six times as long.
    std::chrono::milliseconds deadline{10'000};
    std::chrono::milliseconds deadline_per_mib{500};
    std::chrono::milliseconds start_deadline{30'000};
    // From any thread that decodes, one call for each worker lost. May not call back into the pool.
    // What it throws is dropped.
    std::function<void(const WorkerEvent&)> on_event;
};

struct CodecWorkersCounters {
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> decoded{0}; // frames that a worker answered ok
    std::atomic<std::uint64_t> died{0};
    std::atomic<std::uint64_t> timed_out{0};
    std::atomic<std::uint64_t> lied{0};
    std::atomic<std::uint64_t> not_started{0};
    std::atomic<std::uint64_t> out_of_memory{0}; // replaced because a frame took all they may have
};

class CodecWorkers {
  public:
    explicit CodecWorkers(CodecWorkersOptions options);
    ~CodecWorkers(); // ends the workers; no decode() may be under way
    CodecWorkers(const CodecWorkers&) = delete;
    CodecWorkers& operator=(const CodecWorkers&) = delete;

    // Starts one worker unless one runs: whether this installation can.
    [[nodiscard]] Status try_one();

    // As Codec::decode does; `pixel_bytes` is decoded_format(format).frame_bytes(). `died` if the
    // worker did not survive this frame, `unavailable` if none can be started, memory is out, or
    // the pool has been stopped. Never throws.
    [[nodiscard]] codecs::CodecStatus decode(std::string_view transfer_syntax_uid,
                                             std::span<const std::byte> stream,
                                             const codecs::PixelFormat& format,
                                             std::uint64_t pixel_bytes, codecs::FrameBuffer& out);

    // Now and then: places that are idle now and had a large frame give its memory back, and their
    // workers with it.
    void trim();

    // For good: every decode() that waits, for a place or a worker, and every later one gives
    // `unavailable` at once. Any thread, any number of times.
    void stop();

    [[nodiscard]] const CodecWorkersCounters& counters() const { return counters_; }
    [[nodiscard]] unsigned count() const { return static_cast<unsigned>(places_.size()); }
    [[nodiscard]] std::vector<pid_t> pids() const; // of the workers that are idle now

  private:
    struct Place;
    class Lease;
    [[nodiscard]] Place* take(Error& error);
    void give(Place& place);
    [[nodiscard]] Place* choose(std::unique_lock<std::mutex>& lock);
    [[nodiscard]] Status start(Place& place);
    [[nodiscard]] Status start_process(Place& place);
    void retire(Place& place, WorkerEvent::Kind kind, std::string_view syntax);
    void count(WorkerEvent::Kind kind);
    void report(const WorkerEvent& event) const;
    [[nodiscard]] codecs::CodecStatus decode_in(Place& place, std::string_view uid,
                                                std::span<const std::byte> stream,
                                                const codecs::PixelFormat& format,
                                                std::uint64_t pixel_bytes,
                                                codecs::FrameBuffer& out);

    const CodecWorkersOptions options_;
    CodecWorkersCounters counters_;
    mutable std::mutex mutex_;
    std::condition_variable given_;
    std::vector<std::unique_ptr<Place>> places_; // constant; a taken one belongs to its taker
    worker::BackOff back_off_;
    Error last_error_;
    bool stopped_ = false;
    const worker::Descriptor stop_; // an event that all waits for workers watch
};

} // namespace dcmflow
