#include "pipeline/cli/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <new>

namespace dcmflow::cli {

namespace {

// Offered by dcmflow itself and by each command, so that both places work and every --help shows
// them.
void add_shared_options(CLI::App& app, Shared& shared) {
    app.add_option("-c,--config", shared.config_option,
                   "Config file (else $DCMFLOW_CONFIG, else ./dcmflow.yaml)")
        ->type_name("FILE");
    app.add_flag("-j,--json", shared.json, "JSON Lines on stdout");
    app.set_help_flag("-h,--help", "Show this help");
}

// CLI11 has codes of its own for each kind of mistake; to the caller all are usage.
int usage(const CLI::App& root, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) { // --help
        root.exit(error, std::cout, std::cerr);
        return exit_ok;
    }
    complain(error.what());
    const auto parsed = root.get_subcommands();
    const std::string name = parsed.empty() ? "" : parsed.front()->get_name() + " ";
    talk(fmt::format("See `dcmflow {}--help`.", name));
    return exit_usage;
}

int parse_and_run(int argc, const char* const* argv) {
    CLI::App root("dcmflow receives DICOM studies, makes them smaller without changing a pixel,\n"
                  "decides by rules where they go, and delivers them.",
                  "dcmflow");
    Shared shared;
    add_shared_options(root, shared);
    root.require_subcommand(1);
    example(root, "dcmflow check\n"
                  "dcmflow run -c /etc/dcmflow/dcmflow.yaml");

    std::vector<std::pair<CLI::App*, Run>> runs;
    for (const auto& command : commands()) {
        auto* app = root.add_subcommand(std::string(command.name), std::string(command.summary));
        add_shared_options(*app, shared);
        app->fallthrough(); // -c and -j also after a command's own subcommand
        runs.emplace_back(app, command.setup(*app, shared));
    }
    try {
        root.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return usage(root, error);
    }
    for (const auto& [app, run] : runs)
        if (app->parsed())
            return run();
    return exit_usage;
}

} // namespace

std::filesystem::path Shared::config_file() const {
    if (!config_option.empty())
        return config_option;
    const char* environment = std::getenv("DCMFLOW_CONFIG");
    return environment != nullptr && *environment != '\0' ? environment : "dcmflow.yaml";
}

tl::expected<Config, int> Shared::load_config_or_exit78(bool warn) const {
    auto config = load_config(config_file());
    if (!config) {
        for (const auto& error : config.error())
            talk(printable(error.text()));
        return tl::unexpected(static_cast<int>(exit_config));
    }
    for (const auto& warning : warn ? config->warnings : std::vector<ConfigError>{})
        talk("warning: " + printable(warning.text()));
    return std::move(*config);
}

int run_command_line(int argc, const char* const* argv) {
    try {
        const int code = parse_and_run(argc, argv);
        if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)
            return code;
        complain("could not write all of the output");
        return code == exit_ok ? static_cast<int>(exit_failed) : code;
    } catch (const std::bad_alloc&) {
        complain("out of memory");
    } catch (const std::exception& error) {
        complain(fmt::format("internal error: {}", error.what()));
    } catch (...) {
        complain("internal error");
    }
    return exit_failed;
}

void example(CLI::App& app, std::string_view text) {
    std::string footer = "\nExample:\n  ";
    for (const char c : text) {
        footer += c;
        if (c == '\n')
            footer += "  ";
    }
    app.footer(footer);
}

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_line(std::string_view text) {
    print(text);
    print("\n");
}

void talk(std::string_view text) {
    std::fflush(stdout); // keeps the order when both go to one terminal
    const std::string line = std::string(text) + '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
}

void complain(std::string_view text) {
    talk("dcmflow: " + std::string(text));
}

std::string printable(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        // C0, DEL, and C1 in UTF-8 (U+0080 to U+009F)
        const bool c1 =
            byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (byte < 0x20 || byte == 0x7F)
            out += fmt::format("\\x{:02x}", byte);
        else if (c1)
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
        else
            out += static_cast<char>(byte);
    }
    return out;
}

} // namespace dcmflow::cli
