// dcmflow recompress: a file or a folder of DICOM files, losslessly in another transfer syntax,
// into another place.
#include "pipeline/recompress/recompress.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/recompress_output.h"
#include "pipeline/config/values.h"
#include "pipeline/dicom/size_trial.h"
#include "pipeline/worker/sandboxed_transcoder.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <fmt/format.h>
#include <malloc.h>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace dcmflow::cli {

namespace {

constexpr std::string_view automatic = "auto";

struct Options {
    std::string source;
    std::string destination;
    std::string to;
    std::string report;
    int jobs = 0;
    std::uint64_t memory = 1ULL << 30;
};

std::vector<std::string_view> target_names() {
    std::vector<std::string_view> names;
    for (const auto& syntax : codecs::transfer_syntaxes())
        if (syntax.can_write)
            names.push_back(syntax.name);
    names.push_back(automatic);
    return names;
}

// The UID, empty for auto; or what is wrong with the name.
tl::expected<std::string, std::string> parse_target(const std::string& name) {
    if (name == automatic)
        return std::string();
    if (name == "original")
        return tl::unexpected(std::string("--to original would only copy; name a transfer syntax"));
    const auto* syntax = codecs::find_by_name(name);
    if (syntax != nullptr && syntax->can_write)
        return std::string(syntax->uid);
    const auto names = target_names();
    const auto near = nearest(name, names);
    return tl::unexpected(fmt::format(
        "--to {}: {}{}; expected one of {}", printable(name),
        syntax != nullptr ? "we read it, but do not write it" : "no such transfer syntax",
        near.empty() ? "" : fmt::format("; did you mean {}?", near), join(names)));
}

// Takes SIGINT and SIGTERM from the moment it is made (before any other thread), and shows the
// progress.
class Watch {
  public:
    Watch() {
        sigemptyset(&signals_);
        for (const int signal : {SIGTERM, SIGINT})
            sigaddset(&signals_, signal);
        ::pthread_sigmask(SIG_BLOCK, &signals_, &old_);
    }
    ~Watch() {
        thread_ = {};
        ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void start(const recompress::Recompression& run, RecompressOutput& output) {
        thread_ = std::jthread([this, &run, &output](std::stop_token done) {
            while (!done.stop_requested()) {
                const timespec tick{0, 100'000'000};
                if (::sigtimedwait(&signals_, nullptr, &tick) > 0)
                    on_signal(output);
                else
                    output.show_progress(run.progress());
            }
        });
    }
    void end() { thread_ = {}; }
    [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

  private:
    void on_signal(RecompressOutput& output) {
        if (stop_.request_stop()) {
            output.say("dcmflow: stopping: the files in hand are finished first; a second signal "
                       "ends it at once");
            return;
        }
        std::signal(SIGTERM, SIG_DFL);
        ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
        std::raise(SIGTERM);
    }
    sigset_t signals_{};
    sigset_t old_{};
    std::stop_source stop_;
    std::jthread thread_;
};

int usage_error(std::string_view text) {
    complain(printable(text));
    talk("See `dcmflow recompress --help`.");
    return exit_usage;
}

CodecWorkersOptions workers_of(const Options& options) {
    CodecWorkersOptions workers;
    workers.count = static_cast<unsigned>(options.jobs);
    workers.on_event = [](const WorkerEvent& event) {
        complain(printable(
            fmt::format("a codec worker {} on a {} frame: {}", to_string(event.kind),
                        codecs::display_name(event.syntax),
                        event.text.empty() ? fmt::format("signal {}", event.signal) : event.text)));
    };
    return workers;
}

int exit_code(const recompress::Totals& totals, bool stopped, bool complete) {
    const bool nothing_worked = totals.failed > 0 && totals.all.files == 0;
    if (stopped || !complete || nothing_worked)
        return exit_failed;
    return totals.failed > 0 ? exit_partly : exit_ok;
}

// Frames go back to the system when they are done with. Else glibc keeps them, for each thread
// those of its last object, and --memory bounds only what is in use.
void give_frames_back() {
    (void)::mallopt(M_MMAP_THRESHOLD, 4 << 20);
    (void)::mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

int recompress_route(const Shared& shared, const Options& options, const std::string& target_uid,
                     const recompress::Route& route) {
    give_frames_back();
    Watch watch;
    SandboxedTranscoder codecs(workers_of(options));
    RecompressOutput output(shared.json);
    if (!options.report.empty())
        if (const auto opened = output.open_report(options.report); !opened) {
            if (opened.error().code == ErrorCode::invalid_argument)
                return usage_error(opened.error().text);
            complain(printable(opened.error().text));
            return exit_failed;
        }
    recompress::RecompressOptions how;
    how.target_uid = target_uid;
    how.choose = [&codecs](const DataSet& data_set, std::string_view source) {
        SizeTrial trial(codecs.transcoder(), data_set, source);
        auto ranked = trial.rank(auto_candidates());
        return recompress::Ranking{std::move(ranked), trial.reason()};
    };
    how.jobs = options.jobs;
    how.memory = options.memory;
    recompress::Recompression run(
        std::move(how), codecs.transcoder(),
        [&output](const recompress::FileReport& report) { output.add(report); });
    watch.start(run, output);
    const auto status = run.run(route, watch.stop());
    watch.end();
    if (!status) {
        complain(printable(status.error().text));
        return exit_failed;
    }
    const bool complete = output.finish();
    for (const auto& problem : run.problems())
        complain(printable(problem));
    for (const auto& note : run.notes())
        complain(printable(note));
    const bool stopped = !run.complete();
    if (stopped)
        complain("stopped before the end; what was reported is done");
    else if (output.totals().all.files + output.totals().failed == 0)
        complain("no files there");
    return exit_code(output.totals(), stopped, complete && run.problems().empty());
}

int run_recompress(const Shared& shared, const Options& options) {
    if (options.destination.empty())
        return usage_error(
            "DST is missing: where the results go (recompressing in place is not in this version)");
    const auto target_uid = parse_target(options.to);
    if (!target_uid)
        return usage_error(target_uid.error());
    const auto route = recompress::plan_route(options.source, options.destination);
    if (!route && route.error().code == ErrorCode::invalid_argument)
        return usage_error(route.error().text);
    if (!route) {
        complain(printable(route.error().text));
        return exit_failed;
    }
    if (!options.report.empty())
        if (const auto fits = recompress::check_report(*route, options.report); !fits)
            return usage_error(fits.error().text);
    return recompress_route(shared, options, *target_uid, *route);
}

} // namespace

Run setup_recompress(CLI::App& app, Shared& shared) {
    const auto options = std::make_shared<Options>();
    app.add_option("SRC", options->source,
                   "A DICOM file, or a folder; symbolic links are not followed")
        ->required();
    app.add_option("DST", options->destination, "Where the results go; not inside SRC");
    app.add_option("--to", options->to, "Transfer syntax: " + join(target_names()))
        ->type_name("SYNTAX")
        ->required();
    app.add_option("--report", options->report, "One JSON object per file")
        ->type_name("FILE.jsonl");
    app.add_option("--jobs", options->jobs, "Threads for the codecs (default: all cores)")
        ->type_name("N")
        ->check(CLI::Range(1, 1024));
    app.add_option("--memory", options->memory, "Bound for what is in flight (default 1GiB)")
        ->type_name("SIZE")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::uint64_t{64} << 20, std::uint64_t{1} << 50));
    example(app,
            "dcmflow recompress /archive/2019 /archive-new/2019 --to jpeg-ls --report 2019.jsonl\n"
            "dcmflow recompress image.dcm smaller.dcm --to auto");
    return [&shared, options] { return run_recompress(shared, *options); };
}

} // namespace dcmflow::cli
