// dcmflow version: what is running here, for bug reports.
#include "pipeline/cli/commands.h"
#include "pipeline/cli/table.h"
#include "pipeline/versions.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace dcmflow::cli {

namespace {

int run_version(bool json) {
    if (json) {
        auto libraries = nlohmann::ordered_json::object();
        for (const auto& [name, version] : library_versions())
            libraries[name] = version;
        const nlohmann::ordered_json all{{"dcmflow", dcmflow_version()},
                                         {"libraries", std::move(libraries)}};
        print_line(all.dump());
        return exit_ok;
    }
    print_line("dcmflow " + std::string(dcmflow_version()));
    Table table({{"library"}, {"version"}});
    for (const auto& [name, version] : library_versions())
        table.row({name, version});
    print(table.text(2));
    return exit_ok;
}

} // namespace

Run setup_version(CLI::App& app, Shared& shared) {
    example(app, "dcmflow version -j");
    return [&shared] { return run_version(shared.json); };
}

} // namespace dcmflow::cli
