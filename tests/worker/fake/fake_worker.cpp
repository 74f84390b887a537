// A codec worker as an attacker would have it: it does what the request's transfer syntax UID says.
// CodecWorkers starts it in the place of dcmflow.
#include "codecs/codec.h"
#include "pipeline/worker/protocol.h"

#include <cassert>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace dcmflow;
using worker::Reply;
using worker::Request;

void say(const void* packet, std::size_t size) {
    if (::send(worker::socket_fd, packet, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size))
        std::_Exit(3);
}

Reply honest(const Request& request) {
    return {.number = request.number,
            .pixel_bytes = request.pixel_bytes,
            .status = static_cast<std::uint32_t>(codecs::CodecStatus::ok)};
}

void obey(const std::string& order, const Request& request) {
    Reply reply = honest(request);
    if (order == "abort") {
        std::fputs("first line\nAssertion `Errval <= RANGE' \x1b failed.\n", stderr);
        std::abort();
    }
    if (order == "exit")
        std::_Exit(7);
    if (order == "hang")
        for (;;)
            ::pause();
    if (order == "spin")
        for (volatile int forever = 1; forever != 0;) {
        }
    if (order == "hang up") {
        ::close(worker::socket_fd);
        for (;;)
            ::pause();
    }
    if (order == "failed" || order == "unavailable") {
        reply.status = static_cast<std::uint32_t>(
            order == "failed" ? codecs::CodecStatus::failed : codecs::CodecStatus::unavailable);
        reply.pixel_bytes = 0;
    }
    if (order == "too many bytes")
        reply.pixel_bytes += 1;
    if (order == "bytes without end")
        reply.pixel_bytes = ~0ULL;
    if (order == "few bytes")
        reply.pixel_bytes -= 1;
    if (order == "old number")
        reply.number -= 1;
    if (order == "status of encoding")
        reply.status = static_cast<std::uint32_t>(codecs::CodecStatus::dirty_bits);
    if (order == "no status")
        reply.status = 0xFFFF'FFFF;
    if (order == "pixels of a failure")
        reply.status = static_cast<std::uint32_t>(codecs::CodecStatus::corrupt);
    if (order == "short packet")
        return say(&reply, sizeof reply - 1);
    if (order == "long packet") {
        const char packet[sizeof reply + 1]{};
        return say(packet, sizeof packet);
    }
    say(&reply, sizeof reply);
    if (order == "twice")
        say(&reply, sizeof reply);
}

} // namespace

int main() {
    // That it can not shrink the memory is what the router's life hangs on.
    if (::ftruncate(worker::memory_fd, 4096) == 0 || ::ftruncate(worker::memory_fd, 1LL << 40) == 0)
        return 1;
    if (const char* how = std::getenv("DCMDICTPATH");
        how != nullptr && std::string(how) == "say nothing")
        for (;;)
            ::pause();
    const worker::Hello hello;
    say(&hello, sizeof hello);
    for (Request request; ::recv(worker::socket_fd, &request, sizeof request, 0) == sizeof request;)
        obey({request.uid.data(), request.uid_length}, request);
}
