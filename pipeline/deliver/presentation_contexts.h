// PresentationContexts: what we propose on an association, and what the peer accepted of it.
//
// A value, owned by an Association. One context for each SOP class × transfer syntax, because an
// acceptor picks one syntax per context and so would hide what else it takes. At most 128 contexts
// fit (odd IDs 1 … 255, PS3.8 9.3.2.2): the first 128 in order are proposed, and asked() says
// which. It compares UIDs as text: it knows no list of them, so HTJ2K and private ones are like any
// other.
#pragma once

#include "pipeline/deliver/destination.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::deliver {

inline constexpr std::size_t max_presentation_contexts = 128;

struct PresentationContext {
    std::uint8_t id = 1; // odd
    std::string sop_class_uid;
    std::string transfer_syntax_uid;
    std::uint8_t result =
        1; // PS3.8 9.3.3.2: 0 acceptance, 3 abstract, 4 transfer syntax; 1: not answered
    [[nodiscard]] bool accepted() const { return result == 0; }
};

class PresentationContexts {
  public:
    // Doubles are proposed once.
    [[nodiscard]] static PresentationContexts propose(std::span<const Need> needs);

    // What the peer answered for one context. Answers to IDs that were not proposed, and an
    // acceptance in another syntax than the proposed one, accept nothing.
    void answer(std::uint8_t id, std::uint8_t result, std::string_view transfer_syntax_uid);

    [[nodiscard]] bool asked(std::string_view sop_class_uid,
                             std::string_view transfer_syntax_uid) const;
    // The context for this class in this syntax, if the peer accepted it.
    [[nodiscard]] std::optional<std::uint8_t> accepted(std::string_view sop_class_uid,
                                                       std::string_view transfer_syntax_uid) const;
    // Any accepted context of this class (for C-ECHO).
    [[nodiscard]] std::optional<std::uint8_t> accepted(std::string_view sop_class_uid) const;
    [[nodiscard]] std::span<const PresentationContext> all() const { return contexts_; }

  private:
    [[nodiscard]] const PresentationContext* find(std::string_view sop_class_uid,
                                                  std::string_view transfer_syntax_uid) const;
    std::vector<PresentationContext> contexts_;
};

} // namespace dcmflow::deliver
