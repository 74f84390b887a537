#include "pipeline/spool/spool_lock.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <unistd.h>

namespace dcmflow {
namespace {

std::string owner_of(int fd) {
    std::array<char, 32> text{};
    const auto got = ::pread(fd, text.data(), text.size(), 0);
    std::string digits;
    for (const char c :
         std::string_view(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0)) {
        if (c < '0' || c > '9')
            break;
        digits += c;
    }
    return digits.empty() ? "unknown" : digits;
}

} // namespace

Result<std::unique_ptr<SpoolLock>> SpoolLock::take(const std::filesystem::path& folder) {
    const auto file = folder / "lock";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return fail_errno(errno, file.native());
    std::unique_ptr<SpoolLock> lock(new SpoolLock(fd));
    int result = 0;
    do
        result = ::flock(fd, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK)
        return fail(ErrorCode::conflict,
                    fmt::format("data folder {} is in use by the process with pid {}",
                                folder.native(), owner_of(fd)));
    if (result != 0)
        return fail_errno(errno, "locking " + file.native());
    const auto pid = fmt::format("{}\n", ::getpid());
    // For people only: a full disk must not keep the router from starting.
    if (::ftruncate(fd, 0) == 0)
        (void)!::pwrite(fd, pid.data(), pid.size(), 0);
    return lock;
}

SpoolLock::~SpoolLock() {
    (void)::close(fd_);
}

} // namespace dcmflow
