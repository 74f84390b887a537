// dcmflow queue: the queue of a running or stopped router; summary, list, show, and what an
// operator may do.

#include "pipeline/cli/commands.h"
#include "pipeline/cli/queue_backend.h"
#include "pipeline/cli/table.h"

#include <CLI/CLI.hpp>
#include <array>
#include <fmt/format.h>
#include <memory>
#include <vector>

namespace dcmflow::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string data;
    std::vector<std::int64_t> ids;
    std::string destination, state, study, series, sop, patient, accession, target;
    std::size_t limit = 0;
    bool unmatched = false;
    bool all = false;

    [[nodiscard]] json filter() const {
        json object = json::object();
        const auto text = [&](const char* key, const std::string& value) {
            if (!value.empty())
                object[key] = value;
        };
        text("destination", destination);
        text("state", state);
        text("study", study);
        text("series", series);
        text("sop", sop);
        text("patient", patient);
        text("accession", accession);
        if (!ids.empty())
            object["ids"] = ids;
        if (unmatched)
            object["unmatched"] = true;
        if (all)
            object["all"] = true;
        if (limit > 0)
            object["limit"] = limit;
        return object;
    }
};
using OptionsPtr = std::shared_ptr<Options>;

void add_filter(CLI::App& app, const OptionsPtr& options) {
    app.add_option("ids", options->ids, "Ids as `queue list` shows them");
    app.add_option("--destination,-d", options->destination, "Only for this destination");
    app.add_option("--state,-s", options->state, "waiting, ready, sending, retry, held, failed");
    app.add_option("--study", options->study, "Study Instance UID");
    app.add_option("--series", options->series, "Series Instance UID");
    app.add_option("--sop", options->sop, "SOP Instance UID");
    app.add_option("--patient", options->patient, "Patient ID");
    app.add_option("--accession", options->accession, "Accession Number");
    app.add_flag("--unmatched", options->unmatched, "Only objects that no rule matched");
}

std::string text_of(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null())
        return "";
    return printable(found->is_string() ? found->get<std::string>() : found->dump());
}
std::string count_of(const json& object, const char* key) {
    const auto number = object.value(key, std::uint64_t{0});
    return number == 0 ? "-" : human_count(number);
}
std::string shown_destination(const json& object) {
    const auto name = text_of(object, "destination");
    return name.empty() ? "(no rule matched)" : name;
}

int show_summary(const Shared& shared, const Options& options) {
    const auto backend = QueueBackend::open(shared, options.data);
    if (!backend)
        return backend.error();
    Table table({{"destination"},
                 {"state"},
                 {"ready", Align::right},
                 {"sending", Align::right},
                 {"retry", Align::right},
                 {"held", Align::right},
                 {"failed", Align::right},
                 {"bytes", Align::right},
                 {"oldest", Align::right},
                 {"last error"}});
    const int code = backend->ask({{"verb", "summary"}}, [&](const json& row) {
        if (shared.json) {
            print_line(row.dump());
            return;
        }
        const auto oldest = row.value("oldest_seconds", std::int64_t{0});
        table.row({shown_destination(row), text_of(row, "state"), count_of(row, "ready"),
                   count_of(row, "sending"), count_of(row, "retry"), count_of(row, "held"),
                   count_of(row, "failed"), human_size(row.value("bytes", std::uint64_t{0})),
                   oldest == 0 ? "-" : human_duration(std::chrono::seconds(oldest)),
                   text_of(row, "last_error")});
    });
    if (code == exit_ok && !shared.json)
        print(table.text());
    return code;
}

int list_rows(const Shared& shared, const Options& options) {
    const auto backend = QueueBackend::open(shared, options.data);
    if (!backend)
        return backend.error();
    Table table({{"id", Align::right},
                 {"destination"},
                 {"state"},
                 {"received"},
                 {"patient"},
                 {"accession"},
                 {"bytes", Align::right},
                 {"syntax"},
                 {"tries", Align::right},
                 {"SOP instance"},
                 {"last error"}});
    std::uint64_t count = 0;
    const int code = backend->ask(
        {{"verb", "list"}, {"filter", options.filter()}},
        [&](const json& row) {
            if (shared.json) {
                print_line(row.dump(-1, ' ', false, json::error_handler_t::replace));
                return;
            }
            table.row({text_of(row, "id"), shown_destination(row), text_of(row, "state"),
                       text_of(row, "received"), text_of(row, "patient_id"),
                       text_of(row, "accession_number"),
                       human_size(row.value("bytes", std::uint64_t{0})), text_of(row, "syntax"),
                       text_of(row, "attempts"), text_of(row, "sop_instance_uid"),
                       text_of(row, "last_error")});
        },
        &count);
    if (code == exit_ok && !shared.json) {
        if (!table.empty())
            print(table.text());
        talk(fmt::format("{} deliveries", human_count(count)));
    }
    return code;
}

int show_row(const Shared& shared, const Options& options) {
    const auto backend = QueueBackend::open(shared, options.data);
    if (!backend)
        return backend.error();
    return backend->ask({{"verb", "show"}, {"id", options.ids.front()}}, [&](const json& row) {
        if (shared.json) {
            print_line(row.dump(-1, ' ', false, json::error_handler_t::replace));
            return;
        }
        for (const auto& [key, value] : row.items())
            if (!value.is_null() && value != "")
                print_line(fmt::format(
                    "{:20} {}", key,
                    printable(value.is_string() ? value.get<std::string>() : value.dump())));
        print_line("");
    });
}

int act(const Shared& shared, const Options& options, const std::string& action) {
    if (options.filter().empty()) {
        complain(fmt::format(
            "nothing chosen: give ids, a filter, or --all (see `dcmflow queue {} --help`)",
            action));
        return exit_usage;
    }
    const auto backend = QueueBackend::open(shared, options.data);
    if (!backend)
        return backend.error();
    std::uint64_t count = 0;
    std::uint64_t sending = 0;
    const int code = backend->ask(
        {{"verb", "act"},
         {"action", action},
         {"filter", options.filter()},
         {"target", options.target}},
        [&](const json& object) { sending = object.value("sending", std::uint64_t{0}); }, &count);
    if (code != exit_ok)
        return code;
    if (sending > 0)
        talk(fmt::format("{} are being sent at this moment and were left alone; give the command "
                         "again for them",
                         human_count(sending)));
    if (shared.json)
        print_line(
            json{{"action", action}, {"changed", count}, {"sending", sending}}.dump());
    else
        print_line(fmt::format("{} deliveries changed", human_count(count)));
    return exit_ok;
}

int set_paused(const Shared& shared, const Options& options, bool paused) {
    const auto backend = QueueBackend::open(shared, options.data);
    if (!backend)
        return backend.error();
    const int code =
        backend->ask({{"verb", paused ? "pause" : "resume"}, {"destination", options.destination}},
                     [](const json&) {});
    if (code == exit_ok && shared.json)
        print_line(json{{"destination", options.destination}, {"paused", paused}}.dump());
    else if (code == exit_ok)
        print_line(fmt::format("{} {}", options.destination,
                               paused ? "paused: it keeps accepting and queueing" : "resumed"));
    return code;
}

struct ActionText {
    const char* name;
    const char* summary;
    const char* example;
};
constexpr std::array<ActionText, 5> actions{{
    {"retry", "Try failed and waiting deliveries again now",
     "dcmflow queue retry --destination archive --all"},
    {"hold", "Keep deliveries back until they are released", "dcmflow queue hold --study 1.2.3"},
    {"release", "Let held deliveries go; those that no rule matched are decided by today's rules",
     "dcmflow queue release --unmatched"},
    {"drop", "Give deliveries up for good", "dcmflow queue drop 17 18"},
    {"move", "Send to another destination instead",
     "dcmflow queue move --destination old --to archive"},
}};

void add_actions(CLI::App& app, Shared& shared, const OptionsPtr& options,
                 const std::shared_ptr<Run>& chosen) {
    for (const auto& action : actions) {
        auto* sub = app.add_subcommand(action.name, action.summary);
        example(*sub, action.example);
        add_filter(*sub, options);
        sub->add_flag("--all", options->all, "Everything that the other filters leave");
        if (std::string_view(action.name) == "move")
            sub->add_option("--to", options->target, "The destination to send to")->required();
        sub->callback([&shared, options, chosen, name = std::string(action.name)] {
            *chosen = [&shared, options, name] { return act(shared, *options, name); };
        });
    }
}

Run setup_pausing(CLI::App& app, Shared& shared, bool paused) {
    const auto options = std::make_shared<Options>();
    app.add_option("destination", options->destination, "Name in the config")->required();
    app.add_option("--data", options->data,
                   "The router's data folder, if the config can't be read");
    return [&shared, options, paused] { return set_paused(shared, *options, paused); };
}

} // namespace

Run setup_queue(CLI::App& app, Shared& shared) {
    example(app, "dcmflow queue\n"
                 "dcmflow queue list --destination archive --state failed\n"
                 "dcmflow queue retry --destination archive --all");
    const auto options = std::make_shared<Options>();
    const auto chosen = std::make_shared<Run>();
    app.add_option("--data", options->data,
                   "The router's data folder, if the config can't be read");
    app.require_subcommand(0, 1);
    auto* list = app.add_subcommand("list", "One line per delivery that is not delivered");
    example(*list, "dcmflow queue list --patient 4711 -j");
    add_filter(*list, options);
    list->add_option("--limit", options->limit, "At most so many");
    list->callback([&shared, options, chosen] {
        *chosen = [&shared, options] { return list_rows(shared, *options); };
    });
    auto* show =
        app.add_subcommand("show", "Everything about one object: origin, rules, each destination");
    example(*show, "dcmflow queue show 17");
    show->add_option("id", options->ids, "Id as `queue list` shows it")->required()->expected(1);
    show->callback([&shared, options, chosen] {
        *chosen = [&shared, options] { return show_row(shared, *options); };
    });
    add_actions(app, shared, options, chosen);
    return [&shared, options, chosen] {
        return *chosen ? (*chosen)() : show_summary(shared, *options);
    };
}

Run setup_pause(CLI::App& app, Shared& shared) {
    example(app, "dcmflow pause archive");
    return setup_pausing(app, shared, true);
}

Run setup_resume(CLI::App& app, Shared& shared) {
    example(app, "dcmflow resume archive");
    return setup_pausing(app, shared, false);
}

} // namespace dcmflow::cli
