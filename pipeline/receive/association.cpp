#include "pipeline/receive/association.h"

#include "pipeline/dicom/part10.h"

#include <array>
#include <cstdio>
#include <exception>
#include <system_error>

namespace dcmflow::scp {

namespace {

constexpr std::chrono::milliseconds last_word_patience{1000};

std::string hex4(std::uint16_t status) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%04X", static_cast<unsigned>(status));
    return text.data();
}

std::string tenths(std::chrono::steady_clock::duration time) {
    const auto tenth = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
    return std::to_string(tenth / 10) + "." + std::to_string(tenth % 10);
}

} // namespace

Association::Association(Admission admission, Intake& intake, Logger& logger,
                         const DimseTimes& times, const StopSignals& stop, DimseCounters& counters,
                         std::function<void()> leave)
    : admission_(std::move(admission)), intake_(intake), logger_(logger), times_(times),
      stop_(stop), counters_(counters), leave_(std::move(leave)),
      reader_(admission_.stream, times_, stop_, std::move(admission_.already)) {}

void Association::run() {
    Reading<void> end;
    try {
        end = serve();
    } catch (const std::exception& error) {
        end = broken(Broken::Why::failed, std::string("internal error: ") + error.what());
    }
    reception_.reset(); // an object that did not arrive whole leaves nothing
    leave();
    if (end) {
        (void)write(dimse::make_release_rp(), last_word_patience);
        log_end(LogLevel::info, "released");
        return;
    }
    counters_.broken.fetch_add(1, std::memory_order_relaxed);
    say_last_word(end.error());
    log_end(LogLevel::warning, end.error().text);
}

void Association::leave() {
    if (leave_)
        std::exchange(leave_, nullptr)();
}

void Association::say_last_word(const Broken& end) {
    if (peer_aborted_ || end.why == Broken::Why::closed)
        return;
    const auto pdu = end.why == Broken::Why::malformed ? make_abort_by_provider(end.abort)
                                                       : dimse::make_abort_by_user();
    (void)write(pdu, last_word_patience);
}

Reading<void> Association::serve() {
    if (auto status = write(admission_.answer, times_.write); !status)
        return status;
    for (;;) {
        const auto header = reader_.next_header(stage_ == Stage::idle);
        if (!header)
            return tl::unexpected(header.error());
        switch (static_cast<dimse::PduType>(header->type)) {
        case dimse::PduType::data:
            if (stage_ == Stage::idle && stop_.soft.raised())
                return broken(Broken::Why::stopped, "the receiver stopped");
            if (auto status = read_data_pdu(header->length); !status)
                return status;
            break;
        case dimse::PduType::release_rq:
            if (stage_ != Stage::idle || header->length != max_short_pdu)
                return broken(Broken::Why::malformed, "an A-RELEASE-RQ in the middle of a message",
                              AbortReason::unexpected_pdu);
            return {};
        case dimse::PduType::abort:
            peer_aborted_ = true;
            return broken(Broken::Why::closed, "the peer aborted");
        case dimse::PduType::associate_rq:
        case dimse::PduType::associate_ac:
        case dimse::PduType::associate_rj:
        case dimse::PduType::release_rp:
            return broken(Broken::Why::malformed,
                          "a PDU that does not belong there, of type " +
                              std::to_string(header->type),
                          AbortReason::unexpected_pdu);
        default:
            return broken(Broken::Why::malformed,
                          "an unknown PDU, of type " + std::to_string(header->type),
                          AbortReason::unrecognized_pdu);
        }
    }
}

Reading<void> Association::read_data_pdu(std::uint32_t length) {
    if (length > max_data_pdu)
        return broken(Broken::Why::malformed, "a P-DATA-TF of " + std::to_string(length) + " bytes",
                      AbortReason::invalid_parameter);
    while (length > 0) {
        std::array<std::byte, dimse::pdv_header_bytes> bytes{};
        if (length < bytes.size())
            return broken(Broken::Why::malformed, "a P-DATA-TF that ends inside a PDV's header",
                          AbortReason::invalid_parameter);
        if (auto status = reader_.exact(bytes); !status)
            return status;
        length -= static_cast<std::uint32_t>(bytes.size());
        const auto header = dimse::parse_pdv_header(bytes);
        if (!header || header->length > length)
            return broken(Broken::Why::malformed, "a PDV whose length does not fit its P-DATA-TF",
                          AbortReason::invalid_parameter);
        if (auto status = begin_fragment(*header); !status)
            return status;
        length -= header->length;
        for (std::size_t left = header->length; left > 0;) {
            const auto part = reader_.some(left);
            if (!part)
                return tl::unexpected(part.error());
            if (auto status = take(*part); !status)
                return status;
            left -= part->size();
        }
        if (auto status = end_fragment(*header); !status)
            return status;
    }
    return {};
}

// PS3.8 Annex E: command fragments first, then those of the data set, all in one context.
Reading<void> Association::begin_fragment(const dimse::PdvHeader& header) {
    if (!admission_.contexts.contains(header.context_id))
        return broken(Broken::Why::malformed,
                      "a PDV in a presentation context that was not accepted",
                      AbortReason::unexpected_parameter);
    if (stage_ != Stage::idle && header.context_id != context_id_)
        return broken(Broken::Why::malformed, "a message that changes its presentation context",
                      AbortReason::unexpected_parameter);
    if (header.command != (stage_ != Stage::data_set))
        return broken(Broken::Why::malformed,
                      header.command ? "a command fragment where a data set was due"
                                     : "a data set fragment where a command was due",
                      AbortReason::unexpected_parameter);
    if (stage_ == Stage::idle) {
        stage_ = Stage::command;
        context_id_ = header.context_id;
        command_bytes_.clear();
    }
    return {};
}

Reading<void> Association::take(std::span<const std::byte> bytes) {
    if (stage_ == Stage::command) {
        if (command_bytes_.size() + bytes.size() > dimse::max_command_bytes)
            return broken(Broken::Why::malformed,
                          "a command set of more than " + std::to_string(dimse::max_command_bytes) +
                              " bytes",
                          AbortReason::invalid_parameter);
        command_bytes_.insert(command_bytes_.end(), bytes.begin(), bytes.end());
        return {};
    }
    bytes_ += bytes.size();
    counters_.bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
    if (reception_)
        reception_->write(bytes);
    return {};
}

Reading<void> Association::end_fragment(const dimse::PdvHeader& header) {
    if (!header.last)
        return {};
    if (stage_ == Stage::command) {
        auto command = parse_command(command_bytes_);
        if (!command)
            return broken(Broken::Why::malformed, command.error().text,
                          AbortReason::invalid_parameter);
        command_ = std::move(*command);
        return dispatch();
    }
    stage_ = Stage::idle;
    if (command_.field == dimse::c_store_rq)
        return end_store();
    return respond(early_status_, early_comment_);
}

Reading<void> Association::dispatch() {
    stage_ = command_.has_data_set ? Stage::data_set : Stage::idle;
    early_status_ = status_success;
    early_comment_.clear();
    if (command_.field == dimse::c_store_rq)
        return begin_store();
    if (command_.field == dimse::c_cancel_rq)
        return {}; // nothing of ours can be cancelled, and it has no response (PS3.7 9.3.2.3)
    if ((command_.field & dimse::response_bit) != 0)
        return broken(Broken::Why::malformed, "a response to nothing",
                      AbortReason::unexpected_parameter);
    if (command_.field == dimse::c_echo_rq) {
        ++echoes_;
        counters_.echoes.fetch_add(1, std::memory_order_relaxed);
    } else {
        early_status_ = status_unrecognized_operation;
        early_comment_ = "only C-ECHO and C-STORE are served here";
        log_refusal(early_status_, early_comment_);
    }
    return command_.has_data_set ? Reading<void>{} : respond(early_status_, early_comment_);
}

Reading<void> Association::begin_store() {
    const auto& context = admission_.contexts.at(context_id_);
    if (!command_.has_data_set)
        return broken(Broken::Why::malformed, "a C-STORE without a data set",
                      AbortReason::invalid_parameter);
    if (!is_valid_uid(command_.sop_class_uid) || !is_valid_uid(command_.sop_instance_uid)) {
        Answer answer{Verdict::unreadable, ScanFault::bad_uid,
                      "the command's SOP UIDs are not UIDs"};
        early_status_ = answer.dimse_status();
        early_comment_ = answer.text;
    } else if (command_.sop_class_uid != context.abstract_syntax) {
        early_status_ = status_sop_class_not_supported;
        early_comment_ = "SOP class is not that of the presentation context";
    } else {
        reception_ = intake_.begin({admission_.calling_aet, admission_.called_aet,
                                    admission_.stream.peer().text(), unix_ms_now()},
                                   command_.sop_class_uid, command_.sop_instance_uid,
                                   context.transfer_syntax);
    }
    return {};
}

Reading<void> Association::end_store() {
    auto status = early_status_;
    auto text = early_comment_;
    auto comment = early_comment_;
    if (reception_) {
        auto answer = reception_->finish();
        reception_.reset();
        status = answer.dimse_status();
        comment = answer.comment();
        text = std::move(answer.text);
    }
    if (status == status_success) {
        ++stored_;
        counters_.objects.fetch_add(1, std::memory_order_relaxed);
        return respond(status, {});
    }
    ++refused_;
    counters_.objects_refused.fetch_add(1, std::memory_order_relaxed);
    log_refusal(status, text);
    return respond(status, comment);
}

Reading<void> Association::respond(std::uint16_t status, std::string_view comment) {
    return write(make_command_pdus(context_id_, make_response(command_, status, comment),
                                   admission_.peer_max_pdu),
                 times_.write);
}

Reading<void> Association::write(std::span<const std::byte> bytes,
                                 std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!bytes.empty()) {
        const auto put = admission_.stream.write_now(bytes);
        if (put.state == IoState::failed)
            return broken(Broken::Why::failed, std::generic_category().message(put.error));
        if (put.state == IoState::ok) {
            bytes = bytes.subspan(put.bytes);
            continue;
        }
        const auto woken = wait_for(admission_.stream, true, &stop_.hard, deadline);
        if (woken == Woken::signal)
            return broken(Broken::Why::stopped,
                          "the receiver stopped before the peer took its answer");
        if (woken == Woken::deadline)
            return broken(Broken::Why::timed_out, "the peer does not take our answers");
    }
    return {};
}

void Association::log_end(LogLevel level, std::string how) {
    logger_.log(level, "association_end",
                {{"peer", admission_.stream.peer().text()},
                 {"calling", admission_.calling_aet},
                 {"called", admission_.called_aet},
                 {"how", std::move(how)},
                 {"stored", std::to_string(stored_)},
                 {"refused", std::to_string(refused_)},
                 {"echoes", std::to_string(echoes_)},
                 {"bytes", std::to_string(bytes_)},
                 {"seconds", tenths(std::chrono::steady_clock::now() - begun_)}});
}

void Association::log_refusal(std::uint16_t status, const std::string& text) {
    const auto& uid = command_.sop_instance_uid;
    logger_.log(LogLevel::warning, "object_refused",
                {{"peer", admission_.stream.peer().text()},
                 {"calling", admission_.calling_aet},
                 {"sop_instance_uid", is_valid_uid(uid) ? uid : std::string()},
                 {"status", hex4(status)},
                 {"text", text}});
}

} // namespace dcmflow::scp
