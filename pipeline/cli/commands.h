// The setup functions of all commands, for the table in commands.cpp. Each is in the file of its
// name.
#pragma once

#include "pipeline/cli/cli.h"

namespace dcmflow::cli {

Run setup_run(CLI::App& app, Shared& shared);
Run setup_check(CLI::App& app, Shared& shared);
Run setup_explain(CLI::App& app, Shared& shared);
Run setup_echo(CLI::App& app, Shared& shared);
Run setup_send(CLI::App& app, Shared& shared);
Run setup_queue(CLI::App& app, Shared& shared);
Run setup_pause(CLI::App& app, Shared& shared);
Run setup_resume(CLI::App& app, Shared& shared);
Run setup_recompress(CLI::App& app, Shared& shared);
Run setup_version(CLI::App& app, Shared& shared);

} // namespace dcmflow::cli
