#include "pipeline/receive/stream.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace dcmflow::scp {

namespace {

// Half-open connections are noticed within a minute (reliability 2.4).
constexpr int keepalive_idle_s = 60;
constexpr int keepalive_interval_s = 15;
constexpr int keepalive_probes = 4;
constexpr unsigned user_timeout_ms = 60'000;
constexpr int backlog = 512;

template <class T> void set_option(int fd, int level, int name, const T& value) {
    // An option that the kernel does not take costs speed or patience, never correctness.
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

} // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

void UniqueFd::reset() {
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
}

Signal::Signal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_)
        throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Signal::raise() {
    const std::uint64_t one = 1;
    (void)!::write(fd_.get(), &one, sizeof one);
}

void Signal::lower() {
    std::uint64_t count = 0;
    (void)!::read(fd_.get(), &count, sizeof count);
}

bool Signal::raised() const {
    pollfd entry{fd_.get(), POLLIN, 0};
    return poll(&entry, 1, 0) == 1;
}

Stream::Stream(UniqueFd fd, const PeerIp& peer) : fd_(std::move(fd)), peer_(peer) {
    set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd_.get(), IPPROTO_TCP, TCP_QUICKACK, 1);
    set_option(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_s);
    set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_s);
    set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
    set_option(fd_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
}

IoCount Stream::read_now(std::span<std::byte> into) {
    for (;;) {
        const auto got = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
        if (got > 0) {
            set_option(fd_.get(), IPPROTO_TCP, TCP_QUICKACK, 1);
            return {IoState::ok, static_cast<std::size_t>(got), 0};
        }
        if (got == 0)
            return {IoState::closed, 0, 0};
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return {IoState::would_block, 0, 0};
        return {IoState::failed, 0, errno};
    }
}

IoCount Stream::write_now(std::span<const std::byte> bytes) {
    for (;;) {
        const auto put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put >= 0)
            return {IoState::ok, static_cast<std::size_t>(put), 0};
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return {IoState::would_block, 0, 0};
        return {IoState::failed, 0, errno};
    }
}

void Stream::close_write() {
    (void)::shutdown(fd_.get(), SHUT_WR);
}

Woken wait_for(const Stream& stream, bool to_write, const Signal* signal, Deadline deadline) {
    const auto wanted = static_cast<short>(to_write ? POLLOUT : POLLIN);
    std::array<pollfd, 2> entries{pollfd{stream.descriptor(), wanted, 0},
                                  pollfd{signal != nullptr ? signal->descriptor() : -1, POLLIN, 0}};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        const auto timeout =
            std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max());
        const int count = poll(entries.data(), entries.size(), static_cast<int>(timeout));
        if (count > 0 && entries[1].revents != 0)
            return Woken::signal;
        if (count > 0)
            return Woken::ready; // errors and hang-ups too: the next read or write says which
        if (count == 0 && left.count() <= std::numeric_limits<int>::max())
            return Woken::deadline;
        if (count < 0 && errno != EINTR)
            return Woken::ready;
    }
}

namespace {

struct Endpoint {
    sockaddr_storage address{};
    socklen_t length = 0;
};

Endpoint endpoint_v4(const in_addr& address, std::uint16_t port) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr = address;
    v4.sin_port = htons(port);
    Endpoint endpoint;
    endpoint.length = sizeof v4;
    std::memcpy(&endpoint.address, &v4, sizeof v4);
    return endpoint;
}

Endpoint endpoint_v6(const in6_addr& address, std::uint16_t port) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = address;
    v6.sin6_port = htons(port);
    Endpoint endpoint;
    endpoint.length = sizeof v6;
    std::memcpy(&endpoint.address, &v6, sizeof v6);
    return endpoint;
}

std::uint16_t bound_port(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        return 0;
    // The port is at the same place in both families.
    sockaddr_in any{};
    std::memcpy(&any, &address, sizeof any);
    return ntohs(any.sin_port);
}

Result<UniqueFd> open_listener(const Endpoint& endpoint, const std::string& shown) {
    const int family = endpoint.address.ss_family;
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return fail_errno(errno, "cannot listen on " + shown);
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.length) !=
            0 ||
        ::listen(fd.get(), backlog) != 0)
        return fail_errno(errno, "cannot listen on " + shown);
    return fd;
}

Result<Listening> listen_everywhere(std::uint16_t port) {
    Listening listening;
    in_addr any4{};
    any4.s_addr = htonl(INADDR_ANY);
    auto v4 = open_listener(endpoint_v4(any4, port), "port " + std::to_string(port));
    if (!v4)
        return tl::unexpected(v4.error());
    listening.port = bound_port(v4->get());
    listening.sockets.push_back(std::move(*v4));
    const auto endpoint = endpoint_v6(in6addr_any, listening.port);
    const UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!probe)
        return listening; // a kernel without IPv6
    auto v6 = open_listener(endpoint, "[::]:" + std::to_string(listening.port));
    if (v6)
        listening.sockets.push_back(std::move(*v6));
    else if (v6.error().text.find(std::generic_category().message(EADDRNOTAVAIL)) ==
             std::string::npos)
        return tl::unexpected(v6.error()); // EADDRNOTAVAIL: IPv6 is switched off
    return listening;
}

} // namespace

Result<Listening> listen_on(const std::string& address, std::uint16_t port) {
    if (address.empty()) {
        // With port 0 the number that IPv4 got may be taken for IPv6: try a few.
        auto listening = listen_everywhere(port);
        for (int attempt = 0; port == 0 && !listening && attempt < 16; ++attempt)
            listening = listen_everywhere(port);
        return listening;
    }
    in_addr v4{};
    in6_addr v6{};
    Endpoint endpoint;
    if (inet_pton(AF_INET, address.c_str(), &v4) == 1)
        endpoint = endpoint_v4(v4, port);
    else if (inet_pton(AF_INET6, address.c_str(), &v6) == 1)
        endpoint = endpoint_v6(v6, port);
    else
        return fail(ErrorCode::invalid_argument,
                    "listen.dicom.address \"" + address + "\" is not an IPv4 or IPv6 address");
    auto fd = open_listener(endpoint, address + " port " + std::to_string(port));
    if (!fd)
        return tl::unexpected(fd.error());
    Listening listening;
    listening.port = bound_port(fd->get());
    listening.sockets.push_back(std::move(*fd));
    return listening;
}

} // namespace dcmflow::scp
