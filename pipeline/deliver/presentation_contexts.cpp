#include "pipeline/deliver/presentation_contexts.h"

namespace dcmflow::deliver {

PresentationContexts PresentationContexts::propose(std::span<const Need> needs) {
    PresentationContexts proposed;
    for (const Need& need : needs) {
        for (const std::string& syntax : need.transfer_syntax_uids) {
            if (proposed.contexts_.size() == max_presentation_contexts) {
                return proposed;
            }
            if (!proposed.asked(need.sop_class_uid, syntax)) {
                const auto id = static_cast<std::uint8_t>(2 * proposed.contexts_.size() + 1);
                proposed.contexts_.push_back({id, need.sop_class_uid, syntax, 1});
            }
        }
    }
    return proposed;
}

void PresentationContexts::answer(std::uint8_t id, std::uint8_t result,
                                  std::string_view transfer_syntax_uid) {
    const std::size_t index = id / 2U;
    if (id % 2 == 0 || index >= contexts_.size()) {
        return;
    }
    PresentationContext& context = contexts_[index];
    const bool other_syntax = result == 0 && transfer_syntax_uid != context.transfer_syntax_uid;
    context.result = other_syntax ? std::uint8_t{4} : result;
}

const PresentationContext* PresentationContexts::find(std::string_view sop_class_uid,
                                                      std::string_view transfer_syntax_uid) const {
    for (const PresentationContext& context : contexts_) {
        if (context.sop_class_uid == sop_class_uid &&
            context.transfer_syntax_uid == transfer_syntax_uid) {
            return &context;
        }
    }
    return nullptr;
}

bool PresentationContexts::asked(std::string_view sop_class_uid,
                                 std::string_view transfer_syntax_uid) const {
    return find(sop_class_uid, transfer_syntax_uid) != nullptr;
}

std::optional<std::uint8_t>
PresentationContexts::accepted(std::string_view sop_class_uid,
                               std::string_view transfer_syntax_uid) const {
    const PresentationContext* context = find(sop_class_uid, transfer_syntax_uid);
    if (context == nullptr || !context->accepted()) {
        return std::nullopt;
    }
    return context->id;
}

std::optional<std::uint8_t> PresentationContexts::accepted(std::string_view sop_class_uid) const {
    for (const PresentationContext& context : contexts_) {
        if (context.accepted() && context.sop_class_uid == sop_class_uid) {
            return context.id;
        }
    }
    return std::nullopt;
}

} // namespace dcmflow::deliver
