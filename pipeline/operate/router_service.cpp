#include "pipeline/operate/router_service.h"

#include <nlohmann/json.hpp>

namespace dcmflow {

namespace {

std::vector<std::string> names_of(const Config& config) {
    std::vector<std::string> names;
    for (const auto& destination : config.destinations)
        names.push_back(destination.name);
    return names;
}

nlohmann::json flow_json(const FlowCounters& counters) {
    nlohmann::json reasons = nlohmann::json::object();
    for (std::size_t i = 0; i < counters.reasons.size(); ++i)
        if (const auto count = counters.reasons[i].load(); count > 0)
            reasons[std::string(to_string(static_cast<TranscodeReason>(i)))] = count;
    return {{"instances", counters.instances.load()}, {"encoded", counters.made.load()},
            {"reused", counters.reused.load()},       {"bytes_in", counters.bytes_in.load()},
            {"bytes_out", counters.bytes_out.load()}, {"failures", counters.failures.load()},
            {"reasons", reasons}};
}

void add_status(Router& router, nlohmann::json& status) {
    const auto& intake = router.intake_counters();
    status["received"] = {{"objects", intake.received.load()},     {"bytes", intake.bytes.load()},
                          {"duplicates", intake.duplicates.load()}, {"versions", intake.versions.load()},
                          {"refused", intake.refused.load()},      {"unreadable", intake.unreadable.load()}};
    status["flow"] = flow_json(router.flow_counters());
    const auto& workers = router.codec_worker_counters();
    status["codec_workers"] = {{"started", workers.started.load()},
                               {"decoded", workers.decoded.load()},
                               {"died", workers.died.load()},
                               {"timed_out", workers.timed_out.load()},
                               {"lied", workers.lied.load()},
                               {"not_started", workers.not_started.load()},
                               {"out_of_memory", workers.out_of_memory.load()}};
    status["memory"] = {{"budget", router.budget().total()},
                        {"used", router.budget().used()},
                        {"peak", router.budget().peak()}};
    const auto usage = router.spool().blobs().usage();
    status["disk"] = {{"bytes", usage.bytes}, {"free", usage.disk_free}};
    nlohmann::json lanes = nlohmann::json::object();
    for (const auto& destination : router.config().destinations)
        if (const Lane* lane = router.lane(destination.name)) {
            const auto live = lane->status();
            lanes[destination.name] = {{"state", to_string(live.state)},
                                       {"window", live.window},
                                       {"sending_links", live.links},
                                       {"delivered", live.delivered},
                                       {"bytes", live.bytes},
                                       {"warnings", live.warnings},
                                       {"object_failures", live.object_failures},
                                       {"link_failures", live.link_failures},
                                       {"redirected", live.redirected}};
        }
    status["destinations"] = lanes;
}

} // namespace

RouterService::RouterService(Router& router, Logger& logger)
    : service_(router.spool(), names_of(router.config()),
               {.lane = [&router](const std::string& name) { return router.lane(name); },
                .decide_again = [&router](const InstanceRow& row) { return router.decide_again(row); },
                .add_status = [&router](nlohmann::json& status) { add_status(router, status); }},
               logger) {}

Result<std::unique_ptr<RouterService>> RouterService::start(Router& router, Logger& logger) {
    std::unique_ptr<RouterService> service(new RouterService(router, logger));
    auto server = ControlServer::start(router.config().node.data, service->service_, logger);
    if (!server)
        return tl::unexpected(server.error());
    service->server_ = std::move(*server);
    return service;
}

} // namespace dcmflow
