// dcmflow: see pipeline/cli/commands.cpp for what it can do.
#include "pipeline/cli/cli.h"
#include "pipeline/dicom/all_codecs.h"
#include "pipeline/worker/worker_main.h"

#include <csignal>

int main(int argc, char** argv) {
    std::signal(SIGPIPE,
                SIG_IGN); // a peer or a pager that goes away is an error value, not our end
    std::signal(SIGCHLD, SIG_DFL); // whoever started us may have ignored it: we reap our own
    if (dcmflow::is_codec_worker(argc, argv))
        return dcmflow::run_codec_worker(dcmflow::all_codecs());
    return dcmflow::cli::run_command_line(argc, argv);
}
