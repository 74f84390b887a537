#include "pipeline/operate/control_socket.h"

#include "pipeline/thread_name.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <list>
#include <mutex>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

namespace dcmflow {

namespace {

using nlohmann::json;

constexpr const char* socket_name = "dcmflow.sock";
constexpr std::size_t most_request_bytes = 1U << 20;
constexpr std::size_t most_clients = 16;
constexpr int client_timeout_ms = 60'000;

class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_;
};

// A socket address holds 108 bytes; a data folder's path may be longer. Through an open folder it is always short.
struct SocketAddress {
    Fd folder;
    sockaddr_un address{};
};
Result<SocketAddress> address_in(const std::filesystem::path& data_folder) {
    SocketAddress result;
    result.folder = Fd(::open(data_folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!result.folder)
        return fail(ErrorCode::not_found, data_folder.string() + ": " + std::strerror(errno));
    const std::string path = "/proc/self/fd/" + std::to_string(result.folder.get()) + "/" + socket_name;
    result.address.sun_family = AF_UNIX;
    std::memcpy(result.address.sun_path, path.c_str(), path.size() + 1);
    return result;
}

bool send_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void set_timeouts(int fd) {
    const timeval timeout{client_timeout_ms / 1000, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

// Reads one line; false at the end, on an error or when it is too long.
bool read_line(int fd, std::string& buffer, std::string& line, std::size_t most) {
    for (;;) {
        if (const auto end = buffer.find('\n'); end != std::string::npos) {
            line.assign(buffer, 0, end);
            buffer.erase(0, end + 1);
            return true;
        }
        std::array<char, 16384> piece{};
        const auto got = ::recv(fd, piece.data(), piece.size(), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || buffer.size() > most)
            return false;
        buffer.append(piece.data(), static_cast<std::size_t>(got));
    }
}

} // namespace

struct ControlServer::State {
    State(std::filesystem::path folder_, QueueService& service_, Logger& logger_)
        : folder(std::move(folder_)), service(service_), logger(logger_) {}

    struct Client {
        Fd fd;
        std::atomic<bool> done{false};
        std::jthread thread; // last: the thread uses what is above
    };

    void accept_clients() {
        name_this_thread("control");
        for (;;) {
            std::array<pollfd, 2> waiting{pollfd{listener.get(), POLLIN, 0}, pollfd{wake.get(), POLLIN, 0}};
            if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)
                return;
            if (waiting[1].revents != 0)
                return;
            Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            const int failure = fd ? 0 : errno;
            clients.remove_if([](const Client& client) { return client.done.load(); });
            if (failure == EMFILE || failure == ENFILE || failure == ENOMEM || failure == ENOBUFS)
                ::poll(&waiting[1], 1, 200); // the connection stays in the backlog: no busy loop
            if (!fd || clients.size() >= most_clients)
                continue; // closed: the command says that the router is busy
            set_timeouts(fd.get());
            start_client(std::move(fd));
        }
    }

    void start_client(Fd fd) {
        clients.emplace_back();
        Client& client = clients.back();
        client.fd = std::move(fd);
        try {
            client.thread = std::jthread([this, &client] {
                serve(client);
                client.done = true;
            });
        } catch (const std::system_error&) {
            clients.pop_back(); // no thread to be had: this command fails, not the router
        }
    }

    void serve(const Client& client) {
        std::string buffer;
        std::string line;
        while (read_line(client.fd.get(), buffer, line, most_request_bytes)) {
            bool writable = true;
            const auto emit = [&](const json& object) {
                writable = writable && send_all(client.fd.get(),
                                                object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
            };
            try {
                const auto request = json::parse(line, nullptr, false);
                if (request.is_discarded())
                    emit({{"ok", false}, {"code", "invalid_argument"}, {"error", "the request is not JSON"}});
                else
                    service.handle(request, emit);
            } catch (const std::exception& error) {
                emit({{"ok", false}, {"code", "internal"}, {"error", error.what()}});
            }
            if (!writable)
                return;
        }
    }

    std::filesystem::path folder;
    QueueService& service;
    Logger& logger;
    Fd listener;
    Fd wake;
    std::list<Client> clients; // the accepting thread only, and stop() after it ended
    std::jthread acceptor;
};

ControlServer::ControlServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::filesystem::path& data_folder,
                                                            QueueService& service, Logger& logger) {
    auto state = std::make_unique<State>(data_folder, service, logger);
    auto where = address_in(data_folder);
    if (!where)
        return tl::unexpected(where.error());
    // The spool's lock says that no other router runs here, so a socket that is left over is a dead one.
    std::error_code ignored;
    std::filesystem::remove(data_folder / socket_name, ignored);
    state->listener = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    state->wake = Fd(::eventfd(0, EFD_CLOEXEC));
    if (!state->listener || !state->wake)
        return fail_errno(errno, "control socket");
    ::fchmod(state->listener.get(), 0600); // Linux gives a socket file the mode of its socket
    const int bound = ::bind(state->listener.get(), reinterpret_cast<const sockaddr*>(&where->address),
                             sizeof where->address);
    if (bound != 0)
        return fail_errno(errno, (data_folder / socket_name).string());
    if (::listen(state->listener.get(), 16) != 0)
        return fail_errno(errno, (data_folder / socket_name).string());
    state->acceptor = std::jthread([s = state.get()] { s->accept_clients(); });
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(state)));
}

ControlServer::~ControlServer() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(state_->wake.get(), &one, sizeof one);
    if (state_->acceptor.joinable())
        state_->acceptor.join();
    for (auto& client : state_->clients)
        ::shutdown(client.fd.get(), SHUT_RDWR);
    state_->clients.clear();
    std::error_code ignored;
    std::filesystem::remove(state_->folder / socket_name, ignored);
}

Status ask_router(const std::filesystem::path& data_folder, const json& request,
                  const std::function<void(const json&)>& emit) {
    auto where = address_in(data_folder);
    if (!where)
        return tl::unexpected(where.error());
    const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd)
        return fail_errno(errno, "control socket");
    set_timeouts(fd.get());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where->address), sizeof where->address) != 0)
        return fail(ErrorCode::not_found, "no router runs on " + data_folder.string());
    if (!send_all(fd.get(), request.dump() + "\n"))
        return fail(ErrorCode::link, "the router on " + data_folder.string() + " closed its socket; try again");
    std::string buffer;
    std::string line;
    while (read_line(fd.get(), buffer, line, 64U << 20)) {
        const auto object = json::parse(line, nullptr, false);
        if (object.is_discarded() || !object.is_object())
            return fail(ErrorCode::link, "the router's answer is not JSON");
        emit(object);
        if (object.contains("ok"))
            return {};
    }
    return fail(ErrorCode::link, "the router on " + data_folder.string() + " did not answer");
}

} // namespace dcmflow
