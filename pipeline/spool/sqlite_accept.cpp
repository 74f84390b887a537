// What enters the queue: new instances, duplicates, versions, and decisions made later.
#include "pipeline/spool/sqlite_rows.h"
#include "pipeline/spool/sqlite_verbs.h"

#include <fmt/format.h>

namespace dcmflow::sqlite {
namespace {

constexpr std::string_view unmatched_error = "no rule matched";

std::int64_t number_of(DeliveryState state) {
    return static_cast<std::int64_t>(state);
}

// All deliveries of a decision for an instance.
void place_decision(WriteSession& session, InstanceId instance, std::int64_t bytes,
                    const rules::Decision& decision) {
    if (decision.disposition == rules::Disposition::drop) {
        place_delivery(session, instance, bytes, {.destination = ""}, DeliveryState::dropped,
                       unmatched_error);
    } else if (decision.disposition == rules::Disposition::hold || decision.deliveries.empty()) {
        place_delivery(session, instance, bytes, {.destination = ""}, DeliveryState::held,
                       unmatched_error);
    } else {
        for (const auto& planned : decision.deliveries)
            place_delivery(session, instance, bytes, planned, DeliveryState::waiting, {});
    }
}

struct Version {
    InstanceId id = 0;
    std::string blob;
    bool damaged = false;
};

struct Versions {
    std::int64_t newest = 0; // 0: none
    Version same;            // id 0: none has the same bytes; one that is not damaged is preferred
};

Versions versions_of(WriteSession& session, const AcceptRequest& request) {
    Versions versions;
    const auto& instance = request.instance;
    auto query = session.database.query("SELECT id, version, damaged, blob, digest = ? AND bytes = "
                                        "? AND syntax = ? FROM instance WHERE sop_uid = ? "
                                        "ORDER BY version",
                                        std::span<const std::uint8_t>(instance.digest.bytes),
                                        static_cast<std::int64_t>(instance.bytes),
                                        instance.transfer_syntax_uid, instance.sop_instance_uid);
    while (query.step()) {
        versions.newest = query.integer(1);
        const Version version{query.integer(0), query.text(3), query.integer(2) != 0};
        const bool same = query.integer(4) != 0 && !request.never_duplicate;
        if (same && (versions.same.id == 0 || versions.same.damaged))
            versions.same = version;
    }
    return versions;
}

InstanceId insert_instance(WriteSession& session, const AcceptRequest& request,
                           std::int64_t version) {
    const auto& instance = request.instance;
    session.database.run(
        "INSERT INTO instance (sop_uid, sop_class, study_uid, series_uid, patient_id, accession, "
        "modality, syntax, "
        "bytes, digest, blob, calling_aet, called_aet, peer_ip, received, version, flagged, rules) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        instance.sop_instance_uid, instance.sop_class_uid, instance.study_instance_uid,
        instance.series_instance_uid, instance.patient_id, instance.accession_number,
        instance.modality, instance.transfer_syntax_uid, static_cast<std::int64_t>(instance.bytes),
        std::span<const std::uint8_t>(instance.digest.bytes), instance.blob,
        request.origin.calling_aet, request.origin.called_aet, request.origin.peer_ip,
        request.origin.received, version, std::int64_t{request.adopted || version > 1},
        rules_as_json(request.decision.matched_rules));
    return session.database.last_id();
}

// The bytes of a damaged row came again: they take its place, and what was held for it goes on.
void heal(WriteSession& session, const Version& damaged, const std::string& blob) {
    auto& database = session.database;
    database.run("INSERT INTO forgotten (at, blob) VALUES (?, ?)", session.now, damaged.blob);
    database.run("UPDATE instance SET blob = ?, damaged = 0 WHERE id = ?", blob, damaged.id);
    if (database.run("UPDATE delivery SET state = 0, mark = 0, last_error = '', error_at = 0 "
                     "WHERE instance_id = ? AND state = 4 AND mark = 2",
                     damaged.id) > 0)
        session.wake.insert("");
}

} // namespace

bool place_delivery(WriteSession& session, InstanceId instance, std::int64_t bytes,
                    const rules::PlannedDelivery& planned, DeliveryState state,
                    std::string_view error, Existing existing) {
    auto& database = session.database;
    const auto settled = is_final(state) ? session.now : 0;
    const auto error_at = error.empty() ? 0 : session.now;
    const auto priority = static_cast<std::int64_t>(planned.priority);
    DeliveryId id = 0;
    auto present = DeliveryState::waiting;
    if (auto query = database.query(
            "SELECT id, state FROM delivery WHERE instance_id = ? AND destination = ?", instance,
            planned.destination);
        query.step()) {
        id = query.integer(0);
        present = static_cast<DeliveryState>(query.integer(1));
    }
    if (id == 0) {
        database.run("INSERT INTO delivery (instance_id, destination, priority, state, created, "
                     "settled, bytes, "
                     "last_error, error_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     instance, planned.destination, priority, number_of(state), session.now,
                     settled, bytes, error, error_at);
    } else {
        const bool ended = is_final(present) || present == DeliveryState::failed ||
                           (existing == Existing::keep_delivered && present == DeliveryState::held);
        const bool kept =
            existing == Existing::keep_delivered && present == DeliveryState::delivered;
        if (!ended || kept || state == DeliveryState::dropped)
            return false;
        database.run("UPDATE delivery SET priority = ?, state = ?, mark = 0, syntax = '', reason = "
                     "'', attempts = 0, "
                     "unknown_outcomes = 0, crashes_route = 0, crashes_send = 0, alone = 0, "
                     "created = ?, due = 0, "
                     "settled = ?, last_error = ?, error_at = ? WHERE id = ?",
                     priority, number_of(state), session.now, settled, error, error_at, id);
    }
    if (state == DeliveryState::waiting)
        session.wake.insert("");
    return true;
}

Status accept(WriteSession& session, const AcceptRequest& request, Accepted& accepted,
              InstanceId& healed) {
    healed = 0;
    const auto bytes = static_cast<std::int64_t>(request.instance.bytes);
    const auto versions = versions_of(session, request);
    const auto& same = versions.same;
    if (same.id != 0) {
        accepted = {AcceptKind::duplicate, same.id, same.blob};
        if (same.damaged) {
            heal(session, same, request.instance.blob);
            healed = same.id;
            accepted = {AcceptKind::stored, same.id, request.instance.blob};
        }
        // A file that was found was never asked for again; a sender who comes again wants it there
        // again.
        if (!request.adopted)
            place_decision(session, same.id, bytes, request.decision);
        return {};
    }
    const auto id = insert_instance(session, request, versions.newest + 1);
    if (versions.newest > 0)
        session.database.run("UPDATE instance SET flagged = 1 WHERE sop_uid = ?",
                             request.instance.sop_instance_uid);
    place_decision(session, id, bytes, request.decision);
    accepted = {versions.newest > 0 ? AcceptKind::new_version : AcceptKind::stored, id,
                request.instance.blob};
    return {};
}

Status decide_unmatched(WriteSession& session, DeliveryId delivery,
                        const rules::Decision& decision) {
    auto& database = session.database;
    InstanceId instance = 0;
    std::int64_t bytes = 0;
    if (auto query = database.query(
            "SELECT instance_id, bytes, destination, state FROM delivery WHERE id = ?", delivery);
        query.step()) {
        if (!query.text(2).empty() || query.integer(3) != number_of(DeliveryState::held))
            return fail(ErrorCode::conflict,
                        fmt::format("delivery {} is not one that is held because no rule matched",
                                    delivery));
        instance = query.integer(0);
        bytes = query.integer(1);
    } else if (!database.fault()) {
        return fail(ErrorCode::not_found, fmt::format("no delivery {} in the queue", delivery));
    }
    if (decision.disposition == rules::Disposition::hold ||
        (decision.disposition == rules::Disposition::deliver && decision.deliveries.empty()))
        return fail(ErrorCode::conflict,
                    fmt::format("no rule matches delivery {} today either", delivery));
    if (decision.disposition == rules::Disposition::drop) {
        database.run("UPDATE delivery SET state = 7, mark = 0, settled = ? WHERE id = ?",
                     session.now, delivery);
        return {};
    }
    place_decision(session, instance, bytes, decision);
    database.run("DELETE FROM delivery WHERE id = ?", delivery);
    database.run("UPDATE instance SET rules = ? WHERE id = ?",
                 rules_as_json(decision.matched_rules), instance);
    return {};
}

} // namespace dcmflow::sqlite
