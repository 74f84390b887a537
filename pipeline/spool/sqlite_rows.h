// Rows of the journal's tables as the values of journal.h, and filters as SQL.
//
// Used by SqliteJournal only; pure but for the query it is given.
#pragma once

#include "pipeline/spool/journal.h"
#include "pipeline/spool/sqlite_database.h"

#include <string>
#include <vector>

namespace dcmflow {

// Columns for read_instance, of a table or alias `i`; and for read_delivery, of `d`.
#define DCMFLOW_INSTANCE_COLUMNS                                                                   \
    "i.id, i.sop_uid, i.sop_class, i.study_uid, i.series_uid, i.patient_id, i.accession, "         \
    "i.modality, i.syntax, "                                                                       \
    "i.bytes, i.digest, i.blob, i.calling_aet, i.called_aet, i.peer_ip, i.received, i.version, "   \
    "i.flagged, i.rules, i.pixel_digest"
#define DCMFLOW_DELIVERY_COLUMNS                                                                   \
    "d.id, d.instance_id, d.destination, d.priority, d.state, d.syntax, d.reason, d.attempts, "    \
    "d.unknown_outcomes, "                                                                         \
    "d.crashes_route + d.crashes_send, d.alone, d.created, d.due, d.settled, d.last_error"
inline constexpr int instance_columns = 20;

[[nodiscard]] InstanceRow read_instance(const SqliteQuery& query, int first);
[[nodiscard]] Delivery read_delivery(const SqliteQuery& query, int first);
[[nodiscard]] std::string rules_as_json(const std::vector<std::string>& rules);

// Condition over `d` and `i` with its parameters; "1" if the filter is empty. The same shape of
// filter gives the same text. bind_filter binds the condition's parameters and then the limit, for
// a LIMIT ? at the end.
struct FilterSql {
    std::string condition;
    std::vector<std::string> texts;
    std::vector<std::int64_t> numbers; // bound after the texts
    std::int64_t limit = -1;           // -1: none
};
[[nodiscard]] FilterSql filter_sql(const QueueFilter& filter);
[[nodiscard]] std::string
query_sql(const FilterSql& filter); // instance columns, then delivery columns
void bind_filter(SqliteQuery& query, const FilterSql& filter);

} // namespace dcmflow
