#include "pipeline/spool/sqlite_journal.h"

#include "pipeline/spool/sqlite_rows.h"
#include "pipeline/spool/sqlite_schema.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace dcmflow {
namespace {

std::int64_t system_clock_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

using Sync = SqliteWriter::Sync;

template <class Value> Result<Value> with(const Status& status, Value& value) {
    if (!status)
        return tl::unexpected(status.error());
    return std::move(value);
}

void add_counts(DestinationSummary& summary, DeliveryState state, std::uint64_t rows,
                std::uint64_t bytes) {
    switch (state) {
    case DeliveryState::waiting:
    case DeliveryState::ready:
        summary.ready += rows;
        break;
    case DeliveryState::sending:
        summary.sending += rows;
        break;
    case DeliveryState::retry:
        summary.retry += rows;
        break;
    case DeliveryState::held:
        summary.held += rows;
        break;
    case DeliveryState::failed:
        summary.failed += rows;
        break;
    case DeliveryState::delivered:
        summary.delivered += rows;
        break;
    case DeliveryState::dropped:
        break;
    }
    summary.bytes += is_final(state) ? 0 : bytes;
}

std::vector<DestinationSummary> summarise(SqliteDatabase& database) {
    std::map<std::string, DestinationSummary> by_name;
    {
        auto query = database.query(
            "SELECT destination, state, deliveries, bytes FROM tally WHERE deliveries > 0");
        while (query.step())
            add_counts(by_name[query.text(0)], static_cast<DeliveryState>(query.integer(1)),
                       static_cast<std::uint64_t>(query.integer(2)),
                       static_cast<std::uint64_t>(query.integer(3)));
    }
    {
        auto query = database.query("SELECT destination FROM paused");
        while (query.step())
            by_name[query.text(0)].paused = true;
    }
    std::vector<DestinationSummary> summaries;
    for (auto& [name, summary] : by_name) {
        summary.destination = name;
        summary.oldest =
            database
                .number("SELECT min(created) FROM delivery WHERE destination = ? AND state < 6",
                        name)
                .value_or(0);
        auto query = database.query(
            "SELECT last_error FROM delivery WHERE destination = ? AND state < 6 AND "
            "error_at > 0 ORDER BY error_at DESC LIMIT 1",
            name);
        if (query.step())
            summary.last_error = query.text(0);
        summaries.push_back(std::move(summary));
    }
    return summaries;
}

} // namespace

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::open(const SqliteJournalOptions& options) {
    auto writer = open_journal_writer(options.file, options.vfs);
    if (!writer)
        return tl::unexpected(writer.error());
    auto quick = open_journal_reader(options.file, options.vfs);
    if (!quick)
        return tl::unexpected(quick.error());
    auto slow = open_journal_reader(options.file, options.vfs);
    if (!slow)
        return tl::unexpected(slow.error());
    return std::unique_ptr<SqliteJournal>(
        new SqliteJournal(options.file, std::move(*writer), std::move(*quick), std::move(*slow),
                          options.clock ? options.clock : system_clock_ms));
}

SqliteJournal::SqliteJournal(std::filesystem::path file, std::unique_ptr<SqliteDatabase> writer,
                             std::unique_ptr<SqliteDatabase> quick,
                             std::unique_ptr<SqliteDatabase> slow, const SqliteWriter::Clock& clock)
    : file_(std::move(file)), writer_(std::move(writer), file_, clock) {
    quick_.database = std::move(quick);
    slow_.database = std::move(slow);
}

SqliteJournal::~SqliteJournal() = default;

void SqliteJournal::on_work(WorkListener listener) {
    writer_.on_work(std::move(listener));
}
void SqliteJournal::flush() {
    writer_.flush();
}
bool SqliteJournal::healthy() const {
    return writer_.healthy();
}

Result<ReclaimReport> SqliteJournal::reclaim(int poison_crashes, int weight) {
    ReclaimReport report;
    return with(writer_.perform(Sync::durable,
                                [&](WriteSession& s) {
                                    return sqlite::reclaim(s, poison_crashes, weight, report);
                                }),
                report);
}

Result<Accepted> SqliteJournal::accept(AcceptRequest request) {
    Accepted accepted;
    InstanceId healed = 0;
    const auto status = writer_.perform(Sync::durable, [&](WriteSession& s) {
        return sqlite::accept(s, request, accepted, healed);
    });
    if (status && healed != 0) {
        const std::lock_guard lock(verified_mutex_);
        verified_.erase(healed);
    }
    return with(status, accepted);
}

Result<std::vector<RoutingLease>> SqliteJournal::lease_routing(std::size_t most) {
    std::vector<RoutingLease> leases;
    const auto status = writer_.perform(
        Sync::lazy, [&](WriteSession& s) { return sqlite::lease_routing(s, most, leases); });
    for (auto& lease : leases)
        mark(lease.row);
    return with(status, leases);
}

void SqliteJournal::plan(InstanceId instance, std::vector<PlannedSyntax> planned) {
    writer_.post([instance, planned = std::move(planned)](WriteSession& s) {
        return sqlite::plan(s, instance, planned);
    });
}

void SqliteJournal::return_routing(InstanceId instance) {
    writer_.post([instance](WriteSession& s) { return sqlite::return_routing(s, instance); });
}

Result<std::vector<SendingLease>> SqliteJournal::lease_sending(const std::string& destination,
                                                               std::size_t most, std::int64_t now) {
    std::vector<SendingLease> leases;
    const auto status = writer_.perform(Sync::lazy, [&](WriteSession& s) {
        return sqlite::lease_sending(s, turns_, destination, most, now, leases);
    });
    for (auto& lease : leases)
        mark(lease.row);
    return with(status, leases);
}

void SqliteJournal::settle(Settlement settlement) {
    writer_.post([settlement = std::move(settlement)](WriteSession& s) {
        return sqlite::settle(s, settlement);
    });
}

Result<std::uint64_t> SqliteJournal::act(QueueAction action, const QueueFilter& filter,
                                         const std::string& target) {
    std::uint64_t changed = 0;
    return with(writer_.perform(Sync::durable,
                                [&](WriteSession& s) {
                                    return sqlite::act(s, action, filter, target, changed);
                                }),
                changed);
}

Status SqliteJournal::decide_unmatched(DeliveryId delivery, const rules::Decision& decision) {
    return writer_.perform(Sync::durable, [&](WriteSession& s) {
        return sqlite::decide_unmatched(s, delivery, decision);
    });
}

Status SqliteJournal::set_paused(const std::string& destination, bool paused) {
    return writer_.perform(
        Sync::durable, [&](WriteSession& s) { return sqlite::set_paused(s, destination, paused); });
}

void SqliteJournal::learn(const std::string& destination, std::vector<Acceptance> seen) {
    writer_.post([destination, seen = std::move(seen)](WriteSession& s) {
        return sqlite::learn(s, destination, seen);
    });
}

// Lazy: if a power cut brings the rows back, their deliveries are final and the file is gone or is
// removed.
Status SqliteJournal::forget(InstanceId instance) {
    auto status =
        writer_.perform(Sync::lazy, [&](WriteSession& s) { return sqlite::forget(s, instance); });
    if (status) {
        const std::lock_guard lock(verified_mutex_);
        verified_.erase(instance);
    }
    return status;
}

Status SqliteJournal::condemn(InstanceId instance, const std::string& error) {
    return writer_.perform(Sync::durable,
                           [&](WriteSession& s) { return sqlite::condemn(s, instance, error); });
}

void SqliteJournal::mark_verified(InstanceId instance) {
    const std::lock_guard lock(verified_mutex_);
    verified_.insert(instance);
}

void SqliteJournal::mark(InstanceRow& row) const {
    const std::lock_guard lock(verified_mutex_);
    row.verified = verified_.contains(row.id);
}

// --- looking
// -----------------------------------------------------------------------------------------------

template <class Value, class Look>
Result<Value> SqliteJournal::look(Reader& reader, Look ask) const {
    const std::lock_guard lock(reader.mutex);
    auto& database = *reader.database;
    database.clear_fault();
    database.run("BEGIN"); // all of it sees one state
    Value value = ask(database);
    const auto fault = database.fault();
    database.clear_fault();
    database.run("COMMIT");
    database.clear_fault();
    if (fault)
        return tl::unexpected(journal_error(*fault, file_));
    return value;
}

Result<std::optional<std::int64_t>> SqliteJournal::next_due(const std::string& destination) const {
    using Due = std::optional<std::int64_t>;
    return look<Due>(quick_, [&](SqliteDatabase& database) {
        Due earliest;
        if (database.number("SELECT 1 FROM paused WHERE destination = ?", destination))
            return earliest;
        for (const std::int64_t priority : {0, 1, 2})
            if (const auto due = database.number(sqlite::next_due_sql, destination, priority))
                earliest = earliest ? std::min(*earliest, *due) : *due;
        return earliest;
    });
}

Result<std::vector<DestinationSummary>> SqliteJournal::summary() const {
    return look<std::vector<DestinationSummary>>(slow_, summarise);
}

Result<std::vector<QueueEntry>> SqliteJournal::query(const QueueFilter& filter) const {
    const auto conditions = filter_sql(filter);
    auto entries = look<std::vector<QueueEntry>>(slow_, [&](SqliteDatabase& database) {
        std::vector<QueueEntry> found;
        auto query = database.query(query_sql(conditions));
        bind_filter(query, conditions);
        while (query.step())
            found.push_back({read_delivery(query, instance_columns), read_instance(query, 0)});
        return found;
    });
    if (entries)
        for (auto& entry : *entries)
            mark(entry.row);
    return entries;
}

Result<std::vector<std::string>> SqliteJournal::paused() const {
    return look<std::vector<std::string>>(quick_, [](SqliteDatabase& database) {
        std::vector<std::string> names;
        auto query = database.query("SELECT destination FROM paused ORDER BY destination");
        while (query.step())
            names.push_back(query.text(0));
        return names;
    });
}

Result<std::map<std::string, std::vector<Acceptance>>> SqliteJournal::learned() const {
    using Learned = std::map<std::string, std::vector<Acceptance>>;
    return look<Learned>(slow_, [](SqliteDatabase& database) {
        Learned all;
        auto query =
            database.query("SELECT destination, sop_class, syntax, accepted FROM acceptance");
        while (query.step())
            all[query.text(0)].push_back({query.text(1), query.text(2), query.integer(3) != 0});
        return all;
    });
}

Result<std::vector<InstanceRow>> SqliteJournal::finished(std::int64_t before,
                                                         std::size_t most) const {
    return look<std::vector<InstanceRow>>(slow_, [&](SqliteDatabase& database) {
        std::vector<InstanceRow> rows;
        static const auto sql =
            fmt::format("SELECT " DCMFLOW_INSTANCE_COLUMNS
                        " FROM ({}) f JOIN instance i ON i.id = f.id ORDER BY i.finished",
                        sqlite::finished_sql);
        auto query = database.query(sql, before, static_cast<std::int64_t>(most));
        while (query.step()) {
            rows.push_back(read_instance(query, 0));
            mark(rows.back());
        }
        return rows;
    });
}

Result<std::vector<std::string>> SqliteJournal::forgotten() const {
    return look<std::vector<std::string>>(slow_, [](SqliteDatabase& database) {
        std::vector<std::string> blobs;
        auto query = database.query("SELECT blob FROM forgotten");
        while (query.step())
            blobs.push_back(query.text(0));
        return blobs;
    });
}

Result<std::vector<InstanceRow>> SqliteJournal::instances(InstanceId after,
                                                          std::size_t most) const {
    return look<std::vector<InstanceRow>>(slow_, [&](SqliteDatabase& database) {
        std::vector<InstanceRow> rows;
        auto query = database.query("SELECT " DCMFLOW_INSTANCE_COLUMNS
                                    " FROM instance i WHERE i.id > ? ORDER BY i.id LIMIT ?",
                                    after, static_cast<std::int64_t>(most));
        while (query.step()) {
            rows.push_back(read_instance(query, 0));
            mark(rows.back());
        }
        return rows;
    });
}

} // namespace dcmflow
