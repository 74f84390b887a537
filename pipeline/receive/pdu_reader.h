// PduReader: the bytes of one association, PDU by PDU, with a time limit on every wait.
//
// Owned by an association's thread. It reads as much as the kernel has into one fixed buffer and
// hands out views of it: a fragment is never copied, and no PDU has to fit. It knows PDU headers
// and nothing of what is in them. Time spent outside of it (disk, journal) never counts against the
// peer.
#pragma once

#include "pipeline/receive/limits.h"
#include "pipeline/receive/pdu.h"
#include "pipeline/receive/stream.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow::scp {

// Why an association cannot go on.
struct Broken {
    enum class Why : std::uint8_t {
        closed,
        failed,
        timed_out,
        stopped,
        malformed
    } why = Why::closed;
    std::string text;
    AbortReason abort = AbortReason::not_specified; // for malformed
};
template <class T> using Reading = tl::expected<T, Broken>;
[[nodiscard]] tl::unexpected<Broken> broken(Broken::Why why, std::string text,
                                            AbortReason abort = AbortReason::not_specified);

class PduReader {
  public:
    // `already`: bytes that were read behind the A-ASSOCIATE-RQ.
    PduReader(Stream& stream, const DimseTimes& times, const StopSignals& stop,
              std::vector<std::byte> already);

    // Between messages the idle limit and the soft stop hold; inside one, minimum progress and the
    // hard stop.
    [[nodiscard]] Reading<dimse::PduHeader> next_header(bool between_messages);
    // At least one byte and at most `most` of the PDU's body; valid until the next call.
    [[nodiscard]] Reading<std::span<const std::byte>> some(std::size_t most);
    [[nodiscard]] Reading<void> exact(std::span<std::byte> into);

  private:
    enum class Mode : std::uint8_t { between_messages, between_pdus, inside_pdu };
    [[nodiscard]] Reading<void> fill(Mode mode);
    [[nodiscard]] Reading<void> wait(Mode mode);
    [[nodiscard]] Reading<void> wait_between_messages();

    Stream& stream_;
    const DimseTimes& times_;
    const StopSignals& stop_;
    std::vector<std::byte> buffer_;
    std::size_t begin_ = 0, end_ = 0;    // of what is unread in buffer_
    std::uint64_t progressed_ = 0;       // bytes since …
    std::chrono::nanoseconds waited_{0}; // … this much waiting
};

} // namespace dcmflow::scp
