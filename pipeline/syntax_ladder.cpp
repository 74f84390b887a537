#include "pipeline/syntax_ladder.h"

#include "codecs/transfer_syntax.h"

namespace dcmflow {

SyntaxLadder make_ladder(const std::vector<std::string>& wanted, std::string_view destination,
                         const Instance& instance, const DataSet* data_set, const Transcoder& transcoder,
                         const AcceptanceBook* acceptance) {
    SyntaxLadder ladder;
    const std::string& source = instance.transfer_syntax_uid;
    const auto refused = [&](std::string_view syntax) {
        return acceptance != nullptr && acceptance->takes(destination, instance.sop_class_uid, syntax) == false;
    };
    const auto note = [&](std::string_view reason) {
        if (ladder.steps.empty() && ladder.reason.empty())
            ladder.reason = reason;
    };
    for (const auto& name : wanted) {
        const auto* syntax = codecs::find_by_name(name);
        const std::string uid = name == "original" || syntax == nullptr ? source : std::string(syntax->uid);
        if (refused(uid)) {
            note("not_accepted");
            continue;
        }
        if (uid == source) {
            ladder.steps.push_back(uid);
            return ladder; // needs no making, so nothing after it is ever reached
        }
        const auto reason = data_set == nullptr ? TranscodeReason::internal
                                                : transcoder.can_transcode(*data_set, source, uid);
        if (reason == TranscodeReason::ok)
            ladder.steps.push_back(uid);
        else
            note(to_string(reason));
    }
    ladder.steps.push_back(source);
    return ladder;
}

} // namespace dcmflow
