// Receiver: where objects come in. One per listen entry, with threads of its own.
//
// start() binds and returns; stop() refuses new work, lets what is in hand finish until the
// deadline, then breaks it off. Everything received goes through the Intake (intake.h) and nowhere
// else.
#pragma once

#include "pipeline/result.h"

#include <chrono>

namespace dcmflow {

class Receiver {
  public:
    virtual ~Receiver() = default;
    [[nodiscard]] virtual Status start() = 0;
    virtual void stop(std::chrono::steady_clock::time_point deadline) = 0;
};

} // namespace dcmflow
