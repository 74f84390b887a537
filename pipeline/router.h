// Router: one running dcmflow: receivers → spool → flow graph → lanes, put together from a Config.
//
// Owned by `run` (and by tests: several may live in one process, each with its own data folder). start() and stop()
// from one thread; the rest from any thread.
#pragma once

#include "pipeline/acceptance.h"
#include "pipeline/budget.h"
#include "pipeline/config/config.h"
#include "pipeline/feeder.h"
#include "pipeline/flow.h"
#include "pipeline/lane.h"
#include "pipeline/log.h"
#include "pipeline/receive/dimse_receiver.h"
#include "pipeline/receive/intake.h"
#include "pipeline/spool/spool.h"
#include "pipeline/worker/sandboxed_transcoder.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dcmflow {

class Router {
  public:
    // Opens the spool, takes up what the last run left, starts lanes and receivers. `last_run_crashed`: the last
    // process on this data folder died by its own fault (operate/crash_mark.h).
    [[nodiscard]] static Result<std::unique_ptr<Router>> start(Config config, Logger& logger,
                                                               bool last_run_crashed = false);
    ~Router(); // stop()s if nobody did
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    // Refuses new associations, finishes what is in hand within node.drain, returns the leases.
    void stop();

    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] Spool& spool() { return *spool_; }
    [[nodiscard]] const Budget& budget() const { return budget_; }
    [[nodiscard]] const CodecWorkersCounters& codec_worker_counters() const { return codecs_.workers().counters(); }
    [[nodiscard]] const FlowCounters& flow_counters() const { return flow_->counters(); }
    [[nodiscard]] const IntakeCounters& intake_counters() const { return intake_->counters(); }
    [[nodiscard]] Lane* lane(std::string_view destination); // nullptr: not in the config
    [[nodiscard]] std::vector<std::uint16_t> ports() const; // bound DICOM ports, in config order

    // What today's rules say of an object that is in the spool.
    [[nodiscard]] Result<rules::Decision> decide_again(const InstanceRow& row);

  private:
    Router(Config config, Logger& logger);
    [[nodiscard]] Status open_spool(bool last_run_crashed);
    [[nodiscard]] Status start_lanes();
    [[nodiscard]] Status start_receivers();
    void try_codec_workers();
    void report_start(const StartReport& report);
    void warn_of_strays();
    void cancel_work();
    void keep_house(const std::stop_token& stop);

    const Config config_;
    Logger& logger_;
    SandboxedTranscoder codecs_;
    Budget budget_;
    // In the order of their making; destroyed in reverse.
    std::unique_ptr<Spool> spool_;
    std::unique_ptr<AcceptanceBook> acceptance_;
    std::unique_ptr<Flow> flow_;
    std::unique_ptr<Feeder> feeder_;
    std::map<std::string, std::unique_ptr<Lane>, std::less<>> lanes_; // constant after start
    std::unique_ptr<Intake> intake_;
    std::vector<std::unique_ptr<DimseReceiver>> receivers_;
    std::jthread housekeeper_;
    bool stopped_ = false;
};

} // namespace dcmflow
