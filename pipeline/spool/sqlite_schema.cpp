#include "pipeline/spool/sqlite_schema.h"

#include "pipeline/spool/delivery.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <sqlite3.h>

namespace dcmflow {
namespace {

// States and priorities are stored as their numbers, which may never change.
static_assert(static_cast<int>(DeliveryState::waiting) == 0 &&
              static_cast<int>(DeliveryState::ready) == 1 &&
              static_cast<int>(DeliveryState::sending) == 2 &&
              static_cast<int>(DeliveryState::retry) == 3 &&
              static_cast<int>(DeliveryState::held) == 4 &&
              static_cast<int>(DeliveryState::failed) == 5 &&
              static_cast<int>(DeliveryState::delivered) == 6 &&
              static_cast<int>(DeliveryState::dropped) == 7);
static_assert(static_cast<int>(rules::Priority::stat) == 0 &&
              static_cast<int>(rules::Priority::bulk) == 2);

// delivery.mark: 0 nothing; 1 in hand (a crash now counts); 2 held because its object was
// condemned.
constexpr const char* tables = R"sql(
CREATE TABLE instance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sop_uid TEXT NOT NULL, sop_class TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL,
    patient_id TEXT NOT NULL, accession TEXT NOT NULL, modality TEXT NOT NULL, syntax TEXT NOT NULL,
    bytes INTEGER NOT NULL, digest BLOB NOT NULL, blob TEXT NOT NULL,
    calling_aet TEXT NOT NULL, called_aet TEXT NOT NULL, peer_ip TEXT NOT NULL, received INTEGER NOT NULL,
    version INTEGER NOT NULL, flagged INTEGER NOT NULL DEFAULT 0, damaged INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    rules TEXT NOT NULL);
CREATE UNIQUE INDEX instance_uid ON instance (sop_uid, version);
CREATE INDEX instance_study ON instance (study_uid);
CREATE INDEX instance_finished ON instance (finished) WHERE finished <> 0;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id INTEGER NOT NULL, destination TEXT NOT NULL,
    priority INTEGER NOT NULL, state INTEGER NOT NULL, mark INTEGER NOT NULL DEFAULT 0,
    syntax TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, unknown_outcomes INTEGER NOT NULL DEFAULT 0,
    crashes_route INTEGER NOT NULL DEFAULT 0, crashes_send INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL, due INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL,
    last_error TEXT NOT NULL DEFAULT '', error_at INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX delivery_instance ON delivery (instance_id, destination);
CREATE INDEX delivery_waiting ON delivery (priority, instance_id) WHERE state = 0 AND mark = 0;
CREATE INDEX delivery_ready ON delivery (destination, priority, id) WHERE state = 1;
CREATE INDEX delivery_retry ON delivery (destination, priority, due, id) WHERE state = 3;
CREATE INDEX delivery_open ON delivery (destination, id, created) WHERE state < 6;
CREATE INDEX delivery_error ON delivery (destination, error_at) WHERE state < 6 AND error_at > 0;

CREATE TABLE tally (
    destination TEXT NOT NULL, state INTEGER NOT NULL, deliveries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (destination, state)) WITHOUT ROWID;
CREATE TABLE paused (destination TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE acceptance (
    destination TEXT NOT NULL, sop_class TEXT NOT NULL, syntax TEXT NOT NULL, accepted INTEGER NOT NULL,
    PRIMARY KEY (destination, sop_class, syntax)) WITHOUT ROWID;
CREATE TABLE forgotten (at INTEGER NOT NULL, blob TEXT NOT NULL);
CREATE INDEX forgotten_at ON forgotten (at);

CREATE TRIGGER tally_insert AFTER INSERT ON delivery BEGIN
    INSERT INTO tally VALUES (NEW.destination, NEW.state, 1, NEW.bytes)
        ON CONFLICT DO UPDATE SET deliveries = deliveries + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER tally_update AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state BEGIN
    UPDATE tally SET deliveries = deliveries - 1, bytes = bytes - OLD.bytes
        WHERE destination = OLD.destination AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.destination, NEW.state, 1, NEW.bytes)
        ON CONFLICT DO UPDATE SET deliveries = deliveries + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER tally_delete AFTER DELETE ON delivery BEGIN
    UPDATE tally SET deliveries = deliveries - 1, bytes = bytes - OLD.bytes
        WHERE destination = OLD.destination AND state = OLD.state;
END;
CREATE TRIGGER finished_insert AFTER INSERT ON delivery WHEN NEW.state >= 6 BEGIN
    UPDATE instance SET finished = NEW.settled WHERE id = NEW.instance_id AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE instance_id = NEW.instance_id AND state < 6);
END;
CREATE TRIGGER finished_update AFTER UPDATE OF state ON delivery WHEN NEW.state >= 6 BEGIN
    UPDATE instance SET finished = NEW.settled WHERE id = NEW.instance_id AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE instance_id = NEW.instance_id AND state < 6);
END;
CREATE TRIGGER unfinished_insert AFTER INSERT ON delivery WHEN NEW.state < 6 BEGIN
    UPDATE instance SET finished = 0 WHERE id = NEW.instance_id AND finished <> 0;
END;
CREATE TRIGGER unfinished_update AFTER UPDATE OF state ON delivery WHEN OLD.state >= 6 AND NEW.state < 6 BEGIN
    UPDATE instance SET finished = 0 WHERE id = NEW.instance_id AND finished <> 0;
END;
PRAGMA user_version = 1;
)sql";

// What each later version changed, oldest first; the first makes version 2. A new file goes through all of them.
constexpr std::array upgrades{
    "ALTER TABLE instance ADD COLUMN pixel_digest BLOB; PRAGMA user_version = 2;",
};
static_assert(upgrades.size() + 1 == journal_schema_version);

Status create_tables(SqliteDatabase& database, const std::filesystem::path& file) {
    database.execute("PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
    const auto version = database.number("PRAGMA user_version");
    const auto objects = database.number("SELECT count(*) FROM sqlite_master");
    if (database.fault())
        return tl::unexpected(journal_error(*database.fault(), file));
    if (version.value_or(0) > journal_schema_version)
        return fail(
            ErrorCode::unsupported,
            fmt::format(
                "{}: schema version {}, and this dcmflow knows versions up to {}: it was written "
                "by a newer dcmflow; run that one",
                file.native(), *version, journal_schema_version));
    if (version.value_or(0) == 0 && objects.value_or(0) > 0)
        return fail(ErrorCode::malformed,
                    fmt::format("{}: a SQLite database, but not dcmflow's journal", file.native()));
    if (version.value_or(0) == 0)
        database.execute(tables);
    for (auto from = std::max<std::int64_t>(version.value_or(0), 1); from < journal_schema_version; ++from)
        database.execute(upgrades.at(static_cast<std::size_t>(from - 1)));
    database.execute("COMMIT");
    if (database.fault())
        return tl::unexpected(journal_error(*database.fault(), file));
    return {};
}

} // namespace

bool means_no_space(const SqliteFault& fault) {
    if (fault.primary() == SQLITE_FULL)
        return true;
    // A sync that failed may have dropped pages, whatever its reason.
    if (fault.code == SQLITE_IOERR_FSYNC || fault.code == SQLITE_IOERR_DIR_FSYNC)
        return false;
    return (fault.primary() == SQLITE_IOERR || fault.primary() == SQLITE_CANTOPEN) &&
           (fault.system_errno == ENOSPC || fault.system_errno == EDQUOT);
}

Error journal_error(const SqliteFault& fault, const std::filesystem::path& file) {
    auto code = ErrorCode::internal;
    const char* advice = "";
    if (means_no_space(fault))
        code = ErrorCode::no_space;
    else
        switch (fault.primary()) {
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
            code = ErrorCode::io;
            break;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            code = ErrorCode::conflict;
            advice = "; another program holds it";
            break;
        case SQLITE_NOMEM:
            code = ErrorCode::memory;
            break;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            code = ErrorCode::malformed;
            advice = "; see \"The journal is damaged\" in docs/spool.md";
            break;
        default:
            break;
        }
    auto text = fmt::format("journal {}: {} (SQLite {})", file.native(), fault.text, fault.code);
    if (fault.system_errno != 0 && code != ErrorCode::malformed)
        text += fmt::format(", {}", std::generic_category().message(fault.system_errno));
    return {code, text + advice};
}

Result<std::unique_ptr<SqliteDatabase>> open_journal_writer(const std::filesystem::path& file,
                                                            const std::string& vfs) {
    SqliteFault fault;
    auto database = SqliteDatabase::open(file, SqliteDatabase::Mode::read_write_create, vfs, fault);
    if (!database)
        return tl::unexpected(journal_error(fault, file));
    std::string mode;
    if (auto query = database->query("PRAGMA journal_mode = WAL"); query.step())
        mode = query.text(0);
    if (!database->fault() && mode != "wal")
        return fail(
            ErrorCode::unsupported,
            fmt::format(
                "journal {}: the file system does not carry a write-ahead log (mode '{}'); put the "
                "data folder on a local disk",
                file.native(), mode));
    database->execute("PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;"
                      "PRAGMA journal_size_limit = 67108864");
    if (database->fault())
        return tl::unexpected(journal_error(*database->fault(), file));
    if (auto status = create_tables(*database, file); !status)
        return tl::unexpected(status.error());
    return database;
}

Result<std::unique_ptr<SqliteDatabase>> open_journal_reader(const std::filesystem::path& file,
                                                            const std::string& vfs) {
    SqliteFault fault;
    auto database = SqliteDatabase::open(file, SqliteDatabase::Mode::read_only, vfs, fault);
    if (!database)
        return tl::unexpected(journal_error(fault, file));
    database->execute("PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY");
    if (database->fault())
        return tl::unexpected(journal_error(*database->fault(), file));
    return database;
}

} // namespace dcmflow
