#include "pipeline/worker/worker_main.h"

#include "pipeline/worker/confinement.h"
#include "pipeline/worker/protocol.h"
#include "pipeline/worker/shared_memory.h"
#include "pipeline/worker/warm_up.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <sys/socket.h>
#include <unistd.h>

namespace dcmflow {

namespace {

using namespace worker;

constexpr int exit_usage = 2;

bool socket_is_ours() {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(socket_fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_SEQPACKET;
}

template <class Packet> bool send_packet(const Packet& packet) {
    for (;;) {
        const auto sent = ::send(socket_fd, &packet, sizeof packet, MSG_NOSIGNAL);
        if (sent >= 0 || errno != EINTR)
            return sent == static_cast<ssize_t>(sizeof packet);
    }
}

// False at the end of the socket: the router has gone, or is done with us.
bool receive(Request& request) {
    for (;;) {
        const auto got = ::recv(socket_fd, &request, sizeof request, 0);
        if (got >= 0 || errno != EINTR)
            return got == static_cast<ssize_t>(sizeof request);
    }
}

codecs::CodecStatus decode(const codecs::Registry& registry, const Request& request,
                           const SharedMemory& memory, codecs::FrameBuffer& pixels) {
    using codecs::CodecStatus;
    if (request.uid_length > max_uid || request.stream_bytes > max_stream_bytes)
        return CodecStatus::failed;
    const codecs::Codec* codec = registry.find({request.uid.data(), request.uid_length});
    if (codec == nullptr)
        return CodecStatus::unsupported;
    const auto status =
        codec->decode(memory.stream().first(request.stream_bytes), request.format, pixels);
    if (status != CodecStatus::ok)
        return status;
    if (pixels.size() != request.pixel_bytes || pixels.size() > memory.pixels().size())
        return CodecStatus::failed; // the two ends do not agree what this codec gives
    std::memcpy(memory.pixels().data(), pixels.data(), pixels.size());
    return CodecStatus::ok;
}

Reply answer(const codecs::Registry& registry, const Request& request, const SharedMemory& memory,
             codecs::FrameBuffer& pixels) {
    Reply reply{.number = request.number};
    using codecs::CodecStatus;
    auto status = CodecStatus::failed;
    errno = 0;
    try {
        status = decode(registry, request, memory, pixels);
    } catch (const std::bad_alloc&) {
        status = CodecStatus::unavailable;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
    // Libraries say of a stream whose tables did not fit that it is broken. malloc leaves a note.
    if (errno == ENOMEM && (status == CodecStatus::corrupt || status == CodecStatus::failed))
        status = CodecStatus::unavailable;
    reply.status = static_cast<std::uint32_t>(status);
    reply.pixel_bytes = status == CodecStatus::ok ? pixels.size() : 0;
    constexpr std::size_t keep = 64U << 20;
    if (pixels.capacity() > keep)
        codecs::FrameBuffer{}.swap(pixels);
    return reply;
}

void serve(const codecs::Registry& registry, const SharedMemory& memory) {
    codecs::FrameBuffer pixels;
    for (Request request; receive(request);) {
        ::alarm(request.alarm_seconds); // SIGALRM ends us
        const Reply reply = answer(registry, request, memory, pixels);
        ::alarm(0);
        if (!send_packet(reply))
            return;
    }
}

int complain(const Error& error) {
    std::fprintf(stderr, "codec worker: %s\n", error.text.c_str());
    return 1;
}

} // namespace

bool is_codec_worker(int argc, const char* const* argv) {
    return argc == 2 && argv[1] == command_word;
}

int run_codec_worker(const codecs::Registry& registry) {
    if (!socket_is_ours()) {
        std::fprintf(stderr, "dcmflow starts its codec workers itself\n");
        return exit_usage;
    }
    // A service manager that stops the router tells every process; the router may still need us to
    // drain.
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        std::signal(signal, SIG_IGN);
    std::setvbuf(stdout, nullptr, _IONBF, 0); // or its first use would ask what it is
    auto memory = SharedMemory::map(Descriptor(memory_fd));
    if (!memory)
        return complain(memory.error());
    memory->close_descriptor();
    if (auto status = limit_resources(); !status)
        return complain(status.error());
    warm_up(registry);
    if (auto status = install_filter(); !status)
        return complain(status.error());
    if (send_packet(Hello{}))
        serve(registry, *memory);
    ::_exit(0); // nothing to flush; the filter allows no more
}

} // namespace dcmflow
