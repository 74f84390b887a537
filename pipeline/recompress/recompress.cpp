#include "pipeline/recompress/recompress.h"

#include "pipeline/budget.h"
#include "pipeline/recompress/folded_names.h"
#include "pipeline/recompress/store_threads.h"
#include "pipeline/recompress/tree_walk.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <utility>

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

namespace dcmflow::recompress {

namespace fs = std::filesystem;

namespace {

using JobPtr = std::shared_ptr<FileJob>;

std::size_t worker_count(int wanted) {
    return wanted > 0 ? static_cast<std::size_t>(wanted)
                      : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

// Frames of one object over the cores of the arena. Isolated: a thread that waits here must not
// start another file.
void parallel_frames(std::size_t count, const std::function<void(std::size_t)>& body) {
    if (count < 2) {
        for (std::size_t i = 0; i < count; ++i)
            body(i);
        return;
    }
    tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::size_t{0}, count, body); });
}

FileOptions file_options(const RecompressOptions& options) {
    FileOptions file;
    file.target_uid = options.target_uid;
    file.choose = options.choose;
    file.for_each_frame = parallel_frames;
    auto& bounds = file.bounds;
    bounds.most_frames_at_once = std::max<std::size_t>(16, 2 * worker_count(options.jobs));
    bounds.frame_memory = options.memory / 8;
    bounds.result_in_memory = std::min(bounds.result_in_memory, options.memory / 8);
    return file;
}

// The nodes and what they work with. Submit from one thread; finish() waits for all.
class Graph {
  public:
    Graph(const RecompressOptions& options, const Transcoder& transcoder, std::stop_token stop,
          std::function<void(const FileReport&)> on_report)
        : work_(transcoder, file_options(options)), stop_(std::move(stop)),
          on_report_(std::move(on_report)), workers_(worker_count(options.jobs)),
          parallelism_(tbb::global_control::max_allowed_parallelism, workers_ + 1),
          arena_(static_cast<int>(workers_), 0),
          store_threads_(std::max<std::size_t>(4, workers_)) {
        // A graph runs in the arena of the thread that makes it.
        arena_.execute([&] { nodes_ = std::make_unique<Nodes>(*this); });
    }
    ~Graph() {
        finish();
        arena_.execute([&] { nodes_.reset(); });
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    void submit(JobPtr job) { nodes_->transcode.try_put(std::move(job)); }
    void report(JobPtr job) { nodes_->report.try_put(std::move(job)); } // nothing to do but that
    [[nodiscard]] const FileRecompressor& work() const { return work_; }
    [[nodiscard]] bool dropped_any() const { return dropped_any_; } // after finish(), as the next
    [[nodiscard]] bool had_no_lock() const { return had_no_lock_; }
    void finish() {
        arena_.execute([&] { nodes_->graph.wait_for_all(); });
    }

  private:
    using StoreNode = tbb::flow::async_node<JobPtr, JobPtr>;
    struct Nodes {
        explicit Nodes(Graph& owner)
            : transcode(graph, owner.workers_,
                        [&owner](JobPtr job) {
                            owner.transcode(*job);
                            return job;
                        }),
              store(graph, tbb::flow::unlimited,
                    [&owner](JobPtr job, StoreNode::gateway_type& gateway) {
                        owner.store(std::move(job), gateway);
                    }),
              report(graph, tbb::flow::serial, [&owner](const JobPtr& job) {
                  owner.heard(*job);
                  return tbb::flow::continue_msg{};
              }) {
            tbb::flow::make_edge(transcode, store);
            tbb::flow::make_edge(store, report);
        }
        tbb::flow::graph graph;
        tbb::flow::function_node<JobPtr, JobPtr> transcode;
        StoreNode store;
        tbb::flow::function_node<JobPtr, tbb::flow::continue_msg> report;
    };

    void heard(const FileJob& job) {
        dropped_any_ = dropped_any_ || job.dropped;
        had_no_lock_ = had_no_lock_ || job.unlocked;
        if (!job.dropped)
            on_report_(job.report);
    }

    void transcode(FileJob& job) const {
        job.dropped = stop_.stop_requested();
        if (!job.dropped)
            work_.transcode(job);
    }

    void store(JobPtr job, StoreNode::gateway_type& gateway) {
        gateway.reserve_wait();
        store_threads_.push([this, job = std::move(job), &gateway]() mutable {
            if (!job->dropped)
                work_.store(*job);
            job->folder.reset(); // the last to leave syncs it
            gateway.try_put(std::move(job));
            gateway.release_wait();
        });
    }

    const FileRecompressor work_;
    const std::stop_token stop_;
    const std::function<void(const FileReport&)> on_report_;
    std::atomic<bool> dropped_any_{false};
    std::atomic<bool> had_no_lock_{false};
    const std::size_t workers_;
    tbb::global_control parallelism_;
    tbb::task_arena arena_;
    StoreThreads store_threads_;
    std::unique_ptr<Nodes> nodes_;
};

// What may be in flight at once. Outlives the jobs.
struct Bounds {
    explicit Bounds(const RecompressOptions& options)
        : places(32 + 4 * worker_count(options.jobs)), memory(options.memory) {}
    Budget places;
    Budget memory; // bytes
};

// Walks, opens and reads; waits for the bounds. One thread.
class Door {
  public:
    Door(const RecompressOptions& options, const Route& route, TargetTree& target, Bounds& bounds,
         Graph& graph, std::stop_token stop)
        : options_(options), route_(route), target_(target), bounds_(bounds), graph_(graph),
          stop_(std::move(stop)), walk_(route.source) {
        struct stat root {};
        if (::fstat(target_.get(), &root) == 0)
            walk_.never_enter(root.st_dev, root.st_ino);
        if (route_.is_tree && ::stat(route_.source.c_str(), &root) == 0)
            target_.never_open(root.st_dev, root.st_ino);
        if (!route_.is_tree)
            return;
        const auto& told = options_.destination_folds_case;
        if (told ? *told : target_.folds_case())
            names_.emplace();
    }

    // Whether nothing was left out at the door because of a stop.
    [[nodiscard]] bool ended() const { return !stopped_; }
    [[nodiscard]] std::uint64_t left_out() const { return walk_.left_out(); }

    void feed_tree() {
        while (!stopped_) {
            const auto entry = walk_.next();
            if (!entry)
                return;
            stopped_ = stop_.stop_requested();
            if (!stopped_)
                feed(*entry);
        }
    }

    void feed_file() {
        auto job = start(route_.source);
        if (!job)
            return;
        const auto folder = target_.folder({});
        if (!folder)
            return failed(std::move(job), folder.error().text);
        job->folder = *folder;
        job->name = route_.name.string();
        std::error_code error; // a link named by the user is meant
        read(std::move(job), fs::canonical(route_.source, error));
    }

  private:
    void feed(const TreeEntry& entry) {
        using Kind = TreeEntry::Kind;
        const auto path = entry.path.empty() ? route_.source : route_.source / entry.path;
        const bool is_folder = entry.kind == Kind::folder; // made even if it is empty
        if (names_ && !entry.path.empty() && entry.kind != Kind::error &&
            !names_->add(entry.path)) {
            if (is_folder)
                walk_.skip_folder();
            return refuse_name(path, is_folder);
        }
        const auto folder = target_.folder(is_folder ? entry.path : entry.path.parent_path());
        if (is_folder && folder)
            return;
        auto job = start(path);
        if (!job)
            return;
        if (!folder)
            return failed(std::move(job), folder.error().text);
        job->folder = *folder;
        job->name = entry.path.filename().string();
        if (entry.kind == Kind::error)
            return failed(std::move(job), "read the folder: " + entry.error);
        if (entry.kind == Kind::special)
            return failed(std::move(job), "not a regular file");
        if (entry.kind == Kind::link)
            return link(std::move(job), path);
        read(std::move(job), path);
    }

    void refuse_name(const fs::path& path, bool is_folder) {
        if (auto job = start(path))
            failed(std::move(job),
                   fmt::format("the destination does not tell upper from lower case, and another "
                               "entry of the folder has this name there{}",
                               is_folder ? "; nothing in it was done" : ""));
    }

    // nullptr: stopped.
    JobPtr start(const fs::path& path) {
        auto place = bounds_.places.acquire(1, stop_);
        stopped_ = stopped_ || !place;
        if (!place)
            return nullptr;
        auto job = std::make_shared<FileJob>();
        job->report.path = path.string();
        job->place = std::move(*place);
        return job;
    }

    void failed(JobPtr job, std::string text) {
        job->report.fail(std::move(text));
        job->source = {};
        job->folder.reset(); // the last to leave syncs it, and not in a node
        graph_.report(std::move(job));
    }

    void read(JobPtr job, const fs::path& path) {
        auto source = SourceFile::open(path);
        if (!source)
            return failed(std::move(job), source.error().text);
        job->source = std::move(*source);
        const auto size = job->source.size();
        job->report.bytes_in = size;
        if (!take(job->bytes, size))
            return;
        if (const auto loaded = job->source.load(read_whole()); !loaded)
            return failed(std::move(job), loaded.error().text);
        // Nobody else takes of the memory, so what is left of it comes free: then this runs alone.
        const auto rest = bounds_.memory.total() - job->bytes.bytes();
        if (!take(job->work, std::min(rest, graph_.work().work_bytes(job->source.bytes()))))
            return;
        graph_.submit(std::move(job));
    }

    // Whether there was memory before a stop.
    bool take(Credit& credit, std::uint64_t bytes) {
        auto taken = bounds_.memory.acquire(bytes, stop_);
        stopped_ = stopped_ || !taken;
        if (taken)
            credit = std::move(*taken);
        return taken.has_value();
    }

    void link(JobPtr job, const fs::path& path) {
        std::error_code error;
        const auto text = fs::read_symlink(path, error);
        if (error)
            return failed(std::move(job), "read the link: " + error.message());
        if (auto made = make_link(job->folder->get(), job->name, text.string()); !made)
            return failed(std::move(job), made.error().text);
        job->folder->changed();
        job->report.status = FileStatus::copied;
        job->report.reason = "symlink";
        job->folder.reset();
        graph_.report(std::move(job));
    }

    [[nodiscard]] std::uint64_t read_whole() const {
        return std::min(options_.read_whole, options_.memory / 4);
    }

    const RecompressOptions& options_;
    const Route& route_;
    TargetTree& target_;
    Bounds& bounds_;
    Graph& graph_;
    const std::stop_token stop_;
    TreeWalk walk_;
    std::optional<FoldedNames> names_; // if the destination folds case
    bool stopped_ = false;             // and something was left out
};

// What was named may have become something else since it was checked.
Status check_opened(const Route& route, const TargetTree& target) {
    std::error_code error;
    const auto opened = fs::read_symlink(fmt::format("/proc/self/fd/{}", target.get()), error);
    if (error || !route.is_tree)
        return {};
    if (lies_within(opened, route.source) || lies_within(route.source, opened))
        return fail(ErrorCode::conflict, fmt::format("the destination {} and the source {} overlap",
                                                     opened.string(), route.source.string()));
    return {};
}

} // namespace

Recompression::Recompression(RecompressOptions options, const Transcoder& transcoder,
                             OnReport on_report)
    : options_(std::move(options)), transcoder_(transcoder), on_report_(std::move(on_report)) {}

Status Recompression::run(const Route& route, std::stop_token stop) {
    auto target = TargetTree::open(route.destination);
    if (!target)
        return tl::unexpected(target.error());
    if (auto apart = check_opened(route, *target); !apart)
        return apart;
    const auto on_report = [this](const FileReport& report) {
        ++progress_.files;
        if (report.status == FileStatus::failed) {
            ++progress_.failed;
        } else {
            progress_.bytes_in += report.bytes_in;
            progress_.bytes_out += report.bytes_out;
        }
        on_report_(report);
    };
    {
        Bounds bounds(options_);
        Graph graph(options_, transcoder_, stop, on_report);
        Door door(options_, route, *target, bounds, graph, stop);
        if (route.is_tree)
            door.feed_tree();
        else
            door.feed_file();
        graph.finish();
        complete_ = door.ended() && !graph.dropped_any();
        if (door.left_out() > 0)
            notes_.push_back(fmt::format("{} temporary files of runs that did not end were left "
                                         "out",
                                         door.left_out()));
        if (graph.had_no_lock())
            notes_.emplace_back("the destination has no file locks: nothing keeps another run from "
                                "writing the same files");
    }
    problems_ = target->problems();
    return {};
}

} // namespace dcmflow::recompress
