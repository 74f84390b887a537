// What operators and housekeeping do to the queue.
#include "pipeline/spool/sqlite_rows.h"
#include "pipeline/spool/sqlite_verbs.h"

#include <fmt/format.h>

namespace dcmflow::sqlite {
namespace {

// Which states an action may take a row from, and what it makes of the row. `release` and `retry`
// leave rows without a destination alone: there is nowhere to send them.
struct Change {
    const char* from;
    const char* assignments;
};

Change change_of(QueueAction action) {
    switch (action) {
    case QueueAction::retry:
        return {"d.state IN (3, 5) AND d.destination <> ''",
                "state = 0, mark = 0, due = 0, attempts = 0, unknown_outcomes = 0, alone = 0, "
                "settled = 0"};
    case QueueAction::hold:
        return {"d.state IN (0, 1, 3, 5)", "state = 4, mark = 0, due = 0"};
    case QueueAction::release:
        return {"d.state = 4 AND d.destination <> ''",
                "state = 0, mark = 0, due = 0, crashes_route = 0, crashes_send = 0"};
    case QueueAction::drop:
        return {"d.state IN (0, 1, 3, 4, 5)", "state = 7, mark = 0, due = 0"};
    case QueueAction::move:
        return {"d.state IN (0, 1, 3, 4, 5)", ""};
    }
    return {"0", ""};
}

std::string selection(const FilterSql& conditions, std::string_view columns,
                      std::string_view from) {
    return fmt::format(
        "SELECT {} FROM delivery d JOIN instance i ON i.id = d.instance_id WHERE {} AND {} "
        "ORDER BY d.id LIMIT ?",
        columns, conditions.condition, from);
}

struct Moved {
    DeliveryId id;
    InstanceId instance;
    std::int64_t bytes;
    rules::Priority priority;
};

// The row itself ends as dropped, so that a plan or settlement still under way for it finds nothing
// to change.
std::uint64_t move(WriteSession& session, const QueueFilter& filter, const std::string& target) {
    auto& database = session.database;
    const auto conditions = filter_sql(filter);
    std::vector<Moved> rows;
    {
        auto query = database.query(
            selection(conditions, "d.id, d.instance_id, d.bytes, d.priority, d.destination",
                      change_of(QueueAction::move).from));
        bind_filter(query, conditions);
        while (query.step())
            if (query.text(4) != target)
                rows.push_back({query.integer(0), query.integer(1), query.integer(2),
                                static_cast<rules::Priority>(query.integer(3))});
    }
    for (const auto& row : rows) {
        place_delivery(session, row.instance, row.bytes,
                       {.destination = target, .priority = row.priority}, DeliveryState::waiting,
                       {}, Existing::keep_delivered);
        database.run("UPDATE delivery SET state = 7, mark = 0, due = 0, settled = ?, last_error = "
                     "?, error_at = 0 "
                     "WHERE id = ?",
                     session.now, "moved to " + target, row.id);
    }
    return rows.size();
}

} // namespace

Status act(WriteSession& session, QueueAction action, const QueueFilter& filter,
           const std::string& target, std::uint64_t& changed) {
    auto& database = session.database;
    if (action == QueueAction::move) {
        if (target.empty())
            return fail(ErrorCode::invalid_argument,
                        "move: expected the name of the destination to move to");
        changed = move(session, filter, target);
        return {};
    }
    const auto change = change_of(action);
    const auto conditions = filter_sql(filter);
    auto query =
        database.query(fmt::format("UPDATE delivery SET {}{} WHERE id IN ({})", change.assignments,
                                   action == QueueAction::drop ? ", settled = ?" : "",
                                   selection(conditions, "d.id", change.from)));
    if (action == QueueAction::drop)
        query.bind(session.now);
    bind_filter(query, conditions);
    changed = static_cast<std::uint64_t>(query.run());
    if (changed > 0 && (action == QueueAction::retry || action == QueueAction::release))
        session.wake.insert("");
    return {};
}

Status set_paused(WriteSession& session, const std::string& destination, bool paused) {
    if (paused) {
        session.database.run("INSERT OR IGNORE INTO paused VALUES (?)", destination);
    } else {
        session.database.run("DELETE FROM paused WHERE destination = ?", destination);
        session.wake.insert(destination);
    }
    return {};
}

Status learn(WriteSession& session, const std::string& destination,
             const std::vector<Acceptance>& seen) {
    for (const auto& acceptance : seen)
        session.database.run("INSERT OR REPLACE INTO acceptance VALUES (?, ?, ?, ?)", destination,
                             acceptance.sop_class_uid, acceptance.transfer_syntax_uid,
                             std::int64_t{acceptance.accepted});
    return {};
}

Status forget(WriteSession& session, InstanceId instance) {
    auto& database = session.database;
    std::string blob;
    if (auto query = database.query("SELECT blob FROM instance WHERE id = ?", instance);
        query.step())
        blob = query.text(0);
    else if (!database.fault())
        return fail(ErrorCode::not_found, fmt::format("no instance {} in the journal", instance));
    if (database.number("SELECT 1 FROM delivery WHERE instance_id = ? AND state < 6 LIMIT 1",
                        instance))
        return fail(ErrorCode::conflict,
                    fmt::format("instance {} is still to be delivered", instance));
    database.run("DELETE FROM delivery WHERE instance_id = ?", instance);
    database.run("DELETE FROM instance WHERE id = ?", instance);
    // So that a start before the file is gone for good does not adopt it. Ten minutes later the
    // removal has long reached the disk.
    database.run("DELETE FROM forgotten WHERE at < ?", session.now - 600'000);
    database.run("INSERT INTO forgotten (at, blob) VALUES (?, ?)", session.now, blob);
    return {};
}

Status condemn(WriteSession& session, InstanceId instance, const std::string& error) {
    auto& database = session.database;
    if (database.run("UPDATE instance SET damaged = 1 WHERE id = ?", instance) == 0 &&
        !database.fault())
        return fail(ErrorCode::not_found, fmt::format("no instance {} in the journal", instance));
    database.run("UPDATE delivery SET state = 4, mark = 2, due = 0, last_error = ?, error_at = ? "
                 "WHERE instance_id = ? AND (state < 4 OR state = 5)",
                 error, session.now, instance);
    return {};
}

} // namespace dcmflow::sqlite
