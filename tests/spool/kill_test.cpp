// kill -9 in the middle of accepting: what was acknowledged is there.
#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"
#include "tests/spool/support.h"

#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace dcmflow::spool_test {
namespace {

constexpr int rounds = 20;
constexpr int senders = 4;
constexpr std::size_t object_size = 20'000;

// One acknowledgement: fits a pipe's atomic write.
struct Ack {
    char uid[32];
    unsigned seed;
};

// The child: accepts for ever, and says what it accepted only after accept() has returned.
[[noreturn]] void accept_for_ever(const SpoolOptions& options, int round, int acks) {
    auto spool = Spool::open(options);
    if (!spool || !(*spool)->start(adopt_to(deliver_to({"archive", "cloud"}))))
        ::_exit(2);
    std::vector<std::thread> threads;
    for (int t = 0; t < senders; ++t)
        threads.emplace_back([&, t] {
            for (unsigned i = 0;; ++i) {
                Ack ack{};
                // Every fourth object is sent twice, every eighth again with other bytes.
                const unsigned number = i % 4 == 3 ? i - 1 : i;
                ack.seed = i % 8 == 7 ? i : number;
                (void)std::snprintf(ack.uid, sizeof ack.uid, "1.%d.%d.%u", round, t, number);
                auto request = store_blob(**spool, ack.uid, deliver_to({"archive", "cloud"}),
                                          some_bytes(object_size, ack.seed));
                if (!(*spool)->accept(std::move(request)))
                    ::_exit(3);
                if (::write(acks, &ack, sizeof ack) != static_cast<ssize_t>(sizeof ack))
                    ::_exit(4);
                if (const auto leases = (*spool)->journal().lease_routing(2))
                    for (const auto& lease : *leases)
                        (*spool)->journal().plan(lease.row.id,
                                                 {{lease.deliveries.at(0).id, explicit_le, ""}});
            }
        });
    for (auto& thread : threads)
        thread.join();
    ::_exit(5);
}

TEST(KillNine, EveryAcknowledgedObjectIsThere) {
    TempFolder folder;
    const SpoolOptions options{.folder = folder / "data"};
    for (int round = 0; round < rounds; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(::pipe(pipe_ends), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(pipe_ends[0]);
            accept_for_ever(options, round, pipe_ends[1]);
        }
        ::close(pipe_ends[1]);
        std::vector<Ack> acks;
        Ack ack{};
        const auto read_ack = [&] {
            return ::read(pipe_ends[0], &ack, sizeof ack) == static_cast<ssize_t>(sizeof ack);
        };
        // Somewhere in the middle; where exactly differs from round to round by itself.
        while (acks.size() < static_cast<std::size_t>(3 + round * 2) && read_ack())
            acks.push_back(ack);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up by itself: " << WEXITSTATUS(status);
        while (read_ack())
            acks.push_back(ack);
        ::close(pipe_ends[0]);
        ASSERT_FALSE(acks.empty());

        auto spool = Spool::open(options);
        ASSERT_TRUE(spool) << spool.error().text;
        const auto report = (*spool)->start(adopt_to(deliver_to({"archive", "cloud"})));
        ASSERT_TRUE(report) << report.error().text;
        EXPECT_EQ(report->lost, 0U);
        EXPECT_EQ(report->quarantined, 0U);
        std::multimap<std::string, QueueEntry> rows;
        for (auto& entry : std::vector((*spool)->journal().query({.destination = "cloud"}).value()))
            rows.emplace(entry.row.instance.sop_instance_uid, entry);
        for (const auto& acknowledged : acks) {
            const auto digest = digest_of(some_bytes(object_size, acknowledged.seed));
            const auto [from, to] = rows.equal_range(acknowledged.uid);
            const auto at = std::find_if(from, to, [&](const auto& row) {
                return row.second.row.instance.digest == digest;
            });
            ASSERT_NE(at, to) << acknowledged.uid << " was acknowledged in round " << round
                              << " and is not in the queue";
            EXPECT_TRUE((*spool)->open_verified(at->second.row));
            EXPECT_FALSE(is_final(at->second.delivery.state));
        }
        EXPECT_EQ((*spool)->blobs().list()->size(),
                  (*spool)->journal().instances(0, 1'000'000)->size());
    }
}

} // namespace
} // namespace dcmflow::spool_test
