#include "pipeline/cli/target.h"

#include "pipeline/config/values.h"

#include <fmt/format.h>
#include <optional>

namespace dcmflow::cli {

namespace {

tl::expected<DestinationConfig, int> named(const Config& config, const std::string& name) {
    if (const auto* destination = config.destination(name))
        return *destination;
    std::vector<std::string> names;
    for (const auto& destination : config.destinations)
        names.push_back(destination.name);
    const auto meant = nearest(name, std::span<const std::string>(names));
    complain(printable(fmt::format(
        "{}: no destination of that name in {}; expected {}", name, config.file.string(),
        !meant.empty()  ? meant + "?"
        : names.empty() ? "AETITLE@host:port"
                        : "one of " + join(names) + ", or AETITLE@host:port")));
    return tl::unexpected(static_cast<int>(exit_usage));
}

tl::expected<DestinationConfig, int> direct(const std::string& text) {
    auto target = parse_dicom_target(text);
    if (!target) {
        complain(printable(fmt::format("{}: {}", text, target.error())));
        return tl::unexpected(static_cast<int>(exit_usage));
    }
    DestinationConfig destination;
    destination.name = text;
    destination.target = std::move(*target);
    return destination;
}

} // namespace

tl::expected<std::vector<DestinationConfig>, int>
find_targets(const Shared& shared, const std::vector<std::string>& targets,
             const std::string& calling_aet) {
    if (!calling_aet.empty() && !is_ae_title(calling_aet)) {
        complain(printable(fmt::format(
            "{}: not an AE title; expected 1 to 16 characters without * ? or \\", calling_aet)));
        return tl::unexpected(static_cast<int>(exit_usage));
    }
    std::optional<Config> config;
    std::vector<DestinationConfig> found;
    for (const auto& text : targets) {
        const bool by_name = text.find('@') == std::string::npos;
        if (by_name && !config) {
            auto loaded = shared.load_config_or_exit78();
            if (!loaded)
                return tl::unexpected(loaded.error());
            config = std::move(*loaded);
        }
        auto destination = by_name ? named(*config, text) : direct(text);
        if (!destination)
            return tl::unexpected(destination.error());
        if (!calling_aet.empty())
            destination->calling_aet = calling_aet;
        if (destination->calling_aet.empty())
            destination->calling_aet = NodeConfig{}.ae_title;
        found.push_back(std::move(*destination));
    }
    return found;
}

} // namespace dcmflow::cli
