#include "pipeline/cli/probe.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/syntax_ladder.h"
#include "pipeline/cli/cli.h"
#include "pipeline/cli/table.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace dcmflow::cli {

namespace {

// CT, MR, CR, DX, US, US multi-frame, secondary capture, PET, enhanced CT, basic text SR.
constexpr std::array<std::string_view, 10> storage_classes{
    "1.2.840.10008.5.1.4.1.1.2",     "1.2.840.10008.5.1.4.1.1.4",   "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",   "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.7",     "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.88.11",
};

} // namespace

std::vector<Need> probe_needs(const DestinationConfig& destination) {
    std::vector<std::string> uids;
    const auto add = [&](std::string_view uid) {
        if (std::find(uids.begin(), uids.end(), uid) == uids.end())
            uids.emplace_back(uid);
    };
    for (const auto uid : proposed_syntaxes(destination.syntax))
        add(uid);
    for (const auto& name : destination.syntax)
        if (name == "original") { // most likely one of the uncompressed ones
            add(codecs::uid::explicit_le);
            add(codecs::uid::implicit_le);
        }
    std::vector<Need> needs;
    for (const auto sop_class : storage_classes)
        needs.push_back({std::string(sop_class), uids});
    return needs;
}

bool ProbeReport::ok() const {
    return !steps.empty() &&
           std::all_of(steps.begin(), steps.end(), [](const ProbeStep& step) { return step.ok; });
}

ProbeReport probe(const DestinationConfig& destination) {
    const auto needs = probe_needs(destination);
    return {destination.name, make_destination(destination)->probe(needs)};
}

std::string probe_table(const std::vector<ProbeReport>& reports) {
    Table table({{"destination"}, {"step"}, {""}, {"took", Align::right}, {"detail"}});
    for (const auto& report : reports) {
        auto name = report.destination;
        for (const auto& step : report.steps)
            table.row({std::exchange(name, ""), step.what, step.ok ? "ok" : "FAILED",
                       human_duration(step.took), printable(step.detail)});
    }
    return table.text(2);
}

std::string probe_json(const ProbeReport& report) {
    std::string lines;
    for (const auto& step : report.steps) {
        const nlohmann::ordered_json object{
            {"type", "probe"}, {"destination", report.destination}, {"step", step.what},
            {"ok", step.ok},   {"took_us", step.took.count()},      {"detail", step.detail}};
        lines += object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
    }
    return lines;
}

} // namespace dcmflow::cli
