// Lane, second half: how each outcome of a send settles its row and moves the lane's window and back-off.

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/transcode.h"
#include "pipeline/lane.h"

#include <algorithm>
#include <cmath>

namespace dcmflow {

namespace {
constexpr std::chrono::minutes probe_when_refused{10};
constexpr int unknown_before_alone = 2;
constexpr int unknown_alone_before_counting = 3;

// What says nothing about the object: it must not use up its attempts.
bool is_trouble_of_ours(std::string_view reason) {
    return reason == to_string(TranscodeReason::decoder_unavailable) ||
           reason == to_string(TranscodeReason::write_failed);
}
} // namespace

void Lane::settle(const SendingLease& lease, const SendResult& result) {
    const auto& uid = lease.row.instance.sop_instance_uid;
    Settlement settlement{.delivery = lease.delivery.id, .error = result.text};
    switch (result.outcome) {
    case Outcome::delivered: {
        settlement.state = DeliveryState::delivered;
        spool_.journal().settle(settlement);
        link_worked();
        {
            const std::lock_guard lock(mutex_);
            ++counts_.delivered;
            counts_.warnings += result.warning ? 1 : 0;
            counts_.bytes += lease.row.instance.bytes;
        }
        forget_row(lease.delivery.id);
        logger_.log(result.warning ? LogLevel::warning : LogLevel::info, "delivered",
                    {{"destination", config_.name},
                     {"sop_instance_uid", uid},
                     {"syntax", std::string(codecs::display_name(lease.delivery.syntax))},
                     {"note", result.text}});
        return;
    }
    case Outcome::retry_object: settle_refusal(lease, settlement, result.text); return;
    case Outcome::failed: {
        settlement.state = DeliveryState::failed;
        settlement.count_attempt = true;
        spool_.journal().settle(settlement);
        forget_row(lease.delivery.id);
        const std::lock_guard lock(mutex_);
        ++counts_.object_failures;
        return;
    }
    case Outcome::refused_context: settle_context_refused(lease); return;
    case Outcome::retry_resources:
    case Outcome::retry_link:
        give_back(lease, result.text);
        link_failed(result.text, false);
        return;
    case Outcome::refused:
        give_back(lease, result.text);
        link_failed(result.text, true);
        return;
    case Outcome::unknown: settle_unknown(lease, result.text); return;
    }
}

// The peer said no to this object: a few tries, then failed; the lane stays open.
void Lane::settle_refusal(const SendingLease& lease, Settlement settlement, const std::string& error) {
    const int attempts = lease.delivery.attempts + 1;
    const bool last = attempts >= config_.retry.object_attempts;
    settlement.state = last ? DeliveryState::failed : DeliveryState::retry;
    settlement.count_attempt = true;
    settlement.error = error;
    settlement.due = unix_ms_now() + backoff_ms(attempts);
    spool_.journal().settle(settlement);
    {
        const std::lock_guard lock(mutex_);
        ++counts_.object_failures;
        counts_.last_error = error;
        redirects_.erase(lease.delivery.id);
    }
    if (last)
        forget_row(lease.delivery.id);
    logger_.log(last ? LogLevel::error : LogLevel::warning, last ? "delivery_failed" : "delivery_refused",
                {{"destination", config_.name},
                 {"sop_instance_uid", lease.row.instance.sop_instance_uid},
                 {"attempt", std::to_string(attempts)},
                 {"error", error}});
}

// The link broke after data was sent. It may be the link or it may be the object; after two of these the object
// goes by itself. Alone and broken again, while others got through meanwhile, it is the object.
void Lane::settle_unknown(const SendingLease& lease, const std::string& error) {
    const auto now = unix_ms_now();
    bool blame_object = false;
    bool others_pass = false;
    bool stopping = false;
    {
        const std::lock_guard lock(mutex_);
        const auto earlier = unknown_since_.find(lease.delivery.id);
        const bool passed_since = earlier != unknown_since_.end() && last_success_ > earlier->second;
        blame_object = lease.delivery.alone && passed_since &&
                       lease.delivery.unknown_outcomes + 1 >= unknown_alone_before_counting;
        others_pass = last_success_ > last_unknown_;
        last_unknown_ = now;
        stopping = stopping_;
        unknown_since_[lease.delivery.id] = now;
    }
    Settlement settlement{.delivery = lease.delivery.id, .error = error};
    settlement.count_unknown = !stopping; // our own stop says nothing about the object
    settlement.alone = lease.delivery.alone ||
                       (!stopping && lease.delivery.unknown_outcomes + 1 >= unknown_before_alone);
    if (blame_object && !stopping) {
        settle_refusal(lease, settlement, error);
    } else if (too_old(lease)) {
        settlement.state = DeliveryState::failed;
        spool_.journal().settle(settlement);
        forget_row(lease.delivery.id);
    } else {
        settlement.state = DeliveryState::retry;
        settlement.due = now + backoff_ms(std::min(lease.delivery.unknown_outcomes + 1, 4));
        spool_.journal().settle(settlement);
        logger_.log(LogLevel::warning, "outcome_unknown",
                    {{"destination", config_.name},
                     {"sop_instance_uid", lease.row.instance.sop_instance_uid},
                     {"error", error}});
    }
    // An object that is sent alone because it is suspect must not close the lane for the others, if they get through.
    if (!lease.delivery.alone || !others_pass)
        link_failed(error, false);
}

// The association does not carry this class in this syntax. The first time the flow makes the next step of the
// ladder, knowing better now; if that is refused too, nothing on the ladder is accepted: an object failure.
void Lane::settle_context_refused(const SendingLease& lease) {
    bool again = false;
    {
        const std::lock_guard lock(mutex_);
        again = redirects_[lease.delivery.id]++ > 0;
        ++counts_.redirected;
    }
    if (!again) {
        spool_.journal().settle({.delivery = lease.delivery.id, .state = DeliveryState::waiting,
                                 .alone = lease.delivery.alone});
        return;
    }
    const auto& instance = lease.row.instance;
    const auto& reason = lease.delivery.reason;
    Settlement settlement{.delivery = lease.delivery.id};
    const std::string error = config_.name + " accepts SOP class " + instance.sop_class_uid +
                              " in no syntax of its ladder that could be made" +
                              (reason.empty() ? "" : " (" + reason + ")") + ", nor as received (" +
                              std::string(codecs::display_name(instance.transfer_syntax_uid)) + ")";
    if (!is_trouble_of_ours(reason)) {
        settle_refusal(lease, settlement, error);
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        redirects_.erase(lease.delivery.id); // the flow tries again next time
    }
    settlement.state = too_old(lease) ? DeliveryState::failed : DeliveryState::retry;
    settlement.error = error;
    settlement.due = unix_ms_now() + backoff_ms(4);
    spool_.journal().settle(settlement);
    if (settlement.state == DeliveryState::failed)
        forget_row(lease.delivery.id);
    logger_.log(LogLevel::warning, "syntax_not_made",
                {{"destination", config_.name},
                 {"sop_instance_uid", instance.sop_instance_uid},
                 {"error", error}});
}

// Nothing is counted against the object, but what is older than give_up fails (and is kept).
void Lane::give_back(const SendingLease& lease, const std::string& error) {
    Settlement settlement{.delivery = lease.delivery.id, .state = DeliveryState::ready, .error = error,
                          .alone = lease.delivery.alone};
    if (!error.empty() && too_old(lease)) {
        settlement.state = DeliveryState::failed;
        settlement.error = "gave up after " + std::to_string(config_.retry.give_up.count()) + " s: " + error;
        forget_row(lease.delivery.id);
    }
    spool_.journal().settle(settlement);
}

bool Lane::too_old(const SendingLease& lease) const {
    const auto give_up = std::chrono::duration_cast<std::chrono::milliseconds>(config_.retry.give_up).count();
    return unix_ms_now() - lease.delivery.created > give_up;
}

// Its bytes could not be opened. A derived blob is a cache: removed and made again. An original that is gone or damaged
// must not leave. Anything else is tried again later, not at once: the row would be first in line for ever.
void Lane::settle_unreadable(const SendingLease& lease, const Error& error, bool derived) {
    Settlement settlement{.delivery = lease.delivery.id, .state = DeliveryState::retry, .error = error.text,
                          .alone = lease.delivery.alone};
    if (error.code == ErrorCode::memory) {
        settlement.due = unix_ms_now() + backoff_ms(1);
        trouble("object_not_opened", error.text);
    } else if (derived) {
        const auto removed = spool_.blobs().remove(Spool::derived_name(lease.row.id, lease.delivery.syntax));
        settlement.state = removed ? DeliveryState::waiting : DeliveryState::held;
        if (removed)
            settlement.error.clear();
    } else if (error.code == ErrorCode::not_found || error.code == ErrorCode::malformed) {
        settlement.state = DeliveryState::held;
    } else {
        settlement.due = unix_ms_now() + backoff_ms(3);
    }
    spool_.journal().settle(settlement);
}

// The row leaves this lane: what was remembered of it would never be asked for again.
void Lane::forget_row(DeliveryId delivery) {
    const std::lock_guard lock(mutex_);
    unknown_since_.erase(delivery);
    redirects_.erase(delivery);
}

void Lane::link_failed(const std::string& error, bool permanent) {
    std::int64_t wait = 0;
    {
        const std::lock_guard lock(mutex_);
        ++counts_.link_failures;
        counts_.last_error = error;
        holding_ = permanent;
        window_ = 1;
        // Several links that break at once are one failure of the peer.
        if (Clock::now() >= closed_until_) {
            ++failures_;
            wait = permanent ? std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::min<std::chrono::milliseconds>(
                                       probe_when_refused, std::max(config_.retry.max, config_.retry.first)))
                                   .count()
                             : backoff_ms(failures_);
            closed_until_ = Clock::now() + std::chrono::milliseconds(wait);
        }
        ++work_;
    }
    changed_.notify_all();
    logger_.log(permanent ? LogLevel::error : LogLevel::warning, permanent ? "lane_held" : "lane_closed",
                {{"destination", config_.name}, {"for_ms", std::to_string(wait)}, {"error", error}});
}

void Lane::link_worked() {
    bool opened = false;
    {
        const std::lock_guard lock(mutex_);
        last_success_ = unix_ms_now();
        opened = failures_ > 0;
        failures_ = 0;
        holding_ = false;
        counts_.last_error.clear();
        if (window_ < config_.associations) {
            ++window_; // slow start: one more link for each success
            ++work_;
        }
    }
    changed_.notify_all();
    if (opened)
        logger_.log(LogLevel::info, "lane_open", {{"destination", config_.name}});
}

// Exponential from `first` to `max`, the upper half of it by chance, so that lanes do not march in step.
std::int64_t Lane::backoff_ms(int failures) {
    const double ceiling = std::min(static_cast<double>(config_.retry.max.count()),
                                    static_cast<double>(config_.retry.first.count()) *
                                        std::pow(config_.retry.factor, std::max(0, failures - 1)));
    const std::lock_guard lock(random_mutex_);
    return static_cast<std::int64_t>(std::uniform_real_distribution(ceiling / 2, ceiling)(random_));
}

} // namespace dcmflow
