#include "pipeline/receive/spool_reception.h"

#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/part10.h"

#include <array>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

namespace dcmflow {

namespace {

// Which of our own failures the sender should try again later: all but bugs.
Answer answer_to(const Error& error) {
    switch (error.code) {
    case ErrorCode::no_space:
    case ErrorCode::memory:
    case ErrorCode::io:
    case ErrorCode::stopped:
        return {Verdict::out_of_resources, {}, error.text};
    default:
        return {Verdict::internal, {}, error.text};
    }
}

// What identify() found wrong, without quoting what stands there: it may be anything, a name
// included.
ScanError bad_uid_of(const DataSet& elements) {
    constexpr std::array<std::pair<std::uint32_t, std::string_view>, 4> uids{{
        {0x00080016, "SOP Class UID"},
        {0x00080018, "SOP Instance UID"},
        {0x0020000D, "Study Instance UID"},
        {0x0020000E, "Series Instance UID"},
    }};
    for (const auto& [tag, name] : uids) {
        const auto uid =
            elements.text(static_cast<std::uint16_t>(tag >> 16), static_cast<std::uint16_t>(tag));
        const bool required = tag >> 16 == 0x0008;
        if ((required || !uid.empty()) && !is_valid_uid(uid))
            return {ScanFault::bad_uid, 0, std::string(name) + " is missing or no UID"};
    }
    return {ScanFault::bad_uid, 0, "a UID is missing or none"};
}

} // namespace

SpoolReception::SpoolReception(Intake& intake, Origin origin, std::string sop_class_uid,
                               std::string sop_instance_uid, std::string transfer_syntax_uid)
    : intake_(intake), origin_(std::move(origin)), sop_class_uid_(std::move(sop_class_uid)),
      sop_instance_uid_(std::move(sop_instance_uid)),
      transfer_syntax_uid_(std::move(transfer_syntax_uid)) {}

void SpoolReception::open(std::uint64_t first_admission) {
    if (auto status = intake_.spool_.admit(first_admission); !status)
        return refuse(status.error());
    admitted_ = first_admission;
    auto writer = intake_.spool_.blobs().create();
    if (!writer)
        return refuse(writer.error());
    writer_ = std::move(*writer);
    const auto header =
        make_spool_header(sop_class_uid_, sop_instance_uid_, transfer_syntax_uid_, origin_);
    header_bytes_ = header.bytes.size();
    digest_offset_ = header.digest_offset;
    if (auto status = writer_->write(header.bytes); !status)
        refuse(status.error());
}

void SpoolReception::refuse(const Error& error) {
    answer_ = answer_to(error);
    writer_.reset();
}

void SpoolReception::write(std::span<const std::byte> bytes) {
    bytes_ += bytes.size();
    if (answer_)
        return;
    try {
        append(bytes);
    } catch (const std::bad_alloc&) {
        refuse({ErrorCode::memory, "out of memory"});
    } catch (const std::exception& error) {
        refuse({ErrorCode::internal, error.what()});
    }
}

void SpoolReception::append(std::span<const std::byte> bytes) {
    if (bytes_ > intake_.limits_.scan.object_bytes) {
        answer_ = Answer{Verdict::unreadable, ScanFault::object_too_large,
                         "the object is larger than " +
                             std::to_string(intake_.limits_.scan.object_bytes) + " bytes"};
        writer_.reset();
        return;
    }
    if (bytes_ > admitted_) {
        const auto more = bytes_ - admitted_ + intake_.limits_.admit_step;
        if (auto status = intake_.spool_.admit(more); !status)
            return refuse(status.error());
        admitted_ += more;
    }
    digester_.update(bytes);
    if (auto status = writer_->write(bytes); !status)
        refuse(status.error());
}

Answer SpoolReception::finish() {
    if (!answer_) {
        try {
            answer_ = keep();
        } catch (const std::bad_alloc&) {
            answer_ = Answer{Verdict::out_of_resources, {}, "out of memory"};
        } catch (const std::exception& error) {
            answer_ = Answer{Verdict::internal, {}, error.what()};
        }
    }
    writer_.reset();
    count(*answer_);
    return *answer_;
}

Answer SpoolReception::keep() {
    const auto file = writer_->view();
    if (!file)
        return answer_to(file.error());
    AcceptRequest request;
    if (auto refusal = examine(file->subspan(static_cast<std::size_t>(header_bytes_)), request))
        return std::move(*refusal);
    return make_durable(request);
}

// Fills in the request; or says what is wrong with the object.
std::optional<Answer> SpoolReception::examine(std::span<const std::byte> data_set,
                                              AcceptRequest& request) {
    std::optional<Answer> refusal;
    std::optional<ScanError> fault;
    const auto scanned =
        intake_.with_data_set(data_set, transfer_syntax_uid_, [&](const DataSet& elements) {
            auto instance = identify(elements, transfer_syntax_uid_);
            if (!instance) {
                fault = bad_uid_of(elements);
                return;
            }
            if (!sop_class_uid_.empty() && instance->sop_class_uid != sop_class_uid_)
                refusal =
                    Answer{Verdict::contradicts, {}, "SOP Class UID is not that of the command"};
            else if (!sop_instance_uid_.empty() && instance->sop_instance_uid != sop_instance_uid_)
                refusal =
                    Answer{Verdict::contradicts, {}, "SOP Instance UID is not that of the command"};
            if (refusal)
                return;
            request.instance = std::move(*instance);
            request.decision =
                intake_.rules_->decide(ObjectAttributes(elements, origin_, transfer_syntax_uid_));
        });
    if (!scanned)
        fault = scanned.error();
    if (fault)
        return unreadable(*fault);
    return refusal;
}

Answer SpoolReception::unreadable(const ScanError& error) {
    Answer answer{Verdict::unreadable, error.fault,
                  std::string(to_string(error.fault)) + ": " + error.text};
    intake_.quarantine(*writer_, answer.text + " (at byte " + std::to_string(error.offset) +
                                     " of the data set)");
    return answer;
}

// Bytes, then row: each durable before the next is begun, and both before the answer (design §1,
// promise 1).
Answer SpoolReception::make_durable(AcceptRequest& request) {
    request.origin = origin_;
    request.instance.bytes = bytes_;
    request.instance.digest = digester_.finish();
    const auto hex = request.instance.digest.hex();
    if (auto status = writer_->patch(digest_offset_, std::as_bytes(std::span(hex))); !status)
        return answer_to(status.error());
    auto blob = writer_->commit();
    if (!blob)
        return answer_to(blob.error());
    request.instance.blob = std::move(*blob);
    const auto accepted = intake_.spool_.accept(std::move(request));
    if (!accepted)
        return answer_to(accepted.error());
    switch (accepted->kind) {
    case AcceptKind::stored:
        return {Verdict::stored, {}, "stored"};
    case AcceptKind::duplicate:
        return {Verdict::duplicate, {}, "the same object is here already"};
    case AcceptKind::new_version:
        intake_.logger_.log(LogLevel::warning, "new_version",
                            {{"sop_instance_uid", sop_instance_uid_},
                             {"calling", origin_.calling_aet},
                             {"peer", origin_.peer_ip},
                             {"blob", accepted->blob}});
        return {Verdict::new_version,
                {},
                "kept as a new version: the same UID came before with other bytes"};
    }
    return {Verdict::internal, {}, "the spool gave an unknown answer"};
}

void SpoolReception::count(const Answer& answer) {
    auto& counters = intake_.counters_;
    const auto add = [](std::atomic<std::uint64_t>& counter, std::uint64_t value = 1) {
        counter.fetch_add(value, std::memory_order_relaxed);
    };
    switch (answer.verdict) {
    case Verdict::duplicate:
        add(counters.duplicates);
        break;
    case Verdict::new_version:
        add(counters.versions);
        break;
    case Verdict::unreadable:
        add(counters.unreadable);
        return;
    case Verdict::stored:
        break;
    default:
        add(counters.refused);
        return;
    }
    add(counters.received);
    add(counters.bytes, bytes_);
}

} // namespace dcmflow
