// The journal's writing verbs, each a unit of work in the writer's transaction.
//
// Used by SqliteJournal only; on the writer's thread. They obey SqliteWriter::Work: an error that
// they return leaves the tables as they were; faults of the database are left to the writer.
#pragma once

#include "pipeline/spool/journal.h"
#include "pipeline/spool/sqlite_writer.h"

#include <map>
#include <utility>

namespace dcmflow::sqlite {

// sqlite_accept.cpp
// `healed`: the instance whose damaged blob was replaced, 0 if none.
[[nodiscard]] Status accept(WriteSession& session, const AcceptRequest& request, Accepted& accepted,
                            InstanceId& healed);
[[nodiscard]] Status decide_unmatched(WriteSession& session, DeliveryId delivery,
                                      const rules::Decision& decision);

enum class Existing : std::uint8_t {
    keep_pending,
    keep_delivered
}; // what of a row that is there is left alone
// A delivery of an instance to a destination: made, or an earlier one that ended revived. Whether
// it did either.
bool place_delivery(WriteSession& session, InstanceId instance, std::int64_t bytes,
                    const rules::PlannedDelivery& planned, DeliveryState state,
                    std::string_view error, Existing existing = Existing::keep_pending);

// sqlite_leases.cpp
// Whose turn it is, per destination and priority: false fresh, true due retries. The writer
// thread's own.
using Turns = std::map<std::pair<std::string, int>, bool>;
[[nodiscard]] Status lease_routing(WriteSession& session, std::size_t most,
                                   std::vector<RoutingLease>& leases);
[[nodiscard]] Status lease_sending(WriteSession& session, Turns& turns,
                                   const std::string& destination, std::size_t most,
                                   std::int64_t now, std::vector<SendingLease>& leases);
[[nodiscard]] Status plan(WriteSession& session, InstanceId instance,
                          const std::vector<PlannedSyntax>& planned);
[[nodiscard]] Status return_routing(WriteSession& session, InstanceId instance);
[[nodiscard]] Status settle(WriteSession& session, const Settlement& settlement);
[[nodiscard]] Status reclaim(WriteSession& session, int poison_crashes, int weight,
                             ReclaimReport& report);

// sqlite_operate.cpp
[[nodiscard]] Status act(WriteSession& session, QueueAction action, const QueueFilter& filter,
                         const std::string& target, std::uint64_t& changed);
[[nodiscard]] Status set_paused(WriteSession& session, const std::string& destination, bool paused);
[[nodiscard]] Status learn(WriteSession& session, const std::string& destination,
                           const std::vector<Acceptance>& seen);
[[nodiscard]] Status forget(WriteSession& session, InstanceId instance);
[[nodiscard]] Status condemn(WriteSession& session, InstanceId instance, const std::string& error);

// The questions that run per lease, here so that a test can ask for their query plans.
inline constexpr std::string_view waiting_sql =
    "SELECT d.instance_id FROM delivery d WHERE d.state = 0 AND d.mark = 0 AND d.priority = ? AND "
    "NOT EXISTS "
    "(SELECT 1 FROM delivery e WHERE e.instance_id = d.instance_id AND e.state = 0 AND e.mark = 1) "
    "ORDER BY d.instance_id";
inline constexpr std::string_view ready_sql =
    "SELECT id FROM delivery WHERE state = 1 AND destination = ? AND priority = ? ORDER BY id "
    "LIMIT ?";
inline constexpr std::string_view retry_sql =
    "SELECT id FROM delivery WHERE state = 3 AND destination = ? AND priority = ? AND due <= ? "
    "ORDER BY due, id LIMIT ?";
inline constexpr std::string_view next_due_sql =
    "SELECT due FROM delivery WHERE state = 3 AND destination = ? AND priority = ? ORDER BY due "
    "LIMIT 1";
inline constexpr std::string_view finished_sql =
    "SELECT id FROM instance WHERE finished <> 0 AND finished < ? ORDER BY finished LIMIT ?";

} // namespace dcmflow::sqlite
