#include "pipeline/deliver/client_socket.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fmt/format.h>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

namespace dcmflow::deliver {

namespace {

using Clock = std::chrono::steady_clock;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

// Milliseconds for poll(), rounded up so that a wait never spins at its end.
int poll_timeout(Deadline deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

void set_option(int descriptor, int level, int name, int value) {
    // Options tune; a kernel without one of them still carries the data.
    (void)::setsockopt(descriptor, level, name, &value, sizeof value);
}

// reliability 2.4: keepalive 60/15/4, user time-out 60 s. Nagle off: a command and its data set
// must not wait for the peer's delayed ACK (design §9).
void tune(int descriptor) {
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_QUICKACK, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 4);
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

tl::unexpected<Error> connect_error(int error, const PeerAddress& address) {
    if (error == ECONNREFUSED) {
        return fail(
            ErrorCode::link,
            fmt::format("connection refused by {}: is the PACS listening there?", address.text()));
    }
    return fail(ErrorCode::link,
                fmt::format("cannot connect to {}: {}", address.text(), error_text(error)));
}

tl::unexpected<Error> connect_timeout(const PeerAddress& address,
                                      std::chrono::milliseconds waited) {
    return fail(
        ErrorCode::timeout,
        fmt::format(
            "no answer from {} within {} ms: is the host up and the port open in the firewall?",
            address.text(), waited.count()));
}

// One address. The descriptor is non-blocking from the start and stays so.
Result<int> connect_one(const PeerAddress& address, std::chrono::milliseconds timeout, int stop) {
    const int descriptor = ::socket(address.storage.ss_family,
                                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor < 0) {
        return connect_error(errno, address);
    }
    tune(descriptor);
    const auto* target = reinterpret_cast<const sockaddr*>(&address.storage);
    int error = ::connect(descriptor, target, address.length) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        const Deadline deadline = Clock::now() + timeout;
        pollfd entries[2] = {{descriptor, POLLOUT, 0}, {stop, POLLIN, 0}}; // poll ignores -1
        int ready = 0;
        do {
            ready = ::poll(entries, 2, poll_timeout(deadline));
        } while (ready < 0 && errno == EINTR);
        if (ready > 0 && entries[1].revents != 0) {
            ::close(descriptor);
            return fail(ErrorCode::stopped, "broken off by us");
        }
        if (ready == 0) {
            ::close(descriptor);
            return connect_timeout(address, timeout);
        }
        socklen_t size = sizeof error;
        if (ready < 0 || ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        ::close(descriptor);
        return connect_error(error, address);
    }
    return descriptor;
}

} // namespace

std::string PeerAddress::text() const {
    char host[NI_MAXHOST] = {};
    char port[NI_MAXSERV] = {};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, host, sizeof host, port,
                      sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "an unknown address";
    }
    return storage.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                         : fmt::format("{}:{}", host, port);
}

Result<std::vector<PeerAddress>> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (code != 0) {
        const std::string reason = code == EAI_SYSTEM ? error_text(errno) : ::gai_strerror(code);
        return fail(ErrorCode::not_found,
                    fmt::format("cannot resolve the host name {}: {}", host, reason));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    std::vector<PeerAddress> addresses;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        PeerAddress address;
        if (entry->ai_addrlen <= sizeof address.storage) {
            std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
            address.length = entry->ai_addrlen;
            addresses.push_back(address);
        }
    }
    if (addresses.empty()) {
        return fail(ErrorCode::not_found, fmt::format("the host name {} has no address", host));
    }
    return addresses;
}

std::string IoResult::text() const {
    switch (status) {
    case IoStatus::ok:
        return "ok";
    case IoStatus::closed:
        return "the peer closed the connection";
    case IoStatus::timeout:
        return "no answer in time";
    case IoStatus::failed:
        return error_text(error);
    case IoStatus::aborted:
        return "broken off by us";
    }
    return "unknown";
}

Result<std::shared_ptr<ClientSocket>> ClientSocket::connect(std::span<const PeerAddress> addresses,
                                                            std::chrono::milliseconds timeout,
                                                            int stop) {
    const Deadline deadline = Clock::now() + timeout;
    Error last{ErrorCode::not_found, "the host has no address"};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        const auto share = left / static_cast<std::int64_t>(addresses.size() - i);
        if (share.count() <= 0) {
            break;
        }
        auto descriptor = connect_one(addresses[i], share, stop);
        if (descriptor) {
            return std::shared_ptr<ClientSocket>(
                new ClientSocket(*descriptor, addresses[i].text()));
        }
        last = std::move(descriptor.error());
        if (last.code == ErrorCode::stopped) {
            break;
        }
    }
    return tl::unexpected<Error>(std::move(last));
}

ClientSocket::ClientSocket(int descriptor, std::string peer)
    : descriptor_(descriptor), peer_(std::move(peer)) {}

ClientSocket::~ClientSocket() {
    ::close(descriptor_);
}

IoResult ClientSocket::failure(int error) const {
    if (aborted_.load(std::memory_order_acquire)) {
        return {IoStatus::aborted, 0};
    }
    return error == 0 ? IoResult{IoStatus::closed, 0} : IoResult{IoStatus::failed, error};
}

IoResult ClientSocket::read_exact(std::span<std::byte> into, Deadline deadline) {
    while (!into.empty()) {
        const ssize_t got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
        if (got > 0) {
            into = into.subspan(static_cast<std::size_t>(got));
            continue;
        }
        if (got == 0) {
            return failure(0);
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            return failure(errno);
        }
        const Ready ready = wait(true, false, deadline);
        if (ready.status != IoStatus::ok) {
            return ready.status == IoStatus::timeout ? IoResult{IoStatus::timeout, 0}
                                                     : failure(errno);
        }
    }
    // The kernel falls back to delayed ACKs by itself: ask again after each read.
    set_option(descriptor_, IPPROTO_TCP, TCP_QUICKACK, 1);
    return {};
}

IoResult ClientSocket::write_some(std::span<const iovec> pieces, std::size_t& written) {
    written = 0;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data()); // sendmsg does not write to it
    message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
    while (true) {
        const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            written = static_cast<std::size_t>(sent);
            return {};
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return aborted_.load(std::memory_order_acquire) ? IoResult{IoStatus::aborted, 0}
                                                            : IoResult{};
        }
        if (errno != EINTR) {
            return failure(errno);
        }
    }
}

IoResult ClientSocket::write_all(std::span<const std::byte> bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
        std::size_t written = 0;
        const IoResult result = write_some({&piece, 1}, written);
        if (!result.ok()) {
            return result;
        }
        bytes = bytes.subspan(written);
        if (written == 0) {
            const Ready ready = wait(false, true, deadline);
            if (ready.status != IoStatus::ok) {
                return ready.status == IoStatus::timeout ? IoResult{IoStatus::timeout, 0}
                                                         : failure(errno);
            }
        }
    }
    return {};
}

Ready ClientSocket::wait(bool for_reading, bool for_writing, Deadline deadline) const {
    pollfd entry{descriptor_, 0, 0};
    entry.events = static_cast<short>((for_reading ? POLLIN : 0) | (for_writing ? POLLOUT : 0));
    while (true) {
        const int ready = ::poll(&entry, 1, poll_timeout(deadline));
        if (ready > 0) {
            // After an error or hang-up both directions return at once: let the call tell why.
            const bool broken = (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
            return {IoStatus::ok, (entry.revents & POLLIN) != 0 || broken,
                    (entry.revents & POLLOUT) != 0 || broken};
        }
        if (ready == 0) {
            return {IoStatus::timeout, false, false};
        }
        if (errno != EINTR) {
            return {IoStatus::failed, false, false};
        }
    }
}

void ClientSocket::abort() {
    aborted_.store(true, std::memory_order_release);
    // shutdown, not close: a call that is blocked in poll() returns, and the number stays ours.
    ::shutdown(descriptor_, SHUT_RDWR);
}

} // namespace dcmflow::deliver
