// The journal's tables, and how its connections are opened. docs/spool.md describes them for
// people.
//
// Used by SqliteJournal only.
#pragma once

#include "pipeline/result.h"
#include "pipeline/spool/sqlite_database.h"

namespace dcmflow {

inline constexpr std::int64_t journal_schema_version = 2;

// The writing connection: creates the file and the tables if they are missing. `unsupported` when
// the file was written by a newer program, `malformed` when it is not a journal or is damaged.
[[nodiscard]] Result<std::unique_ptr<SqliteDatabase>>
open_journal_writer(const std::filesystem::path& file, const std::string& vfs);
// A looking connection; after the writer's was opened.
[[nodiscard]] Result<std::unique_ptr<SqliteDatabase>>
open_journal_reader(const std::filesystem::path& file, const std::string& vfs);
// A fault as an Error that names the file.
[[nodiscard]] Error journal_error(const SqliteFault& fault, const std::filesystem::path& file);
// ENOSPC, EDQUOT or SQLITE_FULL: goes away when there is space again.
[[nodiscard]] bool means_no_space(const SqliteFault& fault);

} // namespace dcmflow
