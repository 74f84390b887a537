// SpoolReception: one object on its way into the spool. Internal to the Intake (intake.h says the
// rules).
//
// What goes wrong is remembered in answer_, the writer is dropped at once (it leaves no file), and
// further bytes are discarded, so that the sender can be heard out and answered.
#pragma once

#include "pipeline/dicom/digest.h"
#include "pipeline/receive/intake.h"

#include <optional>
#include <string>

namespace dcmflow {

class SpoolReception final : public Reception {
  public:
    SpoolReception(Intake& intake, Origin origin, std::string sop_class_uid,
                   std::string sop_instance_uid, std::string transfer_syntax_uid);
    void open(std::uint64_t first_admission);
    void write(std::span<const std::byte> bytes) override;
    [[nodiscard]] Answer finish() override;

  private:
    void append(std::span<const std::byte> bytes);
    void refuse(const Error& error);
    [[nodiscard]] Answer keep();
    [[nodiscard]] std::optional<Answer> examine(std::span<const std::byte> data_set,
                                                AcceptRequest& request);
    [[nodiscard]] Answer unreadable(const ScanError& error);
    [[nodiscard]] Answer make_durable(AcceptRequest& request);
    void count(const Answer& answer);

    Intake& intake_;
    const Origin origin_;
    const std::string sop_class_uid_, sop_instance_uid_, transfer_syntax_uid_;
    std::unique_ptr<BlobWriter> writer_;
    Digester digester_;
    std::uint64_t header_bytes_ = 0, digest_offset_ = 0;
    std::uint64_t bytes_ = 0;    // of the data set
    std::uint64_t admitted_ = 0; // of the data set: the spool said that these fit
    std::optional<Answer> answer_;
};

} // namespace dcmflow
