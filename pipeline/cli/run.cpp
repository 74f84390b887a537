// dcmflow run: the router in the foreground, one line per event on stderr, SIGTERM drains.

#include "pipeline/cli/commands.h"
#include "pipeline/operate/crash_mark.h"
#include "pipeline/operate/router_service.h"
#include "pipeline/router.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <sys/resource.h>
#include <unistd.h>

namespace dcmflow::cli {

namespace {

// One association, one blob and one link a thread: the soft limit of 1,024 descriptors is soon
// reached.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// Blocked before the first thread starts, so that only wait() sees them.
class Signals {
  public:
    Signals() {
        sigemptyset(&set_);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP})
            sigaddset(&set_, signal);
        ::pthread_sigmask(SIG_BLOCK, &set_, &old_);
    }
    ~Signals() { ::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    [[nodiscard]] int wait() const {
        int signal = 0;
        while (::sigwait(&set_, &signal) != 0) {
        }
        return signal;
    }

  private:
    sigset_t set_{};
    sigset_t old_{};
};

int run_router(const Shared& shared, bool quiet) {
    auto config = shared.load_config_or_exit78();
    if (!config)
        return config.error();
    raise_descriptor_limit();
    const Signals signals;
    const auto logger =
        make_fd_logger(STDERR_FILENO, quiet ? LogLevel::warning : LogLevel::info, shared.json);
    const auto data = config->node.data;
    const bool crashed = CrashMark::last_run_crashed(data);
    if (crashed)
        logger->log(LogLevel::error, "last_run_crashed", {{"data", data.string()}});
    auto router = Router::start(std::move(*config), *logger, crashed);
    if (!router) {
        complain(router.error().text);
        return exit_failed;
    }
    const CrashMark crash_mark(data); // the spool's lock is ours by now
    auto service = RouterService::start(**router, *logger);
    if (!service) {
        complain(service.error().text);
        return exit_failed;
    }
    logger->log(LogLevel::info, "ready", {{"pid", std::to_string(::getpid())}});
    for (;;) {
        const int signal = signals.wait();
        if (signal != SIGHUP) {
            logger->log(LogLevel::info, "stopping",
                        {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
            break;
        }
        logger->log(LogLevel::warning, "signal_ignored",
                    {{"signal", "SIGHUP"},
                     {"advice", "restart dcmflow to read an edited config; nothing is lost"}});
    }
    service->reset();
    (*router)->stop();
    return exit_ok;
}

} // namespace

Run setup_run(CLI::App& app, Shared& shared) {
    example(app, "dcmflow run -c /etc/dcmflow/dcmflow.yaml");
    const auto quiet = std::make_shared<bool>(false);
    app.add_flag("-q,--quiet", *quiet, "Log warnings and errors only");
    return [&shared, quiet] { return run_router(shared, *quiet); };
}

} // namespace dcmflow::cli
