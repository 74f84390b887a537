#include "pipeline/cli/queue_backend.h"

#include "pipeline/decide.h"
#include "pipeline/operate/control_socket.h"

#include <fmt/format.h>

namespace dcmflow::cli {

tl::expected<QueueBackend, int> QueueBackend::open(const Shared& shared,
                                                   const std::string& data_option) {
    QueueBackend backend;
    if (data_option.empty()) {
        auto config = shared.load_config_or_exit78(false);
        if (!config)
            return tl::unexpected(config.error());
        backend.data_ = config->node.data;
        backend.config_ = std::move(*config);
    } else {
        // The folder alone will do: an operator must reach the queue even when the config is
        // broken.
        backend.data_ = data_option;
        if (auto config = load_config(shared.config_file()))
            backend.config_ = std::move(*config);
    }
    return backend;
}

int QueueBackend::ask(const nlohmann::json& request,
                      const std::function<void(const nlohmann::json&)>& emit,
                      std::uint64_t* count) const {
    std::optional<std::string> error;
    const auto receive = [&](const nlohmann::json& object) {
        if (!object.contains("ok")) {
            emit(object);
            return;
        }
        if (count != nullptr)
            *count = object.value("count", std::uint64_t{0});
        if (!object.value("ok", false))
            error = object.value("error", "unknown error");
    };
    auto status = ask_router(data_, request, receive);
    if (!status && status.error().code == ErrorCode::not_found)
        status = ask_folder(request, receive);
    if (!status)
        error = status.error().text;
    if (!error)
        return exit_ok;
    complain(printable(*error));
    return exit_failed;
}

Status QueueBackend::ask_folder(const nlohmann::json& request,
                                const QueueService::Emit& emit) const {
    std::error_code ignored;
    if (!std::filesystem::exists(data_ / "journal.sqlite", ignored))
        return fail(ErrorCode::not_found,
                    fmt::format("{} holds no queue yet: no router runs there and none ever did "
                                "(expected journal.sqlite in it)",
                                data_.string()));
    SpoolOptions options;
    options.folder = data_;
    auto spool = Spool::open(options);
    if (!spool)
        return tl::unexpected(spool.error());
    std::vector<std::string> names;
    QueueHooks hooks;
    if (config_) {
        for (const auto& destination : config_->destinations)
            names.push_back(destination.name);
        hooks.decide_again = [&](const InstanceRow& row) -> Result<rules::Decision> {
            const auto blob = (*spool)->open_verified(row);
            if (!blob)
                return tl::unexpected(blob.error());
            return decide_stored(*config_->rules, row, (*blob)->bytes());
        };
    }
    const auto logger = make_null_logger();
    QueueService(**spool, names, hooks, *logger).handle(request, emit);
    return {};
}

} // namespace dcmflow::cli
