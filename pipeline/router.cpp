#include "pipeline/router.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/decide.h"
#include "pipeline/deliver/destination.h"
#include "pipeline/dicom/dictionary.h"
#include "pipeline/thread_name.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

namespace dcmflow {

namespace {
constexpr std::chrono::seconds housekeeping_interval{10};

void log_worker_event(Logger& logger, const WorkerEvent& event) {
    if (event.kind == WorkerEvent::Kind::not_started)
        logger.log(LogLevel::error, "codec_worker_not_started",
                   {{"error", event.text}, {"effect", "compressed images go as they are"}});
    else
        logger.log(LogLevel::warning, "codec_worker_lost",
                   {{"how", std::string(to_string(event.kind))},
                    {"pid", std::to_string(event.pid)},
                    {"signal", std::to_string(event.signal)},
                    {"exit", std::to_string(event.exit_code)},
                    {"syntax", std::string(codecs::display_name(event.syntax))},
                    {"said", event.text}});
}

CodecWorkersOptions codec_workers_of(const Config& config, Logger& logger) {
    CodecWorkersOptions options;
    options.count = static_cast<unsigned>(std::max(0, config.node.workers));
    options.on_event = [&logger](const WorkerEvent& event) { log_worker_event(logger, event); };
    return options;
}
} // namespace

Router::Router(Config config, Logger& logger)
    : config_(std::move(config)), logger_(logger), codecs_(codec_workers_of(config_, logger)),
      budget_(config_.node.memory) {}

Router::~Router() { stop(); }

Result<std::unique_ptr<Router>> Router::start(Config config, Logger& logger, bool last_run_crashed) {
    if (!dictionary_is_loaded())
        return fail(ErrorCode::internal, "DCMTK's data dictionary was not found; expected dicom.dic of the package libdcmtk17, "
                                         "or the file that DCMDICTPATH names");
    std::unique_ptr<Router> router(new Router(std::move(config), logger));
    router->try_codec_workers();
    if (auto status = router->open_spool(last_run_crashed); !status)
        return tl::unexpected(status.error());
    if (auto status = router->start_lanes(); !status)
        return tl::unexpected(status.error());
    if (auto status = router->start_receivers(); !status)
        return tl::unexpected(status.error());
    router->housekeeper_ = std::jthread([r = router.get()](const std::stop_token& stop) { r->keep_house(stop); });
    return router;
}

// An installation that can not start one is told so now, not at the first compressed image; what goes as it is
// needs none, so the router starts all the same.
void Router::try_codec_workers() {
    if (codecs_.workers().try_one())
        logger_.log(LogLevel::info, "codec_workers", {{"count", std::to_string(codecs_.workers().count())}});
}

Status Router::open_spool(bool last_run_crashed) {
    SpoolOptions options;
    options.folder = config_.node.data;
    options.quota = config_.node.disk_quota;
    options.keep_free = config_.node.disk_keep_free;
    if (last_run_crashed)
        options.crash_weight = SpoolOptions::own_fault_weight;
    auto spool = Spool::open(options);
    if (!spool)
        return tl::unexpected(spool.error());
    spool_ = std::move(*spool);
    intake_ = std::make_unique<Intake>(*spool_, config_.rules, logger_);
    // Work of the last run is taken up by the lanes' and the feeder's first look, so events before that may pass by.
    spool_->journal().on_work([this](const std::string& destination) {
        if (destination.empty()) {
            feeder_->wake();
        } else if (Lane* found = lane(destination)) {
            found->wake();
        }
    });
    acceptance_ = std::make_unique<AcceptanceBook>(spool_->journal());
    FlowOptions flow;
    flow.workers = config_.node.workers;
    flow.verify = config_.node.verify;
    flow_ = std::make_unique<Flow>(flow, config_, *spool_, codecs_.transcoder(), *acceptance_, logger_);
    feeder_ = std::make_unique<Feeder>(*spool_, budget_, *flow_, logger_);
    for (const auto& destination : config_.destinations)
        lanes_[destination.name] = std::make_unique<Lane>(destination, make_destination(destination), *spool_,
                                                          *acceptance_, logger_);
    const auto report = spool_->start(
        [this](const std::string& blob, std::span<const std::byte> file) { return intake_->adopt(blob, file); });
    if (!report)
        return tl::unexpected(report.error());
    report_start(*report);
    return acceptance_->load();
}

void Router::report_start(const StartReport& report) {
    logger_.log(report.lost > 0 ? LogLevel::alarm : LogLevel::info, "spool_open",
                {{"data", config_.node.data.string()},
                 {"in_graph", std::to_string(report.reclaimed.routing_returned)},
                 {"in_sending", std::to_string(report.reclaimed.sending_returned)},
                 {"held_as_poison", std::to_string(report.reclaimed.held_as_poison)},
                 {"adopted", std::to_string(report.adopted)},
                 {"quarantined", std::to_string(report.quarantined)},
                 {"lost", std::to_string(report.lost)}});
}

Status Router::start_lanes() {
    const auto paused = spool_->journal().paused();
    if (!paused)
        return tl::unexpected(paused.error());
    feeder_->start();
    for (auto& [name, lane] : lanes_)
        lane->start(std::find(paused->begin(), paused->end(), name) != paused->end());
    warn_of_strays();
    return {};
}

// Rows for a destination that the config no longer names would wait in silence.
void Router::warn_of_strays() {
    const auto summary = spool_->journal().summary();
    if (!summary)
        return;
    for (const auto& row : *summary) {
        const auto waiting = row.ready + row.retry + row.sending;
        if (!row.destination.empty() && waiting > 0 && lane(row.destination) == nullptr)
            logger_.log(LogLevel::warning, "destination_unknown",
                        {{"destination", row.destination},
                         {"waiting", std::to_string(waiting)},
                         {"advice", "dcmflow queue move --destination " + row.destination + " --to NAME"}});
    }
}

Status Router::start_receivers() {
    for (const auto& listen : config_.dicom) {
        receivers_.push_back(std::make_unique<DimseReceiver>(listen, *intake_, logger_));
        if (auto status = receivers_.back()->start(); !status)
            return status;
        logger_.log(LogLevel::info, "listening",
                    {{"dicom", config_.node.ae_title + "@" + (listen.address.empty() ? "*" : listen.address) + ":" +
                                   std::to_string(receivers_.back()->port())}});
    }
    return {};
}

void Router::stop() {
    if (stopped_ || !spool_)
        return;
    stopped_ = true;
    const auto deadline = std::chrono::steady_clock::now() + config_.node.drain;
    housekeeper_.request_stop();
    {
        std::vector<std::jthread> stopping;
        for (auto& receiver : receivers_)
            stopping.emplace_back([&receiver, deadline] { receiver->stop(deadline); });
    }
    if (feeder_)
        feeder_->stop();
    if (flow_) {
        std::vector<std::jthread> stopping;
        for (auto& [name, lane] : lanes_)
            stopping.emplace_back([&lane = lane, deadline] { lane->stop(deadline); });
        // Jobs in the graph may finish until the deadline; later ones pass through and go back.
        stopping.emplace_back([this, deadline](const std::stop_token& stop) {
            std::mutex mutex;
            std::condition_variable_any timer;
            std::unique_lock lock(mutex);
            timer.wait_until(lock, stop, deadline, [] { return false; });
            if (!stop.stop_requested())
                cancel_work();
        });
        flow_->drain();
        stopping.back().request_stop();
    }
    spool_->journal().flush();
    spool_->journal().on_work({}); // feeder and lanes go before the journal does
    logger_.log(LogLevel::info, "stopped", {});
}

// The flow first: a frame that finds no decoder now must not end as a job that sends its original.
void Router::cancel_work() {
    flow_->cancel();
    codecs_.workers().stop();
}

Lane* Router::lane(std::string_view destination) {
    const auto found = lanes_.find(destination);
    return found == lanes_.end() ? nullptr : found->second.get();
}

std::vector<std::uint16_t> Router::ports() const {
    std::vector<std::uint16_t> ports;
    for (const auto& receiver : receivers_)
        ports.push_back(receiver->port());
    return ports;
}

Result<rules::Decision> Router::decide_again(const InstanceRow& row) {
    auto blob = spool_->open_verified(row);
    if (!blob)
        return tl::unexpected(blob.error());
    return decide_stored(*config_.rules, row, (*blob)->bytes());
}

void Router::keep_house(const std::stop_token& stop) {
    name_this_thread("housekeeper");
    std::mutex mutex;
    std::condition_variable_any timer;
    bool was_healthy = true;
    while (!stop.stop_requested()) {
        try {
            codecs_.workers().trim();
            const auto evicted = spool_->evict(
                unix_ms_now() -
                std::chrono::duration_cast<std::chrono::milliseconds>(config_.node.keep_delivered).count());
            if (!evicted)
                logger_.log(LogLevel::error, "evict_failed", {{"error", evicted.error().text}});
            else if (*evicted > 0)
                logger_.log(LogLevel::info, "evicted", {{"instances", std::to_string(*evicted)}});
        } catch (const std::exception& error) {
            logger_.log(LogLevel::error, "housekeeping_failure", {{"error", error.what()}});
        }
        const bool healthy = spool_->journal().healthy();
        if (!healthy && was_healthy)
            logger_.log(LogLevel::alarm, "journal_failed",
                        {{"advice", "the disk reported an error on a sync; nothing more is accepted. Check the disk, then "
                                    "restart dcmflow"}});
        was_healthy = healthy;
        std::unique_lock lock(mutex);
        timer.wait_for(lock, stop, housekeeping_interval, [] { return false; });
    }
}

} // namespace dcmflow
