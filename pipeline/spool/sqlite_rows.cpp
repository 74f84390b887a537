#include "pipeline/spool/sqlite_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace dcmflow {
namespace {

std::vector<std::string> rules_from_json(const std::string& text) {
    std::vector<std::string> rules;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_array())
        for (const auto& rule : json)
            if (rule.is_string())
                rules.push_back(rule.get<std::string>());
    return rules;
}

Digest to_digest(std::span<const std::uint8_t> bytes) {
    Digest digest;
    std::copy_n(bytes.begin(), std::min(bytes.size(), digest.bytes.size()), digest.bytes.begin());
    return digest;
}

} // namespace

InstanceRow read_instance(const SqliteQuery& query, int first) {
    InstanceRow row;
    row.id = query.integer(first);
    auto& instance = row.instance;
    instance.sop_instance_uid = query.text(first + 1);
    instance.sop_class_uid = query.text(first + 2);
    instance.study_instance_uid = query.text(first + 3);
    instance.series_instance_uid = query.text(first + 4);
    instance.patient_id = query.text(first + 5);
    instance.accession_number = query.text(first + 6);
    instance.modality = query.text(first + 7);
    instance.transfer_syntax_uid = query.text(first + 8);
    instance.bytes = static_cast<std::uint64_t>(query.integer(first + 9));
    instance.digest = to_digest(query.blob(first + 10));
    instance.blob = query.text(first + 11);
    row.origin.calling_aet = query.text(first + 12);
    row.origin.called_aet = query.text(first + 13);
    row.origin.peer_ip = query.text(first + 14);
    row.origin.received = query.integer(first + 15);
    row.version = static_cast<int>(query.integer(first + 16));
    row.flagged = query.integer(first + 17) != 0;
    row.matched_rules = rules_from_json(query.text(first + 18));
    if (const auto pixels = query.blob(first + 19); !pixels.empty())
        row.pixel_digest = to_digest(pixels);
    return row;
}

Delivery read_delivery(const SqliteQuery& query, int first) {
    Delivery delivery;
    delivery.id = query.integer(first);
    delivery.instance_id = query.integer(first + 1);
    delivery.destination = query.text(first + 2);
    delivery.priority = static_cast<rules::Priority>(query.integer(first + 3));
    delivery.state = static_cast<DeliveryState>(query.integer(first + 4));
    delivery.syntax = query.text(first + 5);
    delivery.reason = query.text(first + 6);
    delivery.attempts = static_cast<int>(query.integer(first + 7));
    delivery.unknown_outcomes = static_cast<int>(query.integer(first + 8));
    delivery.crashes = static_cast<int>(query.integer(first + 9));
    delivery.alone = query.integer(first + 10) != 0;
    delivery.created = query.integer(first + 11);
    delivery.due = query.integer(first + 12);
    delivery.settled = query.integer(first + 13);
    delivery.last_error = query.text(first + 14);
    return delivery;
}

std::string rules_as_json(const std::vector<std::string>& rules) {
    return nlohmann::json(rules).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

FilterSql filter_sql(const QueueFilter& filter) {
    FilterSql sql;
    const auto add = [&](const char* condition) {
        sql.condition += sql.condition.empty() ? "" : " AND ";
        sql.condition += condition;
    };
    const auto text = [&](const std::string& value, const char* condition) {
        if (value.empty())
            return;
        add(condition);
        sql.texts.push_back(value);
    };
    if (!filter.ids.empty())
        text(nlohmann::json(filter.ids).dump(), "d.id IN (SELECT value FROM json_each(?))");
    text(filter.destination, "d.destination = ?");
    text(filter.study_instance_uid, "i.study_uid = ?");
    text(filter.series_instance_uid, "i.series_uid = ?");
    text(filter.sop_instance_uid, "i.sop_uid = ?");
    text(filter.patient_id, "i.patient_id = ?");
    text(filter.accession_number, "i.accession = ?");
    if (filter.unmatched_only)
        add("d.destination = ''");
    if (filter.state) {
        add("d.state = ?");
        sql.numbers.push_back(static_cast<std::int64_t>(*filter.state));
    } else if (filter.undelivered_only) {
        add("d.state < 6");
    }
    if (filter.after > 0) {
        add("d.id > ?");
        sql.numbers.push_back(filter.after);
    }
    sql.limit = filter.limit > 0 ? static_cast<std::int64_t>(filter.limit) : -1;
    if (sql.condition.empty())
        sql.condition = "1";
    return sql;
}

std::string query_sql(const FilterSql& filter) {
    return "SELECT " DCMFLOW_INSTANCE_COLUMNS ", " DCMFLOW_DELIVERY_COLUMNS
           " FROM delivery d JOIN instance i ON i.id = d.instance_id WHERE " +
           filter.condition + " ORDER BY d.id LIMIT ?";
}

void bind_filter(SqliteQuery& query, const FilterSql& filter) {
    for (const auto& text : filter.texts)
        query.bind(text);
    for (const auto number : filter.numbers)
        query.bind(number);
    query.bind(filter.limit);
}

} // namespace dcmflow
