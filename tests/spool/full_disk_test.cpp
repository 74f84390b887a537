// A really full disk: the spool on a small tmpfs in a namespace of its own. No false success, no
// half file, and service resumes when there is space.
#include "pipeline/spool/spool.h"

#include "tests/spool/support.h"

#include <cstdio>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <set>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dcmflow::spool_test {
namespace {

constexpr int not_allowed = 77;
constexpr std::size_t object_size = 30'000;

#define CHECK_CHILD(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
            return 1;                                                                              \
        }                                                                                          \
    } while (false)

// As store_blob, but an error is an answer.
Result<Accepted> try_store(Spool& spool, const std::string& uid, unsigned seed) {
    auto writer = spool.blobs().create();
    if (!writer)
        return tl::unexpected(writer.error());
    auto request = blob_request(uid, deliver_to({"archive"}), some_bytes(object_size, seed));
    for (std::size_t at = 0; at < request.file.size(); at += 4096) {
        const auto piece = std::span(request.file)
                               .subspan(at, std::min<std::size_t>(4096, request.file.size() - at));
        if (auto status = (*writer)->write(piece); !status)
            return tl::unexpected(status.error());
    }
    auto name = (*writer)->commit();
    if (!name)
        return tl::unexpected(name.error());
    request.request.instance.blob = *name;
    return spool.accept(std::move(request.request));
}

// Small files that nobody else needs, until not a byte more fits; then SQLite finds the disk full
// as well.
void fill(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    ::close(fd);
}

int scenario(const std::filesystem::path& disk) {
    const SpoolOptions options{.folder = disk / "data"};
    std::set<std::string> acknowledged;
    {
        auto opened = Spool::open(options);
        CHECK_CHILD(opened);
        auto& spool = **opened;
        CHECK_CHILD(spool.start(adopt_to(deliver_to({"archive"}))));
        const auto round = [&](const std::string& prefix, unsigned most) {
            for (unsigned i = 0; i < most; ++i) {
                const auto uid = prefix + std::to_string(i);
                const auto accepted = try_store(spool, uid, i);
                if (!accepted && accepted.error().code != ErrorCode::no_space)
                    return accepted.error().text;
                if (!accepted)
                    return std::string("full");
                acknowledged.insert(uid);
            }
            return std::string("all fit");
        };
        CHECK_CHILD(round("1.", 20) == "all fit");
        fill(disk / "ballast");
        const auto full = round("2.", 1000);
        if (full != "full")
            (void)std::fprintf(stderr, "%s\n", full.c_str());
        CHECK_CHILD(full == "full");
        CHECK_CHILD(!spool.admit(object_size));
        // Rows do not fit either.
        int refused = 0;
        for (int i = 0; i < 20; ++i) {
            const auto accepted = spool.journal().accept(
                request_for("3." + std::to_string(i), deliver_to({"archive"})));
            CHECK_CHILD(accepted || accepted.error().code == ErrorCode::no_space);
            refused += accepted ? 0 : 1;
        }
        CHECK_CHILD(refused > 0);
        CHECK_CHILD(spool.journal().healthy());
        std::filesystem::remove(disk / "ballast");
        CHECK_CHILD(round("4.", 20) == "all fit");
        CHECK_CHILD(std::filesystem::is_empty(options.folder / "tmp"));
    }
    auto opened = Spool::open(options);
    CHECK_CHILD(opened);
    const auto report = (*opened)->start(adopt_to(deliver_to({"archive"})));
    CHECK_CHILD(report);
    CHECK_CHILD(report->quarantined == 0);
    std::set<std::string> found;
    for (const auto& entry :
         std::vector((*opened)->journal().query({.state = DeliveryState::waiting}).value())) {
        CHECK_CHILD((*opened)->open_verified(entry.row));
        found.insert(entry.row.instance.sop_instance_uid);
    }
    CHECK_CHILD(found == acknowledged);
    return 0;
}

bool write_text(const char* file, const std::string& text) {
    const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
    const bool done =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    return done;
}

// A small disk of our own, without being root.
bool mount_small_disk(const std::filesystem::path& folder) {
    const auto user = ::getuid();
    const auto group = ::getgid();
    return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
           write_text("/proc/self/gid_map", "0 " + std::to_string(group) + " 1") &&
           ::mount("none", folder.c_str(), "tmpfs", 0, "size=4m") == 0;
}

TEST(FullDisk, IsRefusedAndServiceResumes) {
    TempFolder folder;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (!mount_small_disk(folder.path()))
            ::_exit(not_allowed);
        ::_exit(scenario(folder.path()));
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == not_allowed)
        GTEST_SKIP() << "no user namespace (none here, or TSan has a thread of its own): no small "
                        "tmpfs to fill";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
} // namespace dcmflow::spool_test
