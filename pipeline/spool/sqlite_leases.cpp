// Work taken up and how it ends: leases, plans, settlements, and what a crash left in hand.
#include "pipeline/spool/sqlite_rows.h"
#include "pipeline/spool/sqlite_verbs.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dcmflow::sqlite {
namespace {

constexpr std::array<std::int64_t, 3> priorities{0, 1, 2};

RoutingLease take_instance(WriteSession& session, InstanceId id) {
    RoutingLease lease;
    auto& database = session.database;
    database.run("UPDATE delivery SET mark = 1 WHERE instance_id = ? AND state = 0", id);
    if (auto query = database.query(
            "SELECT " DCMFLOW_INSTANCE_COLUMNS " FROM instance i WHERE i.id = ?", id);
        query.step())
        lease.row = read_instance(query, 0);
    auto query =
        database.query("SELECT " DCMFLOW_DELIVERY_COLUMNS
                       " FROM delivery d WHERE d.instance_id = ? AND d.state = 0 ORDER BY d.id",
                       id);
    while (query.step())
        lease.deliveries.push_back(read_delivery(query, 0));
    return lease;
}

std::vector<DeliveryId> ids_of(SqliteQuery query) {
    std::vector<DeliveryId> ids;
    while (query.step())
        ids.push_back(query.integer(0));
    return ids;
}

// Fresh and due rows in turn, as long as there are both.
std::vector<DeliveryId> take_turns(const std::vector<DeliveryId>& fresh,
                                   const std::vector<DeliveryId>& due, std::size_t most,
                                   bool& due_is_next) {
    std::vector<DeliveryId> ids;
    std::size_t next_fresh = 0;
    std::size_t next_due = 0;
    while (ids.size() < most && (next_fresh < fresh.size() || next_due < due.size())) {
        const bool both = next_fresh < fresh.size() && next_due < due.size();
        const bool take_due = both ? due_is_next : next_due < due.size();
        ids.push_back(take_due ? due[next_due++] : fresh[next_fresh++]);
        if (both)
            due_is_next = !take_due;
    }
    return ids;
}

} // namespace

Status lease_routing(WriteSession& session, std::size_t most, std::vector<RoutingLease>& leases) {
    leases.clear();
    std::vector<InstanceId> ids;
    for (const auto priority : priorities) {
        auto query = session.database.query(waiting_sql, priority);
        while (ids.size() < most && query.step())
            if (const auto id = query.integer(0);
                std::find(ids.begin(), ids.end(), id) == ids.end())
                ids.push_back(id);
    }
    for (const auto id : ids)
        leases.push_back(take_instance(session, id));
    return {};
}

Status lease_sending(WriteSession& session, Turns& turns, const std::string& destination,
                     std::size_t most, std::int64_t now, std::vector<SendingLease>& leases) {
    leases.clear();
    auto& database = session.database;
    if (database.number("SELECT 1 FROM paused WHERE destination = ?", destination))
        return {};
    for (const auto priority : priorities) {
        if (leases.size() >= most)
            break;
        const auto rest = static_cast<std::int64_t>(most - leases.size());
        const auto fresh = ids_of(database.query(ready_sql, destination, priority, rest));
        const auto due = ids_of(database.query(retry_sql, destination, priority, now, rest));
        auto& due_is_next = turns[{destination, static_cast<int>(priority)}];
        for (const auto id : take_turns(fresh, due, most - leases.size(), due_is_next)) {
            database.run("UPDATE delivery SET state = 2, mark = 1 WHERE id = ?", id);
            auto query = database.query(
                "SELECT " DCMFLOW_INSTANCE_COLUMNS ", " DCMFLOW_DELIVERY_COLUMNS
                " FROM delivery d JOIN instance i ON i.id = d.instance_id WHERE d.id = ?",
                id);
            if (query.step())
                leases.push_back({read_instance(query, 0), read_delivery(query, instance_columns)});
        }
    }
    return {};
}

Status plan(WriteSession& session, InstanceId instance, const std::vector<PlannedSyntax>& planned) {
    auto& database = session.database;
    for (const auto& step : planned) {
        // mark = 1: still leased; rows that an operator took meanwhile are not.
        if (database.run("UPDATE delivery SET state = 1, mark = 0, crashes_route = 0, syntax = ?, "
                         "reason = ? "
                         "WHERE id = ? AND instance_id = ? AND state = 0 AND mark = 1",
                         step.syntax, step.reason, step.delivery, instance) == 0)
            continue;
        if (step.pixel_digest)
            database.run("UPDATE instance SET pixel_digest = ? WHERE id = ?",
                         std::span<const std::uint8_t>(step.pixel_digest->bytes), instance);
        if (auto query =
                database.query("SELECT destination FROM delivery WHERE id = ?", step.delivery);
            query.step())
            session.wake.insert(query.text(0));
    }
    return return_routing(session, instance); // rows that the plan left out, or that came meanwhile
}

Status return_routing(WriteSession& session, InstanceId instance) {
    auto& database = session.database;
    database.run("UPDATE delivery SET mark = 0 WHERE instance_id = ? AND state = 0 AND mark = 1",
                 instance);
    if (database.number("SELECT 1 FROM delivery WHERE instance_id = ? AND state = 0 LIMIT 1",
                        instance))
        session.wake.insert("");
    return {};
}

Status settle(WriteSession& session, const Settlement& settlement) {
    auto& database = session.database;
    const auto to = may_become(DeliveryState::sending, settlement.state) ? settlement.state
                                                                         : DeliveryState::waiting;
    const bool final = is_final(to);
    // Without a new error an undelivered row keeps what is known of it.
    const bool set_error = final || !settlement.error.empty();
    const auto changed =
        database.run("UPDATE delivery SET state = ?, mark = 0, crashes_send = 0, due = ?, settled "
                     "= ?, alone = ?, "
                     "attempts = attempts + ?, unknown_outcomes = unknown_outcomes + ?, "
                     "last_error = CASE WHEN ? THEN ? ELSE last_error END, error_at = CASE WHEN ? "
                     "THEN ? ELSE error_at END "
                     "WHERE id = ? AND state = 2",
                     static_cast<std::int64_t>(to),
                     to == DeliveryState::retry ? settlement.due : std::int64_t{0},
                     final ? session.now : std::int64_t{0}, std::int64_t{settlement.alone},
                     std::int64_t{settlement.count_attempt}, std::int64_t{settlement.count_unknown},
                     std::int64_t{set_error}, settlement.error, std::int64_t{set_error},
                     settlement.error.empty() ? std::int64_t{0} : session.now, settlement.delivery);
    if (changed == 0)
        return {}; // condemned, or an operator's meanwhile
    if (to == DeliveryState::waiting)
        session.wake.insert("");
    if (to == DeliveryState::ready || to == DeliveryState::retry)
        if (auto query = database.query("SELECT destination FROM delivery WHERE id = ?",
                                        settlement.delivery);
            query.step())
            session.wake.insert(query.text(0));
    return {};
}

Status reclaim(WriteSession& session, int poison_crashes, int weight, ReclaimReport& report) {
    auto& database = session.database;
    report = {};
    const auto count = [&](std::string_view sql) {
        return static_cast<std::uint64_t>(database.number(sql).value_or(0));
    };
    report.routing_returned =
        count("SELECT count(DISTINCT instance_id) FROM delivery WHERE state = 0 AND mark = 1");
    report.sending_returned = count("SELECT count(*) FROM delivery WHERE state = 2");
    const auto limit = static_cast<std::int64_t>(std::max(poison_crashes, 1));
    const int step = std::max(weight, 0);
    const auto hold = [&](std::string_view counter, std::string_view in_hand,
                          std::string_view doing) {
        return static_cast<std::uint64_t>(
            database.run(fmt::format("UPDATE delivery SET state = 4, mark = 0, {0} = {0} + {3}, "
                                     "error_at = ?, last_error = "
                                     "'held: the process died time after time while it {2}; `queue "
                                     "release` tries it again' "
                                     "WHERE {1} AND {0} + {3} >= ?",
                                     counter, in_hand, doing, step),
                         session.now, limit));
    };
    report.held_as_poison =
        hold("crashes_route", "state = 0 AND mark = 1", "had this object in the flow graph") +
        hold("crashes_send", "state = 2 AND mark = 1", "was sending this object");
    database.run("UPDATE delivery SET mark = 0, crashes_route = crashes_route + ? WHERE state = 0 "
                 "AND mark = 1",
                 std::int64_t{step});
    database.run("UPDATE delivery SET state = 0, crashes_send = crashes_send + mark * ?, mark = 0, "
                 "syntax = '', "
                 "reason = '' WHERE state = 2",
                 std::int64_t{step});
    database.run("UPDATE delivery SET state = 0, syntax = '', reason = '' WHERE state = 1");
    session.wake.insert("");
    return {};
}

} // namespace dcmflow::sqlite
