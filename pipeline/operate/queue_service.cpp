#include "pipeline/operate/queue_service.h"

#include "codecs/transfer_syntax.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

namespace dcmflow {

namespace {

using nlohmann::json;

constexpr std::size_t page = 1000; // rows read at once, so that a long list needs little memory

Result<QueueFilter> filter_from(const json& request) {
    QueueFilter filter;
    const auto found = request.find("filter");
    const json given = found == request.end() ? json::object() : *found;
    if (!given.is_object())
        return fail(ErrorCode::invalid_argument, "filter is not an object");
    const std::map<std::string, std::string*> texts{
        {"destination", &filter.destination}, {"study", &filter.study_instance_uid},
        {"series", &filter.series_instance_uid}, {"sop", &filter.sop_instance_uid},
        {"patient", &filter.patient_id}, {"accession", &filter.accession_number}};
    bool narrowed = false;
    for (const auto& [key, value] : given.items()) {
        if (const auto text = texts.find(key); text != texts.end() && value.is_string()) {
            *text->second = value.get<std::string>();
            if (text->second->empty())
                return fail(ErrorCode::invalid_argument, "filter '" + key + "' is empty; leave it out to match all");
            narrowed = true;
        } else if (key == "ids" && value.is_array()) {
            for (const auto& id : value) {
                if (!id.is_number_integer())
                    return fail(ErrorCode::invalid_argument, "filter 'ids' holds " + id.dump() + "; expected numbers");
                filter.ids.push_back(id.get<DeliveryId>());
            }
            if (filter.ids.empty())
                return fail(ErrorCode::invalid_argument, "filter 'ids' is empty; leave it out to match all");
            narrowed = true;
        } else if (key == "state" && value.is_string()) {
            filter.state = delivery_state_from(value.get<std::string>());
            if (!filter.state)
                return fail(ErrorCode::invalid_argument, "unknown state '" + value.get<std::string>() +
                                                             "'; expected waiting, ready, sending, retry, held, failed");
            filter.undelivered_only = !is_final(*filter.state);
            narrowed = true;
        } else if (key == "unmatched" && value.is_boolean()) {
            filter.unmatched_only = value.get<bool>();
            narrowed = narrowed || filter.unmatched_only;
        } else if (key == "limit" && value.is_number_unsigned()) {
            filter.limit = value.get<std::size_t>();
        } else if (key == "all" && value.is_boolean()) {
            narrowed = narrowed || value.get<bool>();
        } else {
            return fail(ErrorCode::invalid_argument, "unknown filter '" + key + "'");
        }
    }
    if (!narrowed && request.value("verb", "") == "act")
        return fail(ErrorCode::invalid_argument, "nothing chosen: give ids, a filter, or all");
    return filter;
}

std::optional<QueueAction> action_from(std::string_view text) {
    if (text == "retry")
        return QueueAction::retry;
    if (text == "hold")
        return QueueAction::hold;
    if (text == "release")
        return QueueAction::release;
    if (text == "drop")
        return QueueAction::drop;
    if (text == "move")
        return QueueAction::move;
    return std::nullopt;
}

json time_or_null(std::int64_t unix_ms) { return unix_ms == 0 ? json(nullptr) : json(iso_time(unix_ms)); }

json entry_json(const QueueEntry& entry) {
    const auto& d = entry.delivery;
    const auto& i = entry.row.instance;
    return {{"id", d.id},
            {"destination", d.destination},
            {"state", to_string(d.state)},
            {"sop_instance_uid", i.sop_instance_uid},
            {"study_instance_uid", i.study_instance_uid},
            {"series_instance_uid", i.series_instance_uid},
            {"patient_id", i.patient_id},
            {"accession_number", i.accession_number},
            {"bytes", i.bytes},
            {"syntax", codecs::display_name(d.syntax.empty() ? i.transfer_syntax_uid : d.syntax)},
            {"received", iso_time(entry.row.origin.received)},
            {"attempts", d.attempts},
            {"due", d.state == DeliveryState::retry ? time_or_null(d.due) : json(nullptr)},
            {"last_error", d.last_error}};
}

json detail_json(const QueueEntry& entry, const BlobStore& blobs) {
    const auto& d = entry.delivery;
    const auto& row = entry.row;
    json object = entry_json(entry);
    object["sop_class_uid"] = row.instance.sop_class_uid;
    object["modality"] = row.instance.modality;
    object["received_syntax"] = codecs::display_name(row.instance.transfer_syntax_uid);
    object["digest"] = row.instance.digest.hex();
    object["pixel_digest"] = row.pixel_digest ? json(row.pixel_digest->hex()) : json(nullptr);
    object["version"] = row.version;
    object["flagged"] = row.flagged;
    object["calling_aet"] = row.origin.calling_aet;
    object["called_aet"] = row.origin.called_aet;
    object["peer_ip"] = row.origin.peer_ip;
    object["rules"] = row.matched_rules;
    object["priority"] = rules::to_string(d.priority);
    object["reason"] = d.reason;
    object["unknown_outcomes"] = d.unknown_outcomes;
    object["crashes"] = d.crashes;
    object["alone"] = d.alone;
    object["settled"] = time_or_null(d.settled);
    object["file"] = blobs.path(row.instance.blob).string();
    return object;
}

} // namespace

QueueService::QueueService(Spool& spool, std::vector<std::string> destinations, QueueHooks hooks, Logger& logger)
    : spool_(spool), destinations_(std::move(destinations)), hooks_(std::move(hooks)), logger_(logger) {}

void QueueService::handle(const json& request, const Emit& emit) {
    Status status;
    std::uint64_t count = 0;
    const std::string verb = request.is_object() ? request.value("verb", "") : "";
    if (verb == "summary") {
        status = summary(emit);
    } else if (verb == "status") {
        json object = json::object();
        if (hooks_.add_status)
            hooks_.add_status(object);
        emit(object);
    } else if (verb == "list") {
        status = list(request, emit, count);
    } else if (verb == "show") {
        status = show(request, emit, count);
    } else if (verb == "act") {
        status = act(request, emit, count);
    } else if (verb == "pause" || verb == "resume") {
        status = set_paused(request, verb == "pause");
    } else {
        status = fail(ErrorCode::invalid_argument, "unknown verb '" + verb + "'");
    }
    if (status)
        emit({{"ok", true}, {"count", count}});
    else
        emit({{"ok", false}, {"code", to_string(status.error().code)}, {"error", status.error().text}});
}

Status QueueService::summary(const Emit& emit) {
    auto rows = spool_.journal().summary();
    if (!rows)
        return tl::unexpected(rows.error());
    const auto paused = spool_.journal().paused();
    if (!paused)
        return tl::unexpected(paused.error());
    // Every configured destination has a line, in the config's order; then what only the queue knows.
    std::vector<DestinationSummary> ordered;
    for (const auto& name : destinations_) {
        const auto found = std::find_if(rows->begin(), rows->end(), [&](const auto& r) { return r.destination == name; });
        if (found != rows->end()) {
            ordered.push_back(std::move(*found));
            rows->erase(found);
        } else {
            ordered.push_back({.destination = name});
        }
    }
    ordered.insert(ordered.end(), rows->begin(), rows->end());
    for (auto& row : ordered) {
        const bool is_paused = std::find(paused->begin(), paused->end(), row.destination) != paused->end();
        std::string state(to_string(is_paused ? LaneState::paused : LaneState::down));
        std::string error = row.last_error;
        json next_try = nullptr;
        if (const Lane* running = lane(row.destination)) {
            const auto live = running->status();
            state = to_string(live.state);
            if (!live.last_error.empty())
                error = live.last_error;
            next_try = time_or_null(live.next_try);
        }
        const auto age = row.oldest == 0 ? 0 : std::max<std::int64_t>(0, unix_ms_now() - row.oldest) / 1000;
        emit({{"destination", row.destination},
              {"state", state},
              {"ready", row.ready},
              {"sending", row.sending},
              {"retry", row.retry},
              {"held", row.held},
              {"failed", row.failed},
              {"bytes", row.bytes},
              {"oldest_seconds", age},
              {"last_error", error},
              {"delivered", row.delivered},
              {"next_try", next_try}});
    }
    return {};
}

Status QueueService::list(const json& request, const Emit& emit, std::uint64_t& count) {
    auto filter = filter_from(request);
    if (!filter)
        return tl::unexpected(filter.error());
    const std::size_t limit = filter->limit;
    for (;;) {
        filter->limit = limit == 0 ? page : std::min(page, limit - static_cast<std::size_t>(count));
        const auto entries = spool_.journal().query(*filter);
        if (!entries)
            return tl::unexpected(entries.error());
        for (const auto& entry : *entries) {
            emit(entry_json(entry));
            ++count;
        }
        if (entries->size() < filter->limit || (limit != 0 && count >= limit))
            return {};
        filter->after = entries->back().delivery.id;
    }
}

Status QueueService::show(const json& request, const Emit& emit, std::uint64_t& count) {
    const auto id = request.value("id", DeliveryId{0});
    QueueFilter one;
    one.ids = {id};
    one.undelivered_only = false;
    const auto found = spool_.journal().query(one);
    if (!found)
        return tl::unexpected(found.error());
    if (found->empty())
        return fail(ErrorCode::not_found, "no delivery with id " + std::to_string(id) + " in the queue");
    QueueFilter all;
    all.sop_instance_uid = found->front().row.instance.sop_instance_uid;
    all.undelivered_only = false;
    const auto entries = spool_.journal().query(all);
    if (!entries)
        return tl::unexpected(entries.error());
    for (const auto& entry : *entries) {
        emit(detail_json(entry, spool_.blobs()));
        ++count;
    }
    return {};
}

Status QueueService::act(const json& request, const Emit& emit, std::uint64_t& count) {
    const auto action = action_from(request.value("action", ""));
    if (!action)
        return fail(ErrorCode::invalid_argument, "unknown action '" + request.value("action", "") + "'");
    auto filter = filter_from(request);
    if (!filter)
        return tl::unexpected(filter.error());
    const std::string target = request.value("target", "");
    if (*action == QueueAction::move) {
        if (target.empty())
            return fail(ErrorCode::invalid_argument, "move needs a destination to move to");
        if (auto status = known_destination(target); !status)
            return status;
    }
    if (*action == QueueAction::release)
        if (auto status = release_unmatched(*filter, count); !status)
            return status;
    const auto changed = spool_.journal().act(*action, *filter, target);
    if (!changed)
        return tl::unexpected(changed.error());
    count += *changed;
    QueueFilter on_the_wire = *filter;
    on_the_wire.limit = page;
    if (!on_the_wire.state)
        on_the_wire.state = DeliveryState::sending;
    if (*on_the_wire.state == DeliveryState::sending)
        if (const auto sending = spool_.journal().query(on_the_wire); sending && !sending->empty())
            emit({{"sending", sending->size()}});
    if (*action == QueueAction::retry)
        for (const auto& name : destinations_)
            if (filter->destination.empty() || filter->destination == name)
                if (Lane* running = lane(name))
                    running->retry_now();
    logger_.log(LogLevel::info, "queue_action",
                {{"action", request.value("action", "")},
                 {"filter", request.value("filter", json::object()).dump()},
                 {"target", target},
                 {"rows", std::to_string(count)}});
    return {};
}

// A held object without destination has nothing to release it to: today's rules are asked again. One that can't be
// read stays held and stops none of the others.
Status QueueService::release_unmatched(const QueueFilter& filter, std::uint64_t& count) {
    if (!filter.destination.empty() || (filter.state && *filter.state != DeliveryState::held))
        return {};
    QueueFilter unmatched = filter;
    unmatched.unmatched_only = true;
    unmatched.state = DeliveryState::held;
    unmatched.limit = page;
    for (;;) {
        const auto entries = spool_.journal().query(unmatched);
        if (!entries)
            return tl::unexpected(entries.error());
        if (!entries->empty() && !hooks_.decide_again)
            return fail(ErrorCode::invalid_argument,
                        "objects that no rule matched need the rules to be released; give a config that can be read");
        for (const auto& entry : *entries) {
            const auto decision = hooks_.decide_again(entry.row);
            if (decision && decision->disposition == rules::Disposition::hold)
                continue; // still nowhere to go
            const auto done = decision ? spool_.journal().decide_unmatched(entry.delivery.id, *decision)
                                       : Status(tl::unexpected(decision.error()));
            if (done)
                ++count;
            else
                logger_.log(LogLevel::error, "release_failed",
                            {{"sop_instance_uid", entry.row.instance.sop_instance_uid}, {"error", done.error().text}});
        }
        if (entries->size() < page)
            return {};
        unmatched.after = entries->back().delivery.id;
    }
}

Status QueueService::set_paused(const json& request, bool paused) {
    const std::string name = request.value("destination", "");
    if (auto status = known_destination(name); !status)
        return status;
    if (auto status = spool_.journal().set_paused(name, paused); !status)
        return status;
    if (Lane* running = lane(name))
        running->pause(paused);
    logger_.log(LogLevel::info, paused ? "paused" : "resumed", {{"destination", name}});
    return {};
}

Status QueueService::known_destination(const std::string& name) const {
    if (destinations_.empty() || std::find(destinations_.begin(), destinations_.end(), name) != destinations_.end())
        return {};
    std::string names;
    for (const auto& destination : destinations_)
        names += (names.empty() ? "" : ", ") + destination;
    return fail(ErrorCode::not_found, "no destination '" + name + "' in the config; it has " + names);
}

Lane* QueueService::lane(const std::string& destination) const {
    return hooks_.lane ? hooks_.lane(destination) : nullptr;
}

} // namespace dcmflow
