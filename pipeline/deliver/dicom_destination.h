// DicomDestination: a C-STORE SCU (PS3.4 B) behind Destination and Link.
//
// Threads as destination.h says. It sends bytes as they are, whatever the transfer syntax, and only
// in a presentation context that was accepted for exactly that syntax. Delivered means: a response
// with a success or warning status that names our Message ID and, if it names one, our SOP Instance
// UID.
#pragma once

#include "pipeline/deliver/association.h"
#include "pipeline/deliver/destination.h"
#include "pipeline/deliver/durable_file.h"

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace dcmflow {

class DicomDestination final : public Destination {
  public:
    // `config.target` must be a DicomTarget.
    explicit DicomDestination(const DestinationConfig& config);
    [[nodiscard]] const std::string& name() const override { return name_; }
    // Proposes the needs; with none, C-ECHO's class, so that there is something to agree on.
    [[nodiscard]] tl::expected<std::unique_ptr<Link>, ConnectError>
    connect(std::span<const Need> needs) override;
    [[nodiscard]] std::vector<ProbeStep> probe(std::span<const Need> needs) override;
    void interrupt() override;

  private:
    using Requested =
        tl::expected<std::unique_ptr<deliver::Association>, deliver::AssociationError>;
    // Association::request() that interrupt() can break off.
    [[nodiscard]] Requested request(std::shared_ptr<deliver::ClientSocket> socket,
                                    deliver::PresentationContexts contexts);
    [[nodiscard]] std::string label() const; // "archive (ARCHIVE@10.0.0.5:104)"
    [[nodiscard]] deliver::AssociationLimits limits() const;

    std::string name_;
    DicomTarget target_;
    std::string calling_aet_;
    std::chrono::milliseconds connect_timeout_;
    std::chrono::milliseconds response_timeout_;
    deliver::Descriptor stop_; // an eventfd, readable once interrupted
    std::mutex mutex_;
    bool interrupted_ = false;                                     // under mutex_
    std::vector<std::weak_ptr<deliver::ClientSocket>> requesting_; // under mutex_
};

} // namespace dcmflow
