#include "pipeline/spool/delivery.h"

#include <array>
#include <cstddef>

namespace dcmflow {
namespace {

using enum DeliveryState;

constexpr std::size_t state_count = 8;
constexpr std::array<DeliveryState, state_count> all_states{waiting, ready,  sending,   retry,
                                                            held,    failed, delivered, dropped};

// Row: from; one bit per state it may become.
constexpr unsigned bit(DeliveryState state) {
    return 1U << static_cast<unsigned>(state);
}
template <class... States> constexpr unsigned set(States... states) {
    return (0U | ... | bit(states));
}

constexpr std::array<unsigned, state_count> transitions{
    /* waiting   */ set(ready, held, dropped),
    /* ready     */ set(sending, waiting, held, dropped), // reclaim: its derived blob is gone
    /* sending   */ set(delivered, retry, failed, held, ready, waiting),
    /* retry     */ set(sending, waiting, held, dropped),
    /* held      */ set(waiting, dropped),
    /* failed    */ set(waiting, held, dropped),
    /* delivered */ set(waiting),       // the sender sent it again: it wants it there again
    /* dropped   */ set(waiting, held), // likewise
};

} // namespace

std::string_view to_string(DeliveryState state) {
    switch (state) {
    case waiting:
        return "waiting";
    case ready:
        return "ready";
    case sending:
        return "sending";
    case retry:
        return "retry";
    case held:
        return "held";
    case failed:
        return "failed";
    case delivered:
        return "delivered";
    case dropped:
        return "dropped";
    }
    return "unknown";
}

std::optional<DeliveryState> delivery_state_from(std::string_view text) {
    for (const auto state : all_states)
        if (text == to_string(state))
            return state;
    return std::nullopt;
}

bool may_become(DeliveryState from, DeliveryState to) {
    const auto row = static_cast<std::size_t>(from);
    return row < state_count && (transitions[row] & bit(to)) != 0;
}

bool is_final(DeliveryState state) {
    return state == delivered || state == dropped;
}

} // namespace dcmflow
