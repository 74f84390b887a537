// DimseReceiver: the Storage and Verification SCP on one listen entry.
//
// One door thread settles associations (door.h), one thread per association serves it
// (association.h); all are owned here and joined. Owned by `run`; start() and stop() from its
// thread, the rest from any. Everything it receives goes through the Intake. It keeps no object, no
// more than 300 KiB per association, and no names.
#pragma once

#include "pipeline/config/config.h"
#include "pipeline/log.h"
#include "pipeline/receive/intake.h"
#include "pipeline/receive/limits.h"
#include "pipeline/receive/receiver.h"

#include <cstdint>
#include <memory>

namespace dcmflow {

class DimseReceiver final : public Receiver {
  public:
    // The intake and the logger must outlive it.
    DimseReceiver(DicomListenConfig listen, Intake& intake, Logger& logger,
                  DimseOptions options = {});
    ~DimseReceiver() override; // stops without patience
    DimseReceiver(const DimseReceiver&) = delete;
    DimseReceiver& operator=(const DimseReceiver&) = delete;

    [[nodiscard]] Status start() override;
    void stop(std::chrono::steady_clock::time_point deadline) override;
    [[nodiscard]] std::uint16_t port() const; // the bound one, after start()
    [[nodiscard]] const DimseCounters& counters() const { return counters_; }

  private:
    struct Running;
    DicomListenConfig listen_;
    Intake& intake_;
    Logger& logger_;
    const DimseOptions options_;
    DimseCounters counters_;
    std::unique_ptr<Running> running_; // between start() and stop()
};

} // namespace dcmflow
