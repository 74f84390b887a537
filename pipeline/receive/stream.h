// Stream: one accepted TCP connection, never blocking by itself. Signal: an event that wakes polls.
//
// A Stream is owned by one thread at a time (the door, then a worker, then the door again). The
// descriptor is closed in the destructor and nowhere else. It knows no DICOM and no time-outs;
// wait_for() takes a deadline. Quick ACKs are re-armed after every read: Linux forgets them, and a
// sender that leaves Nagle on would wait 40 ms for a delayed ACK at the end of every PDU. (A TLS
// stream will have the same five calls.)
#pragma once

#include "pipeline/receive/allow_list.h"
#include "pipeline/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dcmflow::scp {

using Deadline = std::chrono::steady_clock::time_point;

class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept;
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }
    void reset();
    [[nodiscard]] int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

// Once raised it stays raised until lower(), and every poll on it returns at once. Any thread.
class Signal {
  public:
    Signal();
    void raise();
    void lower();
    [[nodiscard]] bool raised() const;
    [[nodiscard]] int descriptor() const { return fd_.get(); }

  private:
    UniqueFd fd_;
};

enum class IoState : std::uint8_t { ok, would_block, closed, failed };
struct IoCount {
    IoState state = IoState::ok;
    std::size_t bytes = 0;
    int error = 0; // errno when failed
};

class Stream {
  public:
    Stream() = default;
    Stream(UniqueFd fd, const PeerIp& peer); // sets the socket's options
    [[nodiscard]] IoCount read_now(std::span<std::byte> into);
    [[nodiscard]] IoCount write_now(std::span<const std::byte> bytes);
    void close_write(); // the peer reads what we wrote, then the end
    [[nodiscard]] int descriptor() const { return fd_.get(); }
    [[nodiscard]] const PeerIp& peer() const { return peer_; }

  private:
    UniqueFd fd_;
    PeerIp peer_;
};

enum class Woken : std::uint8_t { ready, deadline, signal };
// Until the stream is readable (or writable), the signal is raised, or the deadline has passed.
[[nodiscard]] Woken wait_for(const Stream& stream, bool to_write, const Signal* signal,
                             Deadline deadline);

struct Listening {
    std::vector<UniqueFd> sockets; // IPv4 and, where there is any, IPv6
    std::uint16_t port = 0;        // the bound one; useful when 0 was asked for
};
// address "": all interfaces. invalid_argument or io names address, port and reason.
[[nodiscard]] Result<Listening> listen_on(const std::string& address, std::uint16_t port);

} // namespace dcmflow::scp
