#include "pipeline/syntax_ladder.h"

#include "codecs/transfer_syntax.h"

#include <algorithm>

namespace dcmflow {

namespace {

class LadderMaker {
  public:
    LadderMaker(std::string_view destination, const Instance& instance, SizeTrial* trial,
                const AcceptanceBook* acceptance)
        : destination_(destination), instance_(instance), trial_(trial), acceptance_(acceptance) {}

    SyntaxLadder make(const std::vector<std::string>& wanted) {
        for (const auto& name : wanted)
            if (name == "auto" ? add_smallest() : add(name))
                return std::move(ladder_);
        push(source());
        return std::move(ladder_);
    }

  private:
    [[nodiscard]] const std::string& source() const { return instance_.transfer_syntax_uid; }

    [[nodiscard]] bool refused(std::string_view syntax) const {
        return acceptance_ != nullptr && acceptance_->takes(destination_, instance_.sop_class_uid, syntax) == false;
    }

    void note(std::string_view reason) {
        if (ladder_.steps.empty() && ladder_.reason.empty())
            ladder_.reason = reason;
    }

    void push(const std::string& uid) {
        if (std::find(ladder_.steps.begin(), ladder_.steps.end(), uid) == ladder_.steps.end())
            ladder_.steps.push_back(uid);
    }

    // True if the ladder ends here: the source needs no making, so nothing after it is ever reached.
    bool add(const std::string& name) {
        const auto* syntax = codecs::find_by_name(name);
        const std::string uid = name == "original" || syntax == nullptr ? source() : std::string(syntax->uid);
        if (refused(uid)) {
            note("not_accepted");
            return false;
        }
        if (uid == source()) {
            push(uid);
            return true;
        }
        const auto reason = trial_ == nullptr
                                ? TranscodeReason::internal
                                : trial_->transcoder().can_transcode(trial_->data_set(), source(), uid,
                                                                     refused(source()));
        if (reason == TranscodeReason::ok)
            push(uid);
        else
            note(to_string(reason));
        return false;
    }

    bool add_smallest() {
        std::vector<std::string_view> candidates;
        for (const auto candidate : auto_candidates())
            if (!refused(candidate))
                candidates.push_back(candidate);
        if (trial_ == nullptr) {
            note(to_string(TranscodeReason::internal));
            return false;
        }
        if (candidates.empty())
            note("not_accepted");
        // What is larger than the object as it is makes sense only for a destination that refuses it so.
        const auto ranked = trial_->rank(candidates);
        if (trial_->reason() != TranscodeReason::ok && trial_->reason() != TranscodeReason::same_syntax)
            note(to_string(trial_->reason()));
        for (const auto& uid : ranked) {
            if (uid == source() && refused(uid))
                continue;
            push(uid);
            if (uid == source())
                return true;
            if (!refused(source()))
                ladder_.if_smaller.push_back(uid);
        }
        // It takes none of these as it is: what every node should take.
        for (const auto* native : {"explicit-le", "implicit-le"})
            if (add(native))
                return true;
        return false;
    }

    std::string_view destination_;
    const Instance& instance_;
    SizeTrial* trial_;
    const AcceptanceBook* acceptance_;
    SyntaxLadder ladder_;
};

} // namespace

std::vector<std::string_view> proposed_syntaxes(const std::vector<std::string>& wanted) {
    std::vector<std::string_view> uids;
    const auto add = [&](std::string_view uid) {
        if (std::find(uids.begin(), uids.end(), uid) == uids.end())
            uids.push_back(uid);
    };
    for (const auto& name : wanted) {
        if (const auto* syntax = codecs::find_by_name(name))
            add(syntax->uid);
        if (name == "auto") {
            for (const auto candidate : auto_candidates())
                add(candidate);
            add(codecs::uid::explicit_le);
            add(codecs::uid::implicit_le);
        }
    }
    return uids;
}

SyntaxLadder make_ladder(const std::vector<std::string>& wanted, std::string_view destination,
                         const Instance& instance, SizeTrial* trial, const AcceptanceBook* acceptance) {
    return LadderMaker(destination, instance, trial, acceptance).make(wanted);
}

} // namespace dcmflow
