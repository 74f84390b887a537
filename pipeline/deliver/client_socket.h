// ClientSocket: one outgoing TCP connection with a deadline on every wait.
//
// Owned by an Association. One thread at a time, except abort(): any thread, any time while it
// lives; it makes a blocked call return. The descriptor is closed in the destructor and nowhere
// else, so that abort() can never hit a descriptor that was used again. It never blocks without a
// deadline and knows no DICOM. resolve() asks the system's resolver, which has time-outs of its own
// (resolv.conf): call it on a lane's thread.
#pragma once

#include "pipeline/result.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

namespace dcmflow::deliver {

using Deadline = std::chrono::steady_clock::time_point;

struct PeerAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    [[nodiscard]] std::string text() const; // "10.0.0.5:104", "[fd00::5]:104"
};

// All addresses of a host, in the resolver's order; not_found names host and reason.
[[nodiscard]] Result<std::vector<PeerAddress>> resolve(const std::string& host, std::uint16_t port);

enum class IoStatus : std::uint8_t {
    ok,
    closed,  // the peer closed the connection
    timeout, // the deadline passed
    failed,  // a system call failed: `error`
    aborted, // abort() was called
};
struct IoResult {
    IoStatus status = IoStatus::ok;
    int error = 0; // errno of a failure
    [[nodiscard]] bool ok() const { return status == IoStatus::ok; }
    [[nodiscard]] std::string
    text() const; // "the peer closed the connection", "Connection reset by peer"
};

struct Ready {
    IoStatus status = IoStatus::ok; // ok, timeout, failed
    bool readable = false;          // bytes, end of stream or an error wait to be read
    bool writable = false;
};

class ClientSocket {
  public:
    // Tries the addresses in order within `timeout` in all, each with its share of what is left. An
    // error says what happened at the last address: timeout or link, "connection refused
    // by 10.0.0.5:104: …".
    [[nodiscard]] static Result<std::shared_ptr<ClientSocket>>
    connect(std::span<const PeerAddress> addresses, std::chrono::milliseconds timeout,
            int stop = -1);
    ~ClientSocket();
    ClientSocket(const ClientSocket&) = delete;
    ClientSocket& operator=(const ClientSocket&) = delete;

    [[nodiscard]] const std::string& peer() const { return peer_; } // address and port
    [[nodiscard]] IoResult read_exact(std::span<std::byte> into, Deadline deadline);
    // Writes what the kernel takes now; `written` may be 0 (would block).
    [[nodiscard]] IoResult write_some(std::span<const iovec> pieces, std::size_t& written);
    [[nodiscard]] IoResult write_all(std::span<const std::byte> bytes, Deadline deadline);
    [[nodiscard]] Ready wait(bool for_reading, bool for_writing, Deadline deadline) const;
    void abort(); // any thread

  private:
    ClientSocket(int descriptor, std::string peer);
    [[nodiscard]] IoResult failure(int error) const;

    const int descriptor_;
    const std::string peer_;
    std::atomic<bool> aborted_{false};
};

} // namespace dcmflow::deliver
