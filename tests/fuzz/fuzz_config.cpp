// A config file's text: a config, or mistakes that lie in the file.
#include "pipeline/config/config.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>

namespace dcmflow::fuzz {

void config(Input input) {
    const std::string_view text = text_of(input);
    const auto lines = 2 + std::ranges::count(text, '\n') + std::ranges::count(text, '\r');
    const auto check = [&](const ConfigError& error) {
        require(error.line >= 0 && error.column >= 0 && error.line <= lines,
                "a mistake lies in the file");
        require(!error.what.empty(), "a mistake says what it is");
    };
    const auto config = parse_config(text, "/nowhere/dcmflow.yaml");
    if (!config) {
        require(!config.error().empty(), "a config that is refused has a mistake");
        std::ranges::for_each(config.error(), check);
        return;
    }
    require(config->rules != nullptr, "a config has rules");
    std::ranges::for_each(config->warnings, check);
    std::ranges::for_each(run_config_tests(*config), check);
}

} // namespace dcmflow::fuzz
