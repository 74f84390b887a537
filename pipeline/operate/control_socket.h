// Control socket: `dcmflow.sock` in the data folder, JSON Lines both ways, for this machine's operators only
// (mode 0600: the file system says who may).
//
// ControlServer: owned by the Router's owner; threads of its own, joined in stop(). One connection at a time
// answers one request after another; a silent client delays nobody for longer than its time-out.
// ControlClient: one request, its answer objects; used by the commands.
#pragma once

#include "pipeline/log.h"
#include "pipeline/operate/queue_service.h"
#include "pipeline/result.h"

#include <filesystem>
#include <functional>
#include <memory>

#include <nlohmann/json_fwd.hpp>

namespace dcmflow {

class ControlServer {
  public:
    [[nodiscard]] static Result<std::unique_ptr<ControlServer>> start(const std::filesystem::path& data_folder,
                                                                      QueueService& service, Logger& logger);
    ~ControlServer(); // stops and removes the socket
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

  private:
    struct State;
    explicit ControlServer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Sends `request` to the router that runs on `data_folder` and calls `emit` for each answer object (the last has
// `ok`). not_found: no router runs there. link: it broke or did not answer in time.
[[nodiscard]] Status ask_router(const std::filesystem::path& data_folder, const nlohmann::json& request,
                                const std::function<void(const nlohmann::json&)>& emit);

} // namespace dcmflow
