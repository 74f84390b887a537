// spawn: starts the binary as a codec worker that inherits nothing but what it is given.
//
// Any thread, while others run. Descriptors from 5 on are closed in the child before it becomes the
// worker, whether or not they are O_CLOEXEC (the spool's lock is one). The environment is an
// allow-list: the router's may hold secrets (env:NAME in the config).
#pragma once

#include "pipeline/result.h"
#include "pipeline/worker/descriptor.h"

#include <string>
#include <sys/types.h>

namespace dcmflow::worker {

struct Spawned {
    pid_t pid = -1;
    Descriptor socket; // the router's end
    Descriptor words;  // what the worker writes to stderr; reading never blocks
};

[[nodiscard]] Result<Spawned> spawn(const std::string& executable, int shared_memory);

} // namespace dcmflow::worker
