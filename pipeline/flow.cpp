#include "pipeline/flow.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/committer.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/syntax_ladder.h"

#include <algorithm>
#include <exception>
#include <thread>

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

namespace dcmflow {

namespace {

// A result in memory while it is small, in its derived blob once it is not.
class DerivedSink final : public ByteSink {
  public:
    DerivedSink(Spool& spool, const InstanceRow& row, std::string_view syntax, std::uint64_t in_memory)
        : spool_(spool), row_(row), syntax_(syntax), in_memory_(in_memory) {}

    bool write(std::span<const std::byte> bytes) override {
        if (!writer_ && made_.bytes.size() + bytes.size() > in_memory_ && !spill())
            return false;
        made_.size += bytes.size();
        if (writer_)
            return writer_->write(bytes).has_value();
        made_.bytes.insert(made_.bytes.end(), bytes.begin(), bytes.end());
        return true;
    }

    bool patch(std::uint64_t offset, std::span<const std::byte> bytes) override {
        if (offset + bytes.size() > made_.size)
            return false;
        if (writer_)
            return writer_->patch(header_ + offset, bytes).has_value();
        std::copy(bytes.begin(), bytes.end(), made_.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        return true;
    }

    [[nodiscard]] Made take(TranscodeReason reason) {
        made_.reason = reason;
        if (reason == TranscodeReason::ok)
            made_.writer = std::move(writer_);
        else
            made_.bytes = {};
        return std::move(made_);
    }

  private:
    bool spill() {
        auto writer = spool_.blobs().create_derived(Spool::derived_name(row_.id, syntax_));
        if (!writer)
            return false;
        const auto meta = make_file_meta(row_.instance.sop_class_uid, row_.instance.sop_instance_uid, syntax_,
                                         row_.origin.calling_aet);
        header_ = meta.size();
        writer_ = std::move(*writer);
        const bool written =
            writer_->write(meta).has_value() && writer_->write(made_.bytes).has_value();
        made_.bytes = {};
        return written;
    }

    Spool& spool_;
    const InstanceRow& row_;
    std::string_view syntax_;
    std::uint64_t in_memory_;
    std::uint64_t header_ = 0;
    std::unique_ptr<BlobWriter> writer_;
    Made made_;
};

// priority_queue_node gives the greatest first: urgent before bulk, then what came first.
struct LessUrgent {
    bool operator()(const JobPtr& a, const JobPtr& b) const {
        const auto urgency_a = a->urgency();
        const auto urgency_b = b->urgency();
        if (urgency_a != urgency_b)
            return urgency_a > urgency_b;
        return a->lease.row().id > b->lease.row().id;
    }
};

// Frames of one object over the cores of the arena. Isolated: a thread that waits here must not start another job.
void parallel_frames(std::size_t count, const std::function<void(std::size_t)>& body) {
    if (count < 2) {
        for (std::size_t i = 0; i < count; ++i)
            body(i);
        return;
    }
    tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::size_t{0}, count, body); });
}

int worker_count(int wanted) {
    return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

} // namespace

struct Flow::Graph {
    Graph(const FlowOptions& options_, const Config& config_, Spool& spool_, const Transcoder& transcoder_,
          const AcceptanceBook& acceptance_, Logger& logger_)
        : options(options_), config(config_), spool(spool_), transcoder(transcoder_), acceptance(acceptance_),
          logger(logger_), committer(spool_, logger_),
          parallelism(tbb::global_control::max_allowed_parallelism,
                      static_cast<std::size_t>(worker_count(options_.workers)) + 1),
          arena(worker_count(options_.workers), 0) {
        // A graph runs in the arena of the thread that makes it.
        arena.execute([&] { nodes = std::make_unique<Nodes>(*this); });
    }

    struct Nodes {
        explicit Nodes(Graph& owner)
            : arrivals(graph), route(graph, workers(owner), [&owner](JobPtr job) {
                  owner.guarded(job, [&] { owner.route(*job); });
                  return job;
              }),
              routed(graph), transcode(graph, workers(owner), [&owner](JobPtr job) {
                  owner.guarded(job, [&] { owner.transcode(*job); });
                  return job;
              }),
              commit(graph, tbb::flow::serial, [&owner](JobPtr job) {
                  owner.commit(std::move(job));
                  return tbb::flow::continue_msg{};
              }) {
            tbb::flow::make_edge(arrivals, route);
            tbb::flow::make_edge(route, routed);
            tbb::flow::make_edge(routed, transcode);
            tbb::flow::make_edge(transcode, commit);
        }
        static std::size_t workers(const Graph& owner) {
            return static_cast<std::size_t>(worker_count(owner.options.workers));
        }

        tbb::flow::graph graph;
        tbb::flow::priority_queue_node<JobPtr, LessUrgent> arrivals;
        // Rejecting: jobs wait in the queue before the node, where the urgent ones overtake.
        tbb::flow::function_node<JobPtr, JobPtr, tbb::flow::rejecting> route;
        tbb::flow::priority_queue_node<JobPtr, LessUrgent> routed;
        tbb::flow::function_node<JobPtr, JobPtr, tbb::flow::rejecting> transcode;
        tbb::flow::function_node<JobPtr, tbb::flow::continue_msg> commit;
    };

    // The wall of the node bodies: whatever a body throws becomes "send the original", never a lost job.
    template <class Body> void guarded(const JobPtr& job, const Body& body) {
        if (cancelled)
            return;
        try {
            body();
            return;
        } catch (const std::exception& error) {
            report(*job, error.what());
        } catch (...) {
            report(*job, "unknown exception");
        }
        job->made.clear();
        job->planned.clear();
        plan_originals(*job, to_string(TranscodeReason::internal));
    }

    void report(const Job& job, std::string_view what) {
        ++counters.failures;
        logger.log(LogLevel::error, "flow_failure",
                   {{"sop_instance_uid", job.lease.row().instance.sop_instance_uid},
                    {"error", std::string(what)}});
    }

    static void plan_originals(Job& job, std::string_view reason) {
        for (const auto& delivery : job.lease.deliveries())
            job.planned.push_back(
                {delivery.id, job.lease.row().instance.transfer_syntax_uid, std::string(reason)});
    }

    void route(Job& job) {
        read_header(job);
        std::optional<SizeTrial> trial;
        if (job.opened)
            trial.emplace(transcoder, job.opened->data_set(), job.lease.row().instance.transfer_syntax_uid);
        for (const auto& delivery : job.lease.deliveries()) {
            auto ladder = ladder_for(delivery, job, trial ? &*trial : nullptr);
            if (!trial && !ladder.reason.empty() && !job.unreadable.empty())
                ladder.reason = job.unreadable;
            job.candidates.push_back(std::move(ladder));
        }
    }

    void read_header(Job& job) {
        const auto& instance = job.lease.row().instance;
        const auto file = job.blob->bytes();
        const auto meta = read_file_meta(file);
        if (!meta)
            return;
        auto opened = OpenedDataSet::open(file.subspan(static_cast<std::size_t>(meta->dataset_offset)),
                                          instance.transfer_syntax_uid);
        if (opened)
            job.opened.emplace(std::move(*opened));
        else
            job.unreadable = to_string(opened.error().fault);
    }

    [[nodiscard]] SyntaxLadder ladder_for(const Delivery& delivery, const Job& job, SizeTrial* trial) const {
        const auto* destination = config.destination(delivery.destination);
        static const std::vector<std::string> original{"original"};
        return make_ladder(destination != nullptr ? destination->syntax : original, delivery.destination,
                           job.lease.row().instance, trial, &acceptance);
    }

    void transcode(Job& job) {
        if (!job.planned.empty())
            return; // route failed: the originals are planned already
        const auto& source = job.lease.row().instance.transfer_syntax_uid;
        for (std::size_t i = 0; i < job.candidates.size(); ++i) {
            PlannedSyntax planned{job.lease.deliveries()[i].id, source, job.candidates[i].reason};
            bool grew = false; // then what `auto` puts after it would grow too
            for (const auto& syntax : job.candidates[i].steps) {
                if (grew && is_auto(job.candidates[i], syntax))
                    continue;
                planned.syntax = syntax;
                if (syntax == source)
                    break;
                const auto reason = make_for(job, job.candidates[i], syntax);
                if (reason == TranscodeReason::ok) {
                    planned.pixel_digest = job.made.find(syntax)->second.pixel_digest;
                    break;
                }
                planned.syntax = source;
                if (planned.reason.empty())
                    planned.reason = to_string(reason);
                if (lies_in_source(reason))
                    break;
                grew = grew || (reason == TranscodeReason::incompressible && is_auto(job.candidates[i], syntax));
            }
            job.planned.push_back(std::move(planned));
        }
    }

    static bool is_auto(const SyntaxLadder& ladder, const std::string& syntax) {
        return std::find(ladder.if_smaller.begin(), ladder.if_smaller.end(), syntax) != ladder.if_smaller.end();
    }

    TranscodeReason make_for(Job& job, const SyntaxLadder& ladder, const std::string& syntax) {
        const auto reason = make(job, syntax);
        if (reason != TranscodeReason::ok || !is_auto(ladder, syntax))
            return reason;
        const auto& made = job.made.find(syntax)->second;
        const auto& instance = job.lease.row().instance;
        const bool smaller =
            made.cached || made.size < auto_must_beat(instance.transfer_syntax_uid, instance.bytes);
        return smaller ? reason : TranscodeReason::incompressible;
    }

    // Makes one syntax once per job, however many destinations want it.
    TranscodeReason make(Job& job, const std::string& syntax) {
        if (const auto found = job.made.find(syntax); found != job.made.end())
            return found->second.reason;
        const auto& row = job.lease.row();
        if (spool.blobs().exists(Spool::derived_name(row.id, syntax))) {
            ++counters.reused;
            job.made[syntax] = Made{.reason = TranscodeReason::ok, .cached = true};
            return TranscodeReason::ok;
        }
        DerivedSink sink(spool, row, syntax, options.in_memory);
        TranscodeOptions how;
        how.verify = options.verify == Verify::always ||
                     (options.verify == Verify::sample && row.id % options.sample_every == 0);
        how.for_each_frame = parallel_frames;
        how.source_bytes = row.instance.bytes;
        how.decode_lossy = true; // the ladder has such a step only for a peer that takes nothing else
        const auto outcome =
            transcoder.transcode(job.opened->data_set(), row.instance.transfer_syntax_uid, syntax, how, sink);
        count(outcome);
        if (outcome.reason == TranscodeReason::verify_failed)
            logger.log(LogLevel::alarm, "verify_failed",
                       {{"sop_instance_uid", row.instance.sop_instance_uid},
                        {"syntax", std::string(codecs::display_name(syntax))}});
        auto& made = job.made[syntax] = sink.take(outcome.reason);
        made.pixel_digest = outcome.pixel_digest;
        return outcome.reason;
    }

    void count(const TranscodeOutcome& outcome) {
        const auto index = static_cast<std::size_t>(outcome.reason);
        if (index < counters.reasons.size())
            ++counters.reasons[index];
        if (outcome.reason == TranscodeReason::ok) {
            ++counters.made;
            counters.bytes_in += outcome.bytes_in;
            counters.bytes_out += outcome.bytes_out;
        }
    }

    void commit(JobPtr job) {
        if (cancelled)
            return; // the lease goes back with the last pointer
        ++counters.instances;
        committer.push(std::move(job));
    }

    const FlowOptions options;
    const Config& config;
    Spool& spool;
    const Transcoder& transcoder;
    const AcceptanceBook& acceptance;
    Logger& logger;
    FlowCounters counters;
    std::atomic<bool> cancelled{false};
    Committer committer;
    tbb::global_control parallelism;
    tbb::task_arena arena;
    std::unique_ptr<Nodes> nodes;
};

Flow::Flow(const FlowOptions& options, const Config& config, Spool& spool, const Transcoder& transcoder,
           const AcceptanceBook& acceptance, Logger& logger)
    : graph_(std::make_unique<Graph>(options, config, spool, transcoder, acceptance, logger)) {}

Flow::~Flow() {
    drain();
    // Node destructors belong to the graph's arena, like their making.
    graph_->arena.execute([&] { graph_->nodes.reset(); });
}

void Flow::submit(JobPtr job) { graph_->nodes->arrivals.try_put(std::move(job)); }

void Flow::cancel() { graph_->cancelled = true; }

void Flow::drain() {
    graph_->arena.execute([&] { graph_->nodes->graph.wait_for_all(); });
    graph_->committer.drain();
}

const FlowCounters& Flow::counters() const { return graph_->counters; }

} // namespace dcmflow
