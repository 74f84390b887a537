#include "pipeline/acceptance.h"

namespace dcmflow {

Status AcceptanceBook::load() {
    auto learned = journal_.learned();
    if (!learned)
        return tl::unexpected(learned.error());
    const std::lock_guard lock(mutex_);
    for (const auto& [destination, rows] : *learned)
        for (const auto& row : rows)
            known_[Key(destination, row.sop_class_uid, row.transfer_syntax_uid)] = row.accepted;
    return {};
}

std::optional<bool> AcceptanceBook::takes(std::string_view destination, std::string_view sop_class_uid,
                                          std::string_view transfer_syntax_uid) const {
    const Key key{std::string(destination), std::string(sop_class_uid), std::string(transfer_syntax_uid)};
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void AcceptanceBook::learn(const std::string& destination, const std::vector<Acceptance>& seen) {
    std::vector<Acceptance> news;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& row : seen) {
            const auto [place, inserted] = known_.try_emplace(
                Key(destination, row.sop_class_uid, row.transfer_syntax_uid), row.accepted);
            if (inserted || place->second != row.accepted) {
                place->second = row.accepted;
                news.push_back(row);
            }
        }
    }
    if (!news.empty())
        journal_.learn(destination, std::move(news));
}

} // namespace dcmflow
