#include "pipeline/cli/commands.h"

#include <array>

namespace dcmflow::cli {

std::span<const Command> commands() {
    static constexpr auto table = std::to_array<Command>({
        {"check", "Read the config, report every mistake, run its tests", setup_check},
        {"explain", "Show for files what the rules would do with them; sends nothing",
         setup_explain},
        {"version", "Versions of dcmflow and its libraries", setup_version},
    });
    return table;
}

} // namespace dcmflow::cli
