// dcmflow check: the config read, every mistake reported, its tests run, and with --connect its
// destinations tried.
#include "pipeline/cli/commands.h"
#include "pipeline/cli/probe.h"
#include "pipeline/cli/table.h"
#include "pipeline/config/values.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace dcmflow::cli {

namespace {

using Json = nlohmann::ordered_json;

void print_json(const Json& object) {
    print_line(object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void report(std::string_view type, const std::vector<ConfigError>& list, bool json) {
    for (const auto& one : list) {
        if (json)
            print_json({{"type", type},
                        {"file", one.file},
                        {"line", one.line},
                        {"column", one.column},
                        {"what", one.what},
                        {"expected", one.expected}});
        else
            talk(printable((type == "warning" ? "warning: " : "") + one.text()));
    }
}

std::string plural(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string target_text(const DestinationConfig& destination) {
    if (const auto* dicom = std::get_if<DicomTarget>(&destination.target)) {
        const bool v6 = dicom->host.find(':') != std::string::npos;
        return fmt::format("{}@{}{}{}:{}", dicom->aet, v6 ? "[" : "", dicom->host, v6 ? "]" : "",
                           dicom->port);
    }
    const auto& folder = std::get<FolderTarget>(destination.target);
    return folder.path.string() + "/" + folder.layout;
}

std::string_view kind_text(const DestinationConfig& destination) {
    return std::holds_alternative<DicomTarget>(destination.target) ? "dicom" : "folder";
}

std::string allow_text(const std::vector<AllowEntry>& allow) {
    std::vector<std::string> all;
    for (const auto& entry : allow)
        all.push_back(entry.network.empty() ? entry.aet : entry.aet + "@" + entry.network);
    return join(std::span<const std::string>(all));
}

std::string listeners_table(const Config& config) {
    Table table({{"address"}, {"port", Align::right}, {"at once", Align::right}, {"allow"}});
    for (const auto& listener : config.dicom)
        table.row({listener.address.empty() ? "all" : listener.address,
                   std::to_string(listener.port), std::to_string(listener.max_associations),
                   allow_text(listener.allow)});
    return table.text(2);
}

std::string destinations_table(const Config& config) {
    Table table({{"name"}, {"kind"}, {"at once", Align::right}, {"syntax"}, {"target"}});
    for (const auto& one : config.destinations)
        table.row({one.name, std::string(kind_text(one)), std::to_string(one.associations),
                   join(std::span<const std::string>(one.syntax)), target_text(one)});
    return table.text(2);
}

// A condition on one line, whatever it was in the file.
std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!space)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    return out.substr(0, out.find_last_not_of(' ') + 1);
}

std::string rules_table(const Config& config) {
    Table table({{"#", Align::right}, {"rule"}, {"send"}, {"priority"}, {"when"}});
    std::size_t number = 0;
    for (const auto& rule : config.rules->rules()) {
        auto send = join(std::span<const std::string>(rule.send));
        if (rule.stop)
            send += send.empty() ? "(stop)" : " (stop)";
        table.row({std::to_string(++number), printable(rule.name), std::move(send),
                   rule.priority ? std::string(rules::to_string(*rule.priority)) : "",
                   rule.when ? printable(one_line(rule.when->text())) : "always"});
    }
    const auto& unmatched = config.rules->unmatched();
    table.row({"", "unmatched",
               unmatched.disposition == rules::Disposition::hold   ? "(hold)"
               : unmatched.disposition == rules::Disposition::drop ? "(drop)"
                                                                   : unmatched.destination,
               "", "no rule matched"});
    return table.text(2);
}

void print_summary(const Config& config) {
    print(fmt::format("Node {}, data in {}, {} of memory, disk quota {}\n\n", config.node.ae_title,
                      config.node.data.string(), human_size(config.node.memory),
                      config.node.disk_quota == 0 ? "none" : human_size(config.node.disk_quota)));
    print("Listeners\n" + listeners_table(config));
    if (!config.destinations.empty())
        print("\nDestinations\n" + destinations_table(config));
    print("\nRules\n" + rules_table(config));
}

void print_tests(const Config& config, const std::vector<ConfigError>& failures) {
    if (config.tests.empty())
        return;
    Table table({{"test"}, {""}});
    for (const auto& test : config.tests) {
        const bool failed =
            std::any_of(failures.begin(), failures.end(), [&](const ConfigError& failure) {
                return failure.line == test.line && failure.column == test.column;
            });
        table.row({printable(test.name), failed ? "FAILED" : "passed"});
    }
    print("\nTests\n" + table.text(2));
}

// Tries every destination; how many could not be reached.
std::size_t connect_all(const Config& config, bool json) {
    std::vector<ProbeReport> reports;
    for (const auto& destination : config.destinations) {
        talk(fmt::format("connecting to {} …", destination.name));
        reports.push_back(probe(destination));
        if (json)
            print(probe_json(reports.back()));
    }
    if (!json && !reports.empty())
        print("\nConnections\n" + probe_table(reports));
    return static_cast<std::size_t>(std::count_if(
        reports.begin(), reports.end(), [](const ProbeReport& one) { return !one.ok(); }));
}

int run_check(const Shared& shared, bool connect) {
    const auto file = shared.config_file();
    const auto config = load_config(file);
    if (!config) {
        report("error", config.error(), shared.json);
        talk(printable(
            fmt::format("{}: {}", file.string(), plural(config.error().size(), "error"))));
        return exit_config;
    }
    report("warning", config->warnings, shared.json);
    if (!shared.json)
        print_summary(*config);
    const auto failures = run_config_tests(*config);
    if (!shared.json)
        print_tests(*config, failures);
    report("test_failure", failures, shared.json);
    const auto unreachable = connect ? connect_all(*config, shared.json) : 0;

    const auto passed = config->tests.size() - failures.size();
    if (shared.json)
        print_json({{"type", "summary"},
                    {"file", file.string()},
                    {"listeners", config->dicom.size()},
                    {"destinations", config->destinations.size()},
                    {"rules", config->rules->rules().size()},
                    {"warnings", config->warnings.size()},
                    {"tests", config->tests.size()},
                    {"tests_passed", passed},
                    {"unreachable", connect ? Json(unreachable) : Json(nullptr)}});
    talk(printable(fmt::format(
        "{}: no errors, {}, {} of {} passed{}", file.string(),
        plural(config->warnings.size(), "warning"), passed, plural(config->tests.size(), "test"),
        unreachable == 0 ? ""
                         : fmt::format(", {} unreachable", plural(unreachable, "destination")))));
    if (!failures.empty() || (unreachable > 0 && unreachable == config->destinations.size()))
        return exit_failed;
    return unreachable > 0 ? exit_partly : exit_ok;
}

} // namespace

Run setup_check(CLI::App& app, Shared& shared) {
    const auto connect = std::make_shared<bool>(false);
    app.add_flag("--connect", *connect, "Also try every destination: connect, associate, C-ECHO");
    example(app, "dcmflow check -c /etc/dcmflow/dcmflow.yaml --connect");
    return [&shared, connect] { return run_check(shared, *connect); };
}

} // namespace dcmflow::cli
