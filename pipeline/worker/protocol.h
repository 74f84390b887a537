// What the router and a codec worker say to each other: packets on a socket (SOCK_SEQPACKET),
// pixels and streams in shared memory.
//
// Both ends are the same binary, so structs travel as they are. The worker believes the router; the
// router believes nothing: a Reply is compared with what its Request allows.
#pragma once

#include "codecs/pixel_format.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace dcmflow::worker {

inline constexpr std::string_view command_word = "codec-worker"; // argv[1]; no command of people
// Set in a worker's environment. Who has it starts no workers: a wrong binary can not multiply.
inline constexpr const char* environment_mark = "DCMFLOW_CODEC_WORKER";

// The only descriptors that a worker starts with beside 0 to 2. It closes memory_fd once it is
// mapped.
inline constexpr int socket_fd = 3;
inline constexpr int memory_fd = 4;

// The memory's size never changes (it is sealed); pages that nobody touched cost nothing. A stream
// may be an eighth larger than the largest frame (encoded_limit).
inline constexpr std::uint64_t max_stream_bytes = codecs::max_frame_bytes / 8 * 9;
inline constexpr std::uint64_t stream_at = 0;
inline constexpr std::uint64_t pixels_at = max_stream_bytes;
inline constexpr std::uint64_t memory_bytes = pixels_at + codecs::max_frame_bytes;

inline constexpr std::size_t max_uid = 64; // PS3.5 9.1

struct Hello { // the worker's first packet: codecs are warm, the limits and the filter are in force
    std::uint64_t magic = 0x1D'C0'DE'C0'00'00'00'01;
};

struct Request {
    std::uint64_t number = 0;
    std::uint64_t stream_bytes = 0;
    std::uint64_t pixel_bytes = 0; // what the decoder must give
    codecs::PixelFormat format;
    std::uint32_t alarm_seconds = 0; // ends a worker whose router has gone
    std::uint32_t uid_length = 0;
    std::array<char, max_uid> uid{};
};

struct Reply {
    std::uint64_t number = 0; // of the request
    std::uint64_t pixel_bytes = 0;
    std::uint32_t status = 0; // CodecStatus
};

static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Reply>);

} // namespace dcmflow::worker
