#include "pipeline/config/reader.h"

#include "pipeline/config/values.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace dcmflow {

std::string shown(std::string_view value) {
    constexpr std::size_t longest = 60;
    std::string text = "'";
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        if (i >= longest && (c & 0xC0) != 0x80) {
            text += "…";
            break;
        }
        if (c == '\n')
            text += "\\n";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
            text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            text += c;
    }
    return text + "'";
}

Reader::Reader(const YamlDocument& document, std::filesystem::path file)
    : document_(document), file_(std::move(file)) {
    std::error_code ignored;
    const auto absolute = std::filesystem::absolute(file_, ignored);
    folder_ = (ignored ? file_ : absolute).parent_path();
}

ConfigError Reader::make(YamlPosition position, std::string what, std::string expected) const {
    return {file_.string(), position.line, position.column, std::move(what), std::move(expected)};
}

void Reader::error(const YamlNode& at, std::string what, std::string expected) {
    errors_.push_back(make(document_.position(at.offset), std::move(what), std::move(expected)));
}

void Reader::error_in(const YamlNode& scalar, std::size_t offset, std::string what,
                      std::string expected) {
    errors_.push_back(
        make(document_.position_in(scalar, offset), std::move(what), std::move(expected)));
}

void Reader::warn(const YamlNode& at, std::string what, std::string expected) {
    warnings_.push_back(make(document_.position(at.offset), std::move(what), std::move(expected)));
}

const std::string* Reader::scalar(const YamlNode& node, std::string_view name) {
    switch (node.kind) {
    case YamlNode::Kind::scalar:
        return &node.text;
    case YamlNode::Kind::empty:
        error(node, fmt::format("{} has no value", name));
        return nullptr;
    case YamlNode::Kind::list:
        error(node, fmt::format("{} is a list", name), "a single value");
        return nullptr;
    case YamlNode::Kind::map:
        error(node, fmt::format("{} is a map", name), "a single value");
        return nullptr;
    }
    return nullptr;
}

const std::vector<const YamlNode*>* Reader::list(const YamlNode& node, std::string_view name,
                                                 std::string_view example) {
    if (node.kind == YamlNode::Kind::list)
        return &node.items;
    error(node,
          node.kind == YamlNode::Kind::empty ? fmt::format("{} has no value", name)
                                             : fmt::format("{} is not a list", name),
          fmt::format("a list, like {}", example));
    return nullptr;
}

std::filesystem::path Reader::resolve(std::string_view text) const {
    return (folder_ / std::filesystem::path(text)).lexically_normal();
}

std::vector<ConfigError> Reader::ordered(std::vector<ConfigError> list) {
    const auto place = [](const ConfigError& error) {
        return std::tuple(error.line, error.column);
    };
    std::stable_sort(list.begin(), list.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    const auto same = [&](const ConfigError& a, const ConfigError& b) {
        return place(a) == place(b) && a.what == b.what;
    };
    list.erase(std::unique(list.begin(), list.end(), same), list.end());
    return list;
}

Section::Section(Reader& reader, const YamlNode& node, std::string path,
                 std::vector<std::string_view> keys)
    : reader_(reader), node_(node), path_(std::move(path)) {
    if (!is_map()) {
        reader_.error(node, fmt::format("{} is not a map", path_.empty() ? "the file" : path_),
                      fmt::format("a map with keys of {}", join(keys)));
        return;
    }
    std::vector<std::string_view> seen;
    for (const auto& [key, value] : node.entries) {
        if (key->kind == YamlNode::Kind::list || key->kind == YamlNode::Kind::map) {
            reader_.error(*key, "a key that is not text", fmt::format("one of {}", join(keys)));
            continue;
        }
        if (std::find(seen.begin(), seen.end(), key->text) != seen.end())
            reader_.error(*key, fmt::format("duplicate key {}", shown(name(key->text))));
        else if (std::find(keys.begin(), keys.end(), key->text) != keys.end())
            seen.push_back(key->text);
        else {
            const auto near = nearest(key->text, std::span<const std::string_view>(keys));
            const auto hint =
                near.empty() ? std::string{} : fmt::format(" (did you mean '{}'?)", near);
            reader_.error(*key, fmt::format("unknown key {}{}", shown(name(key->text)), hint),
                          fmt::format("one of {}", join(keys)));
        }
    }
}

const YamlNode* Section::find(std::string_view key) const {
    for (const auto& entry : node_.entries)
        if (entry.key->text == key)
            return entry.value;
    return nullptr;
}

const YamlNode* Section::find_key(std::string_view key) const {
    for (const auto& entry : node_.entries)
        if (entry.key->text == key)
            return entry.key;
    return nullptr;
}

std::string Section::name(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Section::missing(std::string_view key, std::string expected) {
    if (is_map())
        reader_.error(node_, fmt::format("missing key '{}'", name(key)), std::move(expected));
}

const std::string* Section::text(std::string_view key) {
    const auto* value = find(key);
    return value == nullptr ? nullptr : reader_.scalar(*value, name(key));
}

void Section::bad(std::string_view key, std::string_view expected) {
    if (const auto* value = find(key))
        reader_.error(*value, fmt::format("bad value {} for {}", shown(value->text), name(key)),
                      std::string(expected));
}

void Section::read_ae_title(std::string_view key, std::string& out) {
    const auto* value = text(key);
    if (value == nullptr)
        return;
    if (is_ae_title(*value))
        out = *value;
    else
        bad(key, "an AE title: 1 to 16 printable ASCII characters, no backslash, * or ?, no space "
                 "at either end");
}

void Section::read_integer(std::string_view key, int& out, int min, int max,
                           std::string_view what) {
    const auto* value = text(key);
    if (value == nullptr)
        return;
    if (const auto number = parse_integer(*value, min, max))
        out = static_cast<int>(*number);
    else
        bad(key, fmt::format("{} from {} to {}", what, min, max));
}

namespace {

std::string size_text(std::uint64_t bytes) {
    if (bytes % (1ULL << 30) == 0)
        return fmt::format("{}GiB", bytes >> 30);
    if (bytes % (1ULL << 20) == 0)
        return fmt::format("{}MiB", bytes >> 20);
    return fmt::format("{}", bytes);
}

std::string duration_text(std::chrono::milliseconds duration) {
    const auto ms = duration.count();
    for (const auto& [factor, unit] :
         {std::pair{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}})
        if (ms % factor == 0)
            return ms == 0 ? "0s" : fmt::format("{}{}", ms / factor, unit);
    return fmt::format("{}ms", ms);
}

} // namespace

void Section::read_size(std::string_view key, std::uint64_t& out, SizeBounds bounds) {
    const auto* value = text(key);
    if (value == nullptr)
        return;
    const auto size = parse_size(*value);
    if (size && (*size >= bounds.min || (*size == 0 && bounds.zero_too)))
        out = *size;
    else
        bad(key,
            fmt::format("a size like 512MiB or 50GiB{}{}",
                        bounds.min > 0 ? fmt::format(", at least {}", size_text(bounds.min)) : "",
                        bounds.zero_too ? ", or 0 for none" : ""));
}

void Section::read_duration(std::string_view key, std::chrono::milliseconds& out,
                            DurationBounds bounds) {
    const auto* value = text(key);
    if (value == nullptr)
        return;
    const auto duration = parse_duration(*value);
    if (duration && *duration >= bounds.min && *duration <= bounds.max)
        out = *duration;
    else
        bad(key, fmt::format("a duration like 500ms, 30s, 15m, 12h or 7d, from {} to {}",
                             duration_text(bounds.min), duration_text(bounds.max)));
}

void Section::read_duration(std::string_view key, std::chrono::seconds& out,
                            DurationBounds bounds) {
    const auto* value = text(key);
    if (value == nullptr)
        return;
    const auto duration = parse_duration(*value);
    if (duration && *duration >= bounds.min && *duration <= bounds.max &&
        duration->count() % 1000 == 0)
        out = std::chrono::duration_cast<std::chrono::seconds>(*duration);
    else
        bad(key, fmt::format("a duration of whole seconds like 30s, 15m, 12h or 7d, from {} to {}",
                             duration_text(bounds.min), duration_text(bounds.max)));
}

void Section::read_path(std::string_view key, std::filesystem::path& out) {
    const auto* value = text(key);
    if (value == nullptr)
        return;
    if (value->empty())
        bad(key, "a path");
    else
        out = reader_.resolve(*value);
}

} // namespace dcmflow
