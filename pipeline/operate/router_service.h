// RouterService: a running router's QueueService on its control socket. Owned beside the Router; gone before it.
#pragma once

#include "pipeline/operate/control_socket.h"
#include "pipeline/operate/queue_service.h"
#include "pipeline/router.h"

#include <memory>

namespace dcmflow {

class RouterService {
  public:
    [[nodiscard]] static Result<std::unique_ptr<RouterService>> start(Router& router, Logger& logger);

  private:
    RouterService(Router& router, Logger& logger);
    QueueService service_;
    std::unique_ptr<ControlServer> server_;
};

} // namespace dcmflow
