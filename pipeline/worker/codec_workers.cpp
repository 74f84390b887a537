#include "pipeline/worker/codec_workers.h"

#include "pipeline/worker/protocol.h"
#include "pipeline/worker/shared_memory.h"
#include "pipeline/worker/worker_process.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <sys/eventfd.h>
#include <thread>
#include <utility>

namespace dcmflow {

namespace {

using codecs::CodecStatus;
using namespace worker;
using std::chrono::steady_clock;

// Of both areas of a place's shared memory: from frame to frame, and after trim().
constexpr std::uint64_t keep_bytes = 64ULL << 20;
constexpr std::uint64_t idle_bytes = 4ULL << 20;

WorkerEvent::Kind kind_of(Exchange exchange) {
    switch (exchange) {
    case Exchange::timed_out:
        return WorkerEvent::Kind::timed_out;
    case Exchange::lied:
        return WorkerEvent::Kind::lied;
    default:
        return WorkerEvent::Kind::died;
    }
}

Request make_request(std::string_view uid, std::size_t stream_bytes,
                     const codecs::PixelFormat& format, std::uint64_t pixel_bytes) {
    Request request;
    request.stream_bytes = stream_bytes;
    request.pixel_bytes = pixel_bytes;
    request.format = format;
    request.uid_length = static_cast<std::uint32_t>(uid.size());
    std::copy(uid.begin(), uid.end(), request.uid.begin());
    return request;
}

} // namespace

std::string_view to_string(WorkerEvent::Kind kind) {
    switch (kind) {
    case WorkerEvent::Kind::died:
        return "died";
    case WorkerEvent::Kind::timed_out:
        return "timed_out";
    case WorkerEvent::Kind::lied:
        return "lied";
    case WorkerEvent::Kind::not_started:
        return "not_started";
    }
    return "unknown";
}

struct CodecWorkers::Place {
    SharedMemory memory;
    std::unique_ptr<WorkerProcess> process;
    bool taken = false;
};

class CodecWorkers::Lease {
  public:
    Lease(CodecWorkers& pool, Place* place) : pool_(pool), place_(place) {}
    ~Lease() {
        if (place_ != nullptr)
            pool_.give(*place_);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    [[nodiscard]] Place* get() const { return place_; }
    [[nodiscard]] Place* release() { return std::exchange(place_, nullptr); }

  private:
    CodecWorkers& pool_;
    Place* place_;
};

CodecWorkers::CodecWorkers(CodecWorkersOptions options)
    : options_(std::move(options)), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    const unsigned count =
        options_.count != 0 ? options_.count : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i)
        places_.push_back(std::make_unique<Place>());
}

CodecWorkers::~CodecWorkers() = default;

Status CodecWorkers::try_one() {
    Error error;
    const Lease lease(*this, take(error));
    return lease.get() != nullptr ? Status() : Status(tl::unexpected(error));
}

CodecStatus CodecWorkers::decode(std::string_view uid, std::span<const std::byte> stream,
                                 const codecs::PixelFormat& format, std::uint64_t pixel_bytes,
                                 codecs::FrameBuffer& out) {
    if (uid.size() > max_uid || stream.size() > max_stream_bytes ||
        pixel_bytes > codecs::max_frame_bytes || !format.problem().empty())
        return CodecStatus::unsupported;
    try {
        Error error;
        const Lease lease(*this, take(error));
        if (lease.get() == nullptr)
            return CodecStatus::unavailable;
        return decode_in(*lease.get(), uid, stream, format, pixel_bytes, out);
    } catch (const std::exception&) { // this process is short of memory
        return CodecStatus::unavailable;
    }
}

void CodecWorkers::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        last_error_.code = ErrorCode::stopped;
    }
    constexpr std::uint64_t one = 1;
    // Never read, so a second write changes nothing.
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
    given_.notify_all();
}

CodecStatus CodecWorkers::decode_in(Place& place, std::string_view uid,
                                    std::span<const std::byte> stream,
                                    const codecs::PixelFormat& format, std::uint64_t pixel_bytes,
                                    codecs::FrameBuffer& out) {
    if (!place.memory.reserve(stream.size(), pixel_bytes))
        return CodecStatus::unavailable;
    if (!stream.empty())
        std::memcpy(place.memory.stream().data(), stream.data(), stream.size());
    Request request = make_request(uid, stream.size(), format, pixel_bytes);
    const auto mib = static_cast<std::int64_t>((stream.size() + pixel_bytes) >> 20);
    Reply reply;
    const auto exchange =
        place.process->ask(request, options_.deadline + options_.deadline_per_mib * mib, reply);
    CodecStatus status = CodecStatus::died;
    if (exchange == Exchange::answered) {
        status = static_cast<CodecStatus>(reply.status);
        if (status == CodecStatus::ok) {
            const auto pixels = place.memory.pixels().first(pixel_bytes);
            out.assign(pixels.begin(), pixels.end());
            counters_.decoded.fetch_add(1, std::memory_order_relaxed);
        } else if (status == CodecStatus::unavailable) {
            place.process.reset(); // its heap may be in pieces: the next frame gets a fresh one
            counters_.out_of_memory.fetch_add(1, std::memory_order_relaxed);
        }
    } else if (exchange == Exchange::stopped) {
        place.process.reset();
        status = CodecStatus::unavailable;
    } else {
        retire(place, kind_of(exchange), uid);
    }
    (void)place.memory.give_back(keep_bytes);
    return status;
}

void CodecWorkers::trim() {
    for (const auto& place : places_) {
        {
            const std::lock_guard lock(mutex_);
            if (place->taken)
                continue;
            place->taken = true;
        }
        const Lease lease(*this, place.get());
        if (place->memory.give_back(idle_bytes))
            place->process.reset(); // it has as much of its own; a new one takes milliseconds
    }
}

// A free place, best with a worker in it. Null, with the lock: none may be started now, and none
// runs; or all has been stopped.
CodecWorkers::Place* CodecWorkers::choose(std::unique_lock<std::mutex>& lock) {
    while (!stopped_) {
        Place* empty = nullptr;
        bool any_taken = false;
        for (const auto& place : places_) {
            if (place->taken) {
                any_taken = true;
            } else if (place->process) {
                place->taken = true;
                return place.get();
            } else if (empty == nullptr) {
                empty = place.get();
            }
        }
        if (empty != nullptr && back_off_.over(steady_clock::now())) {
            empty->taken = true;
            return empty;
        }
        if (!any_taken)
            return nullptr;
        if (empty != nullptr)
            given_.wait_until(lock, back_off_.until());
        else
            given_.wait(lock);
    }
    return nullptr;
}

CodecWorkers::Place* CodecWorkers::take(Error& error) {
    for (;;) {
        Place* place = nullptr;
        {
            std::unique_lock lock(mutex_);
            place = choose(lock);
            if (place == nullptr) {
                error = last_error_;
                return nullptr;
            }
        }
        Lease lease(*this, place); // gives it back if it stays empty, or memory is out
        // One that died while idle takes no frame with it.
        if (place->process)
            if (const auto idle = place->process->idle(); idle != Exchange::answered)
                retire(*place, kind_of(idle), {});
        if (place->process || start(*place))
            return lease.release();
    }
}

void CodecWorkers::give(Place& place) {
    {
        const std::lock_guard lock(mutex_);
        place.taken = false;
    }
    given_.notify_all(); // if none can be started now, all who wait must hear it
}

Status CodecWorkers::start_process(Place& place) {
    if (!stop_)
        return fail(ErrorCode::memory, "no descriptor for the codec workers");
    if (!place.memory) {
        auto memory = SharedMemory::create();
        if (!memory)
            return tl::unexpected(memory.error());
        place.memory = std::move(*memory);
    }
    auto process = WorkerProcess::start(options_.executable, place.memory, options_.start_deadline,
                                        stop_.get());
    if (!process)
        return tl::unexpected(process.error());
    place.process = std::move(*process);
    return {};
}

Status CodecWorkers::start(Place& place) {
    const auto began = steady_clock::now();
    const Status result = start_process(place);
    {
        const std::lock_guard lock(mutex_);
        if (stopped_ && !result)
            return result; // nobody's fault
        if (result) {
            back_off_.succeeded();
        } else {
            back_off_.failed(began, steady_clock::now());
            last_error_ = result.error();
        }
    }
    if (result) {
        counters_.started.fetch_add(1, std::memory_order_relaxed);
    } else {
        count(WorkerEvent::Kind::not_started);
        report(WorkerEvent{WorkerEvent::Kind::not_started, 0, 0, 0, {}, result.error().text});
    }
    return result;
}

void CodecWorkers::retire(Place& place, WorkerEvent::Kind kind, std::string_view syntax) {
    const auto process = std::exchange(place.process, nullptr);
    const pid_t pid = process->pid();
    count(kind);
    try {
        const Ending ending = process->end();
        report(WorkerEvent{kind, pid, ending.signal, ending.exit_code, std::string(syntax),
                           ending.last_words});
    } catch (const std::bad_alloc&) { // only its story is lost
        return;
    }
}

void CodecWorkers::count(WorkerEvent::Kind kind) {
    auto& counter = kind == WorkerEvent::Kind::died        ? counters_.died
                    : kind == WorkerEvent::Kind::timed_out ? counters_.timed_out
                    : kind == WorkerEvent::Kind::lied      ? counters_.lied
                                                           : counters_.not_started;
    counter.fetch_add(1, std::memory_order_relaxed);
}

void CodecWorkers::report(const WorkerEvent& event) const {
    try {
        if (options_.on_event)
            options_.on_event(event);
    } catch (const std::exception&) { // a line of the log; the frame matters more
        return;
    }
}

std::vector<pid_t> CodecWorkers::pids() const {
    const std::lock_guard lock(mutex_);
    std::vector<pid_t> pids;
    for (const auto& place : places_)
        if (!place->taken && place->process)
            pids.push_back(place->process->pid());
    return pids;
}

} // namespace dcmflow
