// QueueBackend: where `queue`, `pause` and `resume` send their requests: to the router that runs on
// the data folder, or, when none runs, to the folder itself. The answers are the same.
#pragma once

#include "pipeline/cli/cli.h"
#include "pipeline/operate/queue_service.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace dcmflow::cli {

class QueueBackend {
  public:
    // `data_option`: --data DIR, for when the config can't be read; empty: node.data of the config.
    // On failure says why on stderr and gives the exit code.
    [[nodiscard]] static tl::expected<QueueBackend, int> open(const Shared& shared,
                                                              const std::string& data_option);

    // Calls `emit` for each answer object but the closing one. The exit code: ok, or failed after
    // the error went to stderr. `count`: rows found or changed.
    [[nodiscard]] int ask(const nlohmann::json& request,
                          const std::function<void(const nlohmann::json&)>& emit,
                          std::uint64_t* count = nullptr) const;

  private:
    [[nodiscard]] Status ask_folder(const nlohmann::json& request,
                                    const QueueService::Emit& emit) const;
    std::filesystem::path data_;
    std::optional<Config> config_;
};

} // namespace dcmflow::cli
