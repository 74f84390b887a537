#include "codecs/transfer_syntax.h"
#include "pipeline/config/sections.h"
#include "pipeline/config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace dcmflow {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 4> kinds{"dicom", "folder", "stow", "s3"};
constexpr std::array<std::string_view, 3> dicom_only{"calling_aet", "connect_timeout",
                                                     "response_timeout"};

bool is_destination_name(std::string_view name) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '.';
    };
    return !name.empty() && name.size() <= 64 && name.front() != '-' && name != "hold" &&
           name != "drop" && std::all_of(name.begin(), name.end(), good);
}

std::string available_syntaxes() {
    std::string all = "one of original, auto";
    for (const auto& syntax : codecs::transfer_syntaxes())
        if (syntax.can_write)
            all += fmt::format(", {}", syntax.name);
    return all;
}

// What is wrong with a step of a ladder; empty if nothing.
std::string syntax_fault(const std::string& name) {
    if (name == "original" || name == "auto")
        return {};
    const auto* syntax = codecs::find_by_name(name);
    if (syntax != nullptr && syntax->can_write)
        return {};
    if (syntax != nullptr && syntax->lossless)
        return fmt::format("'{}' is never written, only carried", name);
    if (syntax != nullptr)
        return fmt::format("'{}' is never written: lossy compression would change pixels", name);
    std::vector<std::string_view> names{"original", "auto"};
    for (const auto& known : codecs::transfer_syntaxes())
        names.push_back(known.name);
    const auto near = nearest(name, std::span<const std::string_view>(names));
    return fmt::format("unknown transfer syntax {}{}", shown(name),
                       near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near));
}

void read_syntax(Section& section, Reader& reader, DestinationConfig& out) {
    const auto* node = section.find("syntax");
    if (node == nullptr)
        return;
    const auto* items = reader.list(*node, section.name("syntax"), "[jpeg-ls, explicit-le]");
    if (items == nullptr)
        return;
    if (items->empty())
        reader.error(*node, fmt::format("{} is empty", section.name("syntax")),
                     available_syntaxes());
    std::vector<std::string> ladder;
    for (const auto* item : *items) {
        const auto* name =
            reader.scalar(*item, fmt::format("an entry of {}", section.name("syntax")));
        if (name == nullptr)
            continue;
        if (auto fault = syntax_fault(*name); !fault.empty())
            reader.error(*item, std::move(fault), available_syntaxes());
        else if (std::find(ladder.begin(), ladder.end(), *name) != ladder.end())
            reader.error(*item, fmt::format("'{}' is in {} twice", *name, section.name("syntax")));
        else
            ladder.push_back(*name);
    }
    out.syntax = std::move(ladder);
}

void read_factor(Section& retry, double& out) {
    const auto* text = retry.text("factor");
    if (text == nullptr)
        return;
    double factor = 0;
    const auto* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, factor, std::chars_format::fixed);
    if (error == std::errc{} && stop == end && factor >= 1.0 && factor <= 100.0)
        out = factor;
    else
        retry.bad("factor", "a number from 1 to 100, like 2 or 1.5");
}

void read_retry(Section& section, Reader& reader, RetryConfig& out) {
    const auto* node = section.find("retry");
    if (node == nullptr)
        return;
    Section retry(reader, *node, section.name("retry"),
                  {"first", "factor", "max", "give_up", "object_attempts"});
    const auto before = reader.error_count();
    retry.read_duration("first", out.first, {10ms, 24h});
    read_factor(retry, out.factor);
    retry.read_duration("max", out.max, {10ms, 30 * 24h});
    retry.read_duration("give_up", out.give_up, {1s, 10 * 365 * 24h});
    retry.read_integer("object_attempts", out.object_attempts, 1, 1000, "a number of attempts");
    if (reader.error_count() != before)
        return;
    if (out.max < out.first) {
        const auto key = retry.find("max") != nullptr ? "max" : "first";
        retry.bad(key, fmt::format("{} to be at least {}", retry.name("max"), retry.name("first")));
    } else if (out.give_up < out.max) {
        const auto key = retry.find("give_up") != nullptr ? "give_up" : "max";
        retry.bad(key,
                  fmt::format("{} to be at least {}", retry.name("give_up"), retry.name("max")));
    }
}

void read_dicom_target(Section& section, Reader& reader, DestinationConfig& out) {
    out.target = DicomTarget{};
    const auto* text = section.text("dicom");
    if (text == nullptr)
        return;
    if (auto target = parse_dicom_target(*text))
        out.target = std::move(*target);
    else
        reader.error(*section.find("dicom"),
                     fmt::format("bad value {} for {}: {}", shown(*text), section.name("dicom"),
                                 target.error()),
                     "AETITLE@host:port, like ARCHIVE@10.0.0.5:104 or ARCHIVE@[fd00::5]:104");
}

void read_folder_target(Section& section, Reader& reader, DestinationConfig& out,
                        const rules::Dictionary& dictionary) {
    FolderTarget target;
    section.read_path("folder", target.path);
    if (const auto* layout = section.text("layout")) {
        check_layout(reader, *section.find("layout"), dictionary);
        target.layout = *layout;
    }
    out.target = std::move(target);
}

void refuse(Section& section, Reader& reader, std::span<const std::string_view> keys,
            std::string_view kind) {
    for (const auto key : keys)
        if (const auto* node = section.find_key(key))
            reader.error(*node, fmt::format("{} does not apply to a {} destination",
                                            section.name(key), kind));
}

void read_target(Section& section, Reader& reader, DestinationConfig& out, const YamlNode& key,
                 const rules::Dictionary& dictionary) {
    std::vector<std::string_view> found;
    for (const auto kind : kinds)
        if (section.find(kind) != nullptr)
            found.push_back(kind);
    if (found.empty())
        return reader.error(key, fmt::format("destination '{}' has no target", out.name),
                            R"(dicom: "AETITLE@host:port" or folder: PATH)");
    if (found.size() > 1)
        return reader.error(*section.find_key(found[1]),
                            fmt::format("destination '{}' has more than one target: {}", out.name,
                                        join(std::span<const std::string_view>(found))),
                            "one of them");
    static constexpr std::array<std::string_view, 1> folder_only{"layout"};
    static constexpr std::array<std::string_view, 4> web_only{"auth", "endpoint", "region", "tls"};
    if (found[0] == "stow" || found[0] == "s3")
        return reader.error(
            *section.find_key(found[0]),
            fmt::format("a destination of kind {} is not available in this version", found[0]),
            "dicom or folder");
    for (const auto later : web_only)
        if (const auto* node = section.find_key(later))
            reader.error(*node,
                         fmt::format("{} is not available in this version", section.name(later)));
    if (found[0] == "dicom") {
        read_dicom_target(section, reader, out);
        refuse(section, reader, folder_only, "dicom");
    } else {
        read_folder_target(section, reader, out, dictionary);
        refuse(section, reader, dicom_only, "folder");
    }
}

void read_destination(const YamlNode::Entry& entry, Reader& reader, Config& config,
                      const rules::Dictionary& dictionary) {
    DestinationConfig out;
    out.name = entry.key->text;
    out.calling_aet = config.node.ae_title;
    out.line = reader.position(*entry.key).line;
    Section section(reader, *entry.value, fmt::format("destinations.{}", out.name),
                    {"dicom", "folder", "layout", "syntax", "associations", "retry", "calling_aet",
                     "connect_timeout", "response_timeout", "stow", "s3", "auth", "endpoint",
                     "region", "tls"});
    if (!section.is_map())
        return;
    read_target(section, reader, out, *entry.key, dictionary);
    read_syntax(section, reader, out);
    section.read_integer("associations", out.associations, 1, 256, "a number");
    read_retry(section, reader, out.retry);
    section.read_ae_title("calling_aet", out.calling_aet);
    section.read_duration("connect_timeout", out.connect_timeout, {1s, 1h});
    section.read_duration("response_timeout", out.response_timeout, {1s, 24h});
    config.destinations.push_back(std::move(out));
}

} // namespace

bool DestinationNames::has(std::string_view name) const {
    return std::find(names.begin(), names.end(), name) != names.end();
}

DestinationNames read_destinations(Section& root, Reader& reader, Config& config,
                                   const rules::Dictionary& dictionary) {
    DestinationNames all;
    const auto* node = root.find("destinations");
    all.present = node != nullptr;
    if (node == nullptr)
        return all;
    if (node->kind != YamlNode::Kind::map) {
        reader.error(*node, "destinations is not a map",
                     R"(a map of names, like archive: {dicom: "ARCHIVE@10.0.0.5:104"})");
        all.present = false;
        return all;
    }
    for (const auto& entry : node->entries) {
        const auto* name = reader.scalar(*entry.key, "a destination's name");
        if (name == nullptr)
            continue;
        if (all.has(*name)) {
            reader.error(*entry.key,
                         fmt::format("duplicate key {}", shown("destinations." + *name)));
            continue;
        }
        if (!is_destination_name(*name))
            reader.error(*entry.key, fmt::format("bad name {} for a destination", shown(*name)),
                         "1 to 64 letters, digits, - _ or . (and neither hold nor drop)");
        all.names.push_back(*name);
        read_destination(entry, reader, config, dictionary);
    }
    return all;
}

bool check_destination(Reader& reader, const YamlNode& node, const std::string& name,
                       const DestinationNames& destinations, std::string_view also) {
    if (!destinations.present) // that is reported once, elsewhere
        return false;
    if (destinations.has(name))
        return true;
    const auto near = nearest(name, std::span<const std::string>(destinations.names));
    const auto known = join(std::span<const std::string>(destinations.names));
    reader.error(node,
                 fmt::format("unknown destination {}{}", shown(name),
                             near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near)),
                 destinations.names.empty()
                     ? fmt::format("{}a destination; there is none in the file", also)
                     : fmt::format("{}one of {}", also, known));
    return false;
}

} // namespace dcmflow
