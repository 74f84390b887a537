// The command line: what all commands share, and the one table of commands (commands.cpp).
//
// A command is one file, pipeline/cli/<command>.cpp, with one function setup_<command>() that gives
// its options to CLI11 and returns what to run; and one row in commands.cpp. Only main's thread.
// Data goes to stdout, talk to stderr. Nothing here calls exit().
#pragma once

#include "pipeline/config/config.h"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace CLI {
class App;
}

namespace dcmflow::cli {

// Exit codes of every command (design §8).
enum Exit : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_partly = 4,
    exit_config = 78,
};

// What is given before or after any command: -c FILE and -j. Owned by main, outlives the command.
struct Shared {
    std::string config_option; // of -c; empty: $DCMFLOW_CONFIG, else ./dcmflow.yaml
    bool json = false;         // JSON Lines on stdout

    [[nodiscard]] std::filesystem::path config_file() const;
    // The config; or, after all its errors were printed to stderr, the exit code to return
    // (exit_config):
    //     auto config = shared.load_config_or_exit78();
    //     if (!config) return config.error();
    // Warnings go to stderr too, unless `warn` is false (for commands that are given many times a day).
    [[nodiscard]] tl::expected<Config, int> load_config_or_exit78(bool warn = true) const;
};

// What a command does once its options are parsed; gives the exit code.
using Run = std::function<int()>;
// Adds options (and subcommands of its own, as `queue` does) to `app`, whose variables live as long
// as the returned Run. Sets an example as footer: example(app, "dcmflow check -c
// /etc/dcmflow.yaml").
using CommandSetup = Run (*)(CLI::App& app, Shared& shared);

struct Command {
    std::string_view name;
    std::string_view summary; // one line of `dcmflow --help`
    CommandSetup setup;
};

// The one table; in the order of --help.
[[nodiscard]] std::span<const Command> commands();

// Parses and runs; gives the exit code. The fourth wall: no exception leaves.
[[nodiscard]] int run_command_line(int argc, const char* const* argv);

// Helpers for the commands.
void example(CLI::App& app, std::string_view text); // lines after "Example:" in --help
void print(std::string_view text);                  // stdout, as it is
void print_line(std::string_view text);             // stdout, with a line end
void talk(std::string_view text);                   // stderr, with a line end
void complain(std::string_view text);               // stderr, "dcmflow: " before, line end after
// Control characters of foreign text (file names, patient names, peers' words) as \xNN: a terminal
// obeys them.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace dcmflow::cli
