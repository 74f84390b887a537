// Association: one accepted association, from our A-ASSOCIATE-AC to the last word.
//
// Runs on a thread of its own (run()), which owns it. Objects go fragment by fragment into the
// Intake; the answer goes out when the Intake gives it. It never holds more of an object than one
// read, never parses a data set, and never lets an exception out.
#pragma once

#include "pipeline/log.h"
#include "pipeline/receive/command.h"
#include "pipeline/receive/intake.h"
#include "pipeline/receive/limits.h"
#include "pipeline/receive/negotiation.h"
#include "pipeline/receive/pdu_reader.h"
#include "pipeline/receive/stream.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dcmflow::scp {

// What the door hands over: an association that is accepted but for the answer.
struct Admission {
    Stream stream;
    std::string calling_aet, called_aet;
    std::string implementation_version;
    std::uint32_t peer_max_pdu = 0;
    std::map<std::uint8_t, AcceptedContext> contexts;
    std::vector<std::byte> answer;  // the A-ASSOCIATE-AC
    std::vector<std::byte> already; // read behind the request
};

class Association {
  public:
    // `leave` gives up the place among the associations; called once, before our last word, so that
    // the peer's next association finds it free.
    Association(Admission admission, Intake& intake, Logger& logger, const DimseTimes& times,
                const StopSignals& stop, DimseCounters& counters, std::function<void()> leave);
    void run();
    [[nodiscard]] Stream take_stream() { return std::move(admission_.stream); }

  private:
    enum class Stage : std::uint8_t { idle, command, data_set };

    [[nodiscard]] Reading<void> serve(); // until release
    [[nodiscard]] Reading<void> read_data_pdu(std::uint32_t length);
    [[nodiscard]] Reading<void> begin_fragment(const dimse::PdvHeader& header);
    [[nodiscard]] Reading<void> take(std::span<const std::byte> bytes);
    [[nodiscard]] Reading<void> end_fragment(const dimse::PdvHeader& header);
    [[nodiscard]] Reading<void> dispatch();
    [[nodiscard]] Reading<void> begin_store();
    [[nodiscard]] Reading<void> end_store();
    [[nodiscard]] Reading<void> respond(std::uint16_t status, std::string_view comment);
    [[nodiscard]] Reading<void> write(std::span<const std::byte> bytes,
                                      std::chrono::milliseconds patience);
    void say_last_word(const Broken& end);
    void leave();
    void log_end(LogLevel level, std::string how);
    void log_refusal(std::uint16_t status, const std::string& text);

    Admission admission_;
    Intake& intake_;
    Logger& logger_;
    const DimseTimes& times_;
    const StopSignals& stop_;
    DimseCounters& counters_;
    std::function<void()> leave_;
    PduReader reader_;

    Stage stage_ = Stage::idle;
    std::uint8_t context_id_ = 0; // of the message in hand
    std::vector<std::byte> command_bytes_;
    Command command_;
    std::unique_ptr<Reception> reception_; // of the C-STORE in hand, if its object is being taken
    std::uint16_t early_status_ = 0;       // known before the data set came, which is then drained
    std::string early_comment_;

    bool peer_aborted_ = false;
    std::uint64_t stored_ = 0, refused_ = 0, echoes_ = 0, bytes_ = 0;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

} // namespace dcmflow::scp
