#include "rules/map_attributes.h"

#include "rules/literal.h"
#include "rules/text.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace dcmflow::rules {
namespace {

AttributeValues values_of(std::string_view text, const std::string& vr) {
    AttributeValues out{vr.empty() ? "UN" : vr, {}};
    const bool splits = vr.empty() || splits_values(vr);
    if (trimmed(text).empty() || family_of(vr) == Family::sequence)
        return out;
    for (;;) {
        const auto end = splits ? text.find('\\') : std::string_view::npos;
        out.values.emplace_back(trimmed(text.substr(0, end)));
        if (end == std::string_view::npos)
            return out;
        text.remove_prefix(end + 1);
    }
}

// Whether `asked`, a step of a rule's path, is the tag of the step that was given.
bool same_tag(const PathStep& asked, const PathStep& given) {
    return asked.group == given.group && asked.element == given.element &&
           asked.private_creator == given.private_creator;
}

bool same_item(const PathStep& asked, const PathStep& given) {
    return !asked.item || !given.item || *asked.item == *given.item;
}

} // namespace

tl::expected<MapAttributes, MapError>
MapAttributes::make(const std::map<std::string, std::string>& given, const Dictionary& dictionary) {
    MapAttributes out;
    for (const auto& [name, text] : given) {
        if (const auto key = context_key_from(name)) {
            out.context_[*key] = text;
            continue;
        }
        auto path = parse_tag_path(name, dictionary);
        if (!path)
            return tl::unexpected(MapError{name, std::move(path.error())});
        auto values = values_of(text, path->steps.back().vr);
        out.entries_.push_back({std::move(*path), std::move(values)});
    }
    return out;
}

std::optional<AttributeValues> MapAttributes::find(const TagPath& path) const {
    std::optional<AttributeValues> found;
    const auto& asked = path.steps;
    for (const auto& [given_path, values] : entries_) {
        const auto& given = given_path.steps;
        if (given.size() < asked.size() ||
            !std::ranges::equal(asked, std::span(given).first(asked.size()), same_tag))
            continue;
        if (!std::equal(asked.begin(), asked.end() - 1, given.begin(), same_item))
            continue;
        const bool sequence = given.size() > asked.size();
        if (!found)
            found = AttributeValues{sequence ? "SQ" : values.vr, {}};
        if (!sequence)
            found->values.insert(found->values.end(), values.values.begin(), values.values.end());
    }
    return found;
}

std::string MapAttributes::context(ContextKey key) const {
    const auto found = context_.find(key);
    return found == context_.end() ? std::string() : found->second;
}

} // namespace dcmflow::rules
