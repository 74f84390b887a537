// Time-outs, bounds, counters and stop signals that the parts of the DIMSE receiver share.
#pragma once

#include "pipeline/receive/stream.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dcmflow {

// reliability 2.4. Tests make them short.
struct DimseTimes {
    // From accept to a whole A-ASSOCIATE-RQ; from our last word to the peer's close.
    std::chrono::milliseconds artim{10'000};
    // Silence between messages, or between the PDUs of one.
    std::chrono::milliseconds idle{60'000};
    // Waiting this long inside a PDU for less than so many bytes is too slow.
    std::chrono::milliseconds progress_window{30'000};
    std::uint64_t progress_bytes = 16U << 10;
    // Until the peer takes an answer.
    std::chrono::milliseconds write{30'000};
    // When stopping: for idle peers to release by themselves.
    std::chrono::milliseconds release_grace{1'000};
};

struct DimseOptions {
    DimseTimes times;
    // Connections without an association; the oldest are dropped above.
    std::size_t pending = 1024;
    // Of association requests that are being collected, all together.
    std::size_t pending_bytes = 32U << 20;
    // Lines about refused connections; more are counted.
    std::size_t refusals_logged_per_second = 20;
};

// Since start; read at any time.
struct DimseCounters {
    std::atomic<std::uint64_t> connections{0};         // accepted by TCP
    std::atomic<std::uint64_t> connections_refused{0}; // by network, or dropped while silent
    std::atomic<std::uint64_t> associations{0};        // established
    std::atomic<std::uint64_t> associations_open{0};   // now
    std::atomic<std::uint64_t> rejected{0};            // A-ASSOCIATE-RJ
    std::atomic<std::uint64_t> rejected_over_limit{0}; // of these: local limit exceeded
    std::atomic<std::uint64_t> broken{0}; // ended by abort, close or time-out, whoever's
    std::atomic<std::uint64_t> echoes{0};
    std::atomic<std::uint64_t> objects{0};         // answered 0000
    std::atomic<std::uint64_t> objects_refused{0}; // answered anything else
    std::atomic<std::uint64_t> bytes{0};           // of data sets, as they come
};

namespace scp {

struct StopSignals {
    Signal soft; // no new message
    Signal hard; // nothing any more
};

} // namespace scp

} // namespace dcmflow
