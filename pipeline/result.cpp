#include "pipeline/result.h"

#include <cerrno>
#include <system_error>

namespace dcmflow {

std::string_view to_string(ErrorCode code) {
    switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::io: return "io";
    case ErrorCode::no_space: return "no_space";
    case ErrorCode::memory: return "memory";
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::mismatch: return "mismatch";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::refused: return "refused";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::link: return "link";
    case ErrorCode::stopped: return "stopped";
    case ErrorCode::internal: return "internal";
    }
    return "internal";
}

tl::unexpected<Error> fail_errno(int error_number, std::string_view what) {
    ErrorCode code = ErrorCode::io;
    if (error_number == ENOSPC || error_number == EDQUOT)
        code = ErrorCode::no_space;
    else if (error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM)
        code = ErrorCode::memory;
    std::string text(what);
    text += ": ";
    text += std::generic_category().message(error_number);
    return fail(code, std::move(text));
}

} // namespace dcmflow
