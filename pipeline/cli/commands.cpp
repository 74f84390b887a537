#include "pipeline/cli/commands.h"

#include <array>

namespace dcmflow::cli {

std::span<const Command> commands() {
    static constexpr auto table = std::to_array<Command>({
        {"run", "Run the router", setup_run},
        {"check", "Read the config, report every mistake, run its tests", setup_check},
        {"explain", "Show for files what the rules would do with them; sends nothing",
         setup_explain},
        {"echo", "Try destinations: connect, associate, C-ECHO", setup_echo},
        {"send", "Send files or made-up studies to a destination", setup_send},
        {"queue", "Look at the queue and act on it", setup_queue},
        {"pause", "Stop delivery to a destination; what comes in is queued", setup_pause},
        {"resume", "Start delivery to a destination again", setup_resume},
        {"recompress", "Compress files losslessly into another place, each one verified",
         setup_recompress},
        {"version", "Versions of dcmflow and its libraries", setup_version},
    });
    return table;
}

} // namespace dcmflow::cli
