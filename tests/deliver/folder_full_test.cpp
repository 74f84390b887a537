// A folder on a full file system: retry_resources, nothing half-written, and it goes on when space
// returns. A small tmpfs in a user namespace of a child process; skipped, with a message, where
// that is not allowed.
#include "pipeline/deliver/folder_destination.h"
#include "tests/deliver/support.h"

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dcmflow::testing {
namespace {

namespace fs = std::filesystem;

constexpr int skipped = 77;

void write_text(const char* path, const std::string& text) {
    const int file = ::open(path, O_WRONLY);
    if (file >= 0) {
        [[maybe_unused]] const auto wrote = ::write(file, text.data(), text.size());
        ::close(file);
    }
}

bool mount_tmpfs(const fs::path& at, const char* options) {
    const auto uid = ::getuid();
    const auto gid = ::getgid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return false;
    }
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
    write_text("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
    return ::mount("dcmflow-test", at.c_str(), "tmpfs", 0, options) == 0;
}

// In the child: 0, or the line that failed.
int fill_and_free(const fs::path& root) {
    FolderDestination destination(folder_config(root, "{SOPInstanceUID}.dcm"));
    auto link = destination.connect({});
    if (!link) {
        return __LINE__ % 100;
    }
    if ((*link)->send(make_object(100'000, "1.1").parcel()).outcome != Outcome::delivered) {
        return __LINE__ % 100;
    }
    const Object large = make_object(3'000'000, "1.2");
    const SendResult full = (*link)->send(large.parcel());
    std::fprintf(stderr, "%s\n", full.text.c_str());
    if (full.outcome != Outcome::retry_resources || !(*link)->usable()) {
        return __LINE__ % 100;
    }
    if (files_below(root).size() != 1) { // neither the object nor a temporary file
        return __LINE__ % 100;
    }
    if ((*link)->send(make_object(200'000, "1.3").parcel()).outcome != Outcome::delivered) {
        return __LINE__ % 100;
    }
    if (::mount("dcmflow-test", root.c_str(), "tmpfs", MS_REMOUNT, "size=16m") != 0) {
        return __LINE__ % 100;
    }
    return (*link)->send(large.parcel()).outcome == Outcome::delivered ? 0 : __LINE__ % 100;
}

TEST(FolderFull, GivesRetryResourcesAndGoesOnWhenSpaceReturns) {
    const TempFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(mount_tmpfs(folder.path(), "size=1m") ? fill_and_free(folder.path()) : skipped);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == skipped) {
        GTEST_SKIP() << "no user namespaces with tmpfs here";
    }
    EXPECT_EQ(WEXITSTATUS(status), 0) << "line, modulo 100";
}

} // namespace
} // namespace dcmflow::testing
