// dcmflow echo: tries destinations step by step and shows where each one stops.
#include "pipeline/cli/commands.h"
#include "pipeline/cli/probe.h"
#include "pipeline/cli/target.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>

namespace dcmflow::cli {

namespace {

struct Options {
    std::vector<std::string> targets;
    std::string calling_aet;
    unsigned timeout = 0;
};

int run_echo(const Shared& shared, const Options& options) {
    auto destinations = find_targets(shared, options.targets, options.calling_aet);
    if (!destinations)
        return destinations.error();
    std::vector<ProbeReport> reports;
    for (auto& destination : *destinations) {
        if (options.timeout > 0) {
            destination.connect_timeout = std::chrono::seconds(options.timeout);
            destination.response_timeout = std::chrono::seconds(options.timeout);
        }
        reports.push_back(probe(destination));
        if (shared.json)
            print(probe_json(reports.back()));
    }
    if (!shared.json)
        print(probe_table(reports));
    const auto good = static_cast<std::size_t>(std::count_if(
        reports.begin(), reports.end(), [](const ProbeReport& report) { return report.ok(); }));
    talk(fmt::format("{} of {} destinations answered", good, reports.size()));
    return good == reports.size() ? exit_ok : good > 0 ? exit_partly : exit_failed;
}

} // namespace

Run setup_echo(CLI::App& app, Shared& shared) {
    const auto options = std::make_shared<Options>();
    app.add_option("DEST", options->targets, "A destination's name in the config, or AET@host:port")
        ->required();
    app.add_option("--calling", options->calling_aet, "Our AE title")->type_name("AET");
    app.add_option("--timeout", options->timeout, "For connecting and for each answer")
        ->type_name("SECONDS")
        ->check(CLI::Range(1U, 3600U));
    example(app, "dcmflow echo archive viewer\n"
                 "dcmflow echo ARCHIVE@10.0.0.5:104 --calling CT01");
    return [&shared, options] { return run_echo(shared, *options); };
}

} // namespace dcmflow::cli
