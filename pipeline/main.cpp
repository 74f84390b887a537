// dcmflow: see pipeline/cli/commands.cpp for what it can do.
#include "codecs/registry.h"
#include "pipeline/cli/cli.h"
#include "pipeline/worker/worker_main.h"

#include <csignal>

int main(int argc, char** argv) {
    std::signal(SIGPIPE,
                SIG_IGN); // a peer or a pager that goes away is an error value, not our end
    std::signal(SIGCHLD, SIG_DFL); // whoever started us may have ignored it: we reap our own
    if (dcmflow::is_codec_worker(argc, argv))
        return dcmflow::run_codec_worker(dcmflow::codecs::Registry{}); // MERGE: all_codecs(), as in router.cpp
    return dcmflow::cli::run_command_line(argc, argv);
}
