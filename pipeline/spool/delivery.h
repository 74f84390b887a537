// Delivery: one (instance, destination) row of the queue, its states and the one transition table.
//
//   accept ──► waiting ──plan──► ready ──lease──► sending ──► delivered
//                 ▲                ▲                 │  └────► failed        (an operator's retry: waiting)
//                 │                └── retry(due) ◄──┤
//                 └──── re-make, next ladder step ◄──┘        held: from any state but sending/delivered,
//                                                             by an operator, `unmatched: hold` or a poison row
// waiting: needs a pass through the flow graph (route, transcode). ready: its bytes in `syntax` exist.
#pragma once

#include "pipeline/dicom/instance.h"
#include "rules/decision.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dcmflow {

enum class DeliveryState : std::uint8_t { waiting, ready, sending, retry, held, failed, delivered, dropped };
[[nodiscard]] std::string_view to_string(DeliveryState state);
[[nodiscard]] std::optional<DeliveryState> delivery_state_from(std::string_view text);
// The transition table. Reclaim (sending → waiting after a crash) is in it too.
[[nodiscard]] bool may_become(DeliveryState from, DeliveryState to);
// delivered and dropped: nothing will happen to the row again.
[[nodiscard]] bool is_final(DeliveryState state);

using InstanceId = std::int64_t; // row ids; 0 is none
using DeliveryId = std::int64_t;

struct Delivery {
    DeliveryId id = 0;
    InstanceId instance_id = 0;
    std::string destination; // empty: no rule matched (unmatched: hold)
    rules::Priority priority = rules::Priority::normal;
    DeliveryState state = DeliveryState::waiting;
    std::string syntax;         // UID chosen by plan(); empty before. The source's own: no derived blob
    std::string reason;         // why the original goes out although another syntax was wanted; a label
    int attempts = 0;           // object failures only; link failures never count
    int unknown_outcomes = 0;   // aborted or timed out after data was sent
    int crashes = 0;            // times the process died with this row in hand
    bool alone = false;         // send it by itself on a fresh link (suspected poison)
    std::int64_t created = 0;   // Unix ms
    std::int64_t due = 0;       // Unix ms; not before
    std::int64_t settled = 0;   // Unix ms; when it reached a final state
    std::string last_error;     // one sentence; for delivered rows a warning
};

} // namespace dcmflow
