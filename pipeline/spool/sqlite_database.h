// SqliteDatabase: one SQLite connection with its prepared statements, RAII round the C API.
//
// One thread at a time (the owner locks). Faults are sticky: after the first one every query of
// this connection does nothing and gives no rows until clear_fault(); whoever runs a unit of work
// looks at fault() once, at its end, and throws the unit's result away if there was one. No
// exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace dcmflow {

struct SqliteFault {
    int code = 0;         // extended result code
    int system_errno = 0; // 0 if the system was not to blame
    std::string text;
    [[nodiscard]] int primary() const { return code & 0xff; }
};

class SqliteDatabase;

// One run of a prepared statement; resets it when it goes. Parameters are bound in order.
class SqliteQuery {
  public:
    template <class... Values>
    SqliteQuery(SqliteDatabase& database, sqlite3_stmt* statement, const Values&... values)
        : database_(database), statement_(statement) {
        (bind(values), ...);
    }
    SqliteQuery(const SqliteQuery&) = delete;
    SqliteQuery& operator=(const SqliteQuery&) = delete;
    ~SqliteQuery();

    SqliteQuery& bind(std::int64_t value);
    SqliteQuery& bind(std::string_view value);
    SqliteQuery& bind(std::span<const std::uint8_t> value);

    [[nodiscard]] bool step(); // true: there is a row
    std::int64_t run();        // to the end; how many rows were changed
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::span<const std::uint8_t> blob(int column) const; // valid until the next step

  private:
    SqliteDatabase& database_;
    sqlite3_stmt* statement_;
    int bound_ = 0;
};

class SqliteDatabase {
  public:
    enum class Mode { read_write_create, read_only };

    // `vfs` empty: the default one; tests name their own. nullptr with the fault if it cannot be
    // opened.
    [[nodiscard]] static std::unique_ptr<SqliteDatabase>
    open(const std::filesystem::path& file, Mode mode, const std::string& vfs, SqliteFault& fault);
    SqliteDatabase(const SqliteDatabase&) = delete;
    SqliteDatabase& operator=(const SqliteDatabase&) = delete;
    ~SqliteDatabase();

    // Prepared once per text and kept; a text may not be in use twice at a time.
    template <class... Values>
    [[nodiscard]] SqliteQuery query(std::string_view sql, const Values&... values) {
        return SqliteQuery(*this, prepare(sql), values...);
    }
    template <class... Values> std::int64_t run(std::string_view sql, const Values&... values) {
        return SqliteQuery(*this, prepare(sql), values...).run();
    }
    void execute(const char* sql); // several statements, no parameters
    [[nodiscard]] std::int64_t last_id() const;
    // The first column of the first row; nullopt if there is none.
    template <class... Values>
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view sql,
                                                     const Values&... values) {
        SqliteQuery query(*this, prepare(sql), values...);
        return query.step() ? std::optional(query.integer(0)) : std::nullopt;
    }

    [[nodiscard]] const std::optional<SqliteFault>& fault() const { return fault_; }
    void clear_fault() { fault_.reset(); }
    void note_fault(int code); // keeps the first one

    // Pages in the write-ahead log that no checkpoint has copied yet.
    [[nodiscard]] int log_pages() const {
        return log_pages_ < copied_ ? log_pages_ : log_pages_ - copied_;
    }
    // Copies what it can from the log into the database, in the way of nobody.
    void checkpoint();

  private:
    explicit SqliteDatabase(sqlite3* handle) : handle_(handle) {}
    [[nodiscard]] sqlite3_stmt* prepare(std::string_view sql); // nullptr after a fault

    sqlite3* handle_;
    std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
    std::optional<SqliteFault> fault_;
    int log_pages_ = 0; // of the whole log; falls when SQLite begins it anew
    int copied_ = 0;
};

} // namespace dcmflow
