// Result and Error: how everything that is expected to fail says so.
//
// An Error is a code from a closed list (a metric label) and one sentence for people that names the
// file, key or peer and what was expected. Exceptions are for bugs and out-of-memory only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace dcmflow {

enum class ErrorCode : std::uint8_t {
    invalid_argument, // the caller's or the user's input is not acceptable
    not_found,
    conflict,    // e.g. another process holds the data folder
    io,          // a system call failed; the text has strerror
    no_space,    // ENOSPC, EDQUOT, or the configured quota or free-space mark
    memory,      // memory, its budget or descriptors are out
    malformed,   // bytes that are not what they should be
    mismatch,    // two things that must agree do not
    unsupported, // legal, but we do not do it
    refused,     // a peer said no
    timeout,
    link,    // a connection could not be made or broke
    stopped, // we are shutting down
    internal,
};
[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string text;
};

template <class T> using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string text) {
    return tl::unexpected<Error>(Error{code, std::move(text)});
}
// From errno: io, no_space for ENOSPC and EDQUOT, memory for EMFILE, ENFILE and ENOMEM. "what: strerror".
[[nodiscard]] tl::unexpected<Error> fail_errno(int error_number, std::string_view what);

} // namespace dcmflow
