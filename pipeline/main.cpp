// dcmflow: see pipeline/cli/commands.cpp for what it can do.
#include "pipeline/cli/cli.h"

#include <csignal>

int main(int argc, char** argv) {
    std::signal(SIGPIPE,
                SIG_IGN); // a peer or a pager that goes away is an error value, not our end
    return dcmflow::cli::run_command_line(argc, argv);
}
