#include "pipeline/spool/sqlite_database.h"

#include <sqlite3.h>

namespace dcmflow {

SqliteQuery::~SqliteQuery() {
    if (statement_ == nullptr)
        return;
    (void)sqlite3_reset(statement_); // repeats the error of the step, which was noted then
    (void)sqlite3_clear_bindings(statement_);
}

SqliteQuery& SqliteQuery::bind(std::int64_t value) {
    if (statement_ != nullptr)
        database_.note_fault(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
}

SqliteQuery& SqliteQuery::bind(std::string_view value) {
    if (statement_ != nullptr) // a null pointer would bind NULL
        database_.note_fault(sqlite3_bind_text64(statement_, ++bound_,
                                                 value.empty() ? "" : value.data(), value.size(),
                                                 SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

SqliteQuery& SqliteQuery::bind(std::span<const std::uint8_t> value) {
    if (statement_ != nullptr)
        database_.note_fault(sqlite3_bind_blob64(statement_, ++bound_, value.data(), value.size(),
                                                 SQLITE_TRANSIENT));
    return *this;
}

bool SqliteQuery::step() {
    if (statement_ == nullptr || database_.fault())
        return false;
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        database_.note_fault(code);
    return code == SQLITE_ROW;
}

std::int64_t SqliteQuery::run() {
    if (statement_ == nullptr || database_.fault())
        return 0;
    while (step()) {
    }
    return database_.fault() ? 0 : sqlite3_changes64(sqlite3_db_handle(statement_));
}

std::int64_t SqliteQuery::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string SqliteQuery::text(int column) const {
    const auto* const at = sqlite3_column_text(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return at == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(at), size);
}

std::span<const std::uint8_t> SqliteQuery::blob(int column) const {
    const auto* const at =
        static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return at == nullptr ? std::span<const std::uint8_t>{} : std::span(at, size);
}

std::unique_ptr<SqliteDatabase> SqliteDatabase::open(const std::filesystem::path& file, Mode mode,
                                                     const std::string& vfs, SqliteFault& fault) {
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (mode == Mode::read_only ? SQLITE_OPEN_READONLY
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3* handle = nullptr;
    const int code =
        sqlite3_open_v2(file.c_str(), &handle, flags, vfs.empty() ? nullptr : vfs.c_str());
    std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(handle));
    if (code != SQLITE_OK) {
        database->note_fault(code);
        fault = *database->fault_;
        return nullptr;
    }
    (void)sqlite3_busy_timeout(handle, 5000); // somebody looks with the sqlite3 shell
    if (mode == Mode::read_write_create)
        // Instead of the automatic checkpoint, whose errors nobody would see.
        (void)sqlite3_wal_hook(
            handle,
            [](void* self, sqlite3*, const char*, int pages) {
                static_cast<SqliteDatabase*>(self)->log_pages_ = pages;
                return SQLITE_OK;
            },
            database.get());
    return database;
}

SqliteDatabase::~SqliteDatabase() {
    for (const auto& [sql, statement] : statements_)
        (void)sqlite3_finalize(statement);
    (void)sqlite3_close_v2(handle_);
}

sqlite3_stmt* SqliteDatabase::prepare(std::string_view sql) {
    if (fault_)
        return nullptr;
    if (const auto at = statements_.find(sql); at != statements_.end())
        return at->second;
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    note_fault(code);
    if (code != SQLITE_OK)
        return nullptr;
    statements_.emplace(std::string(sql), statement);
    return statement;
}

void SqliteDatabase::execute(const char* sql) {
    if (!fault_)
        note_fault(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr));
}

std::int64_t SqliteDatabase::last_id() const {
    return sqlite3_last_insert_rowid(handle_);
}

void SqliteDatabase::note_fault(int code) {
    if (code == SQLITE_OK || fault_)
        return;
    SqliteFault fault;
    fault.code = handle_ != nullptr ? sqlite3_extended_errcode(handle_) : code;
    if ((fault.code & 0xff) != (code & 0xff))
        fault.code = code;
    fault.system_errno = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
    fault.text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    fault_ = std::move(fault);
}

void SqliteDatabase::checkpoint() {
    int pages = 0;
    int copied = 0;
    note_fault(
        sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied));
    if (fault_)
        return;
    log_pages_ = pages;
    copied_ = copied;
}

} // namespace dcmflow
