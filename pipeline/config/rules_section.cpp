#include "pipeline/config/sections.h"
#include "pipeline/config/values.h"
#include "rules/map_attributes.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace dcmflow {

namespace {

constexpr std::string_view rule_example = "- {name: everything, send: [archive]}";

std::optional<rules::Expression> read_when(Section& section, Reader& reader,
                                           const rules::Dictionary& dictionary) {
    const auto* text = section.text("when");
    if (text == nullptr)
        return std::nullopt;
    auto parsed = rules::Expression::parse(*text, dictionary);
    if (parsed)
        return std::move(*parsed);
    const auto& fault = parsed.error();
    reader.error_in(*section.find("when"), fault.offset, "in the condition: " + fault.what,
                    fault.expected);
    return std::nullopt;
}

void read_stop(Section& section, bool& out) {
    const auto* text = section.text("stop");
    if (text == nullptr)
        return;
    if (*text == "true" || *text == "false")
        out = *text == "true";
    else
        section.bad("stop", "true or false");
}

void read_priority(Section& section, std::optional<rules::Priority>& out) {
    const auto* text = section.text("priority");
    if (text == nullptr)
        return;
    if (const auto priority = rules::priority_from(*text))
        out = priority;
    else
        section.bad("priority", "stat, normal or bulk");
}

std::vector<std::string> read_send(Section& section, Reader& reader,
                                   const DestinationNames& destinations) {
    std::vector<std::string> send;
    const auto* node = section.find("send");
    if (node == nullptr)
        return send;
    const auto* items = reader.list(*node, section.name("send"), "[archive]");
    if (items == nullptr)
        return send;
    for (const auto* item : *items) {
        const auto* name =
            reader.scalar(*item, fmt::format("an entry of {}", section.name("send")));
        if (name == nullptr)
            continue;
        if (std::find(send.begin(), send.end(), *name) != send.end())
            reader.error(*item, fmt::format("'{}' is in {} twice", *name, section.name("send")));
        else if (check_destination(reader, *item, *name, destinations) || !destinations.present)
            send.push_back(*name);
    }
    return send;
}

// The name of a rule or a test; empty and reported if it has none.
std::string read_name(Section& section, Reader& reader, std::vector<std::string>& names) {
    if (section.find("name") == nullptr) {
        section.missing("name", "a name of its own, which `explain` and the log show");
        return {};
    }
    const auto* text = section.text("name");
    if (text == nullptr)
        return {};
    if (text->empty())
        section.bad("name", "a name");
    else if (std::find(names.begin(), names.end(), *text) != names.end())
        reader.error(*section.find("name"), fmt::format("duplicate name {}", shown(*text)),
                     "a name of its own");
    names.push_back(*text);
    return *text;
}

rules::Rule read_rule(const YamlNode& node, Reader& reader, const rules::Dictionary& dictionary,
                      DestinationNames& destinations, std::vector<std::string>& names) {
    rules::Rule rule;
    Section section(reader, node, "rules", {"name", "when", "send", "priority", "stop"});
    if (!section.is_map())
        return rule;
    rule.name = read_name(section, reader, names);
    rule.when = read_when(section, reader, dictionary);
    rule.send = read_send(section, reader, destinations);
    read_priority(section, rule.priority);
    read_stop(section, rule.stop);
    destinations.used.insert(destinations.used.end(), rule.send.begin(), rule.send.end());

    const auto* send = section.find("send");
    const bool sends =
        send != nullptr && !(send->kind == YamlNode::Kind::list && send->items.empty());
    if (!sends && section.find("stop") == nullptr)
        reader.error(node, fmt::format("rule {} does nothing", shown(rule.name)),
                     "send: [DESTINATION], or stop: true");
    else if (!sends && section.find("priority") != nullptr)
        reader.error(*section.find_key("priority"),
                     fmt::format("priority in rule {}, which sends nothing", shown(rule.name)));
    return rule;
}

void read_unmatched(Section& root, Reader& reader, DestinationNames& destinations,
                    rules::Unmatched& out) {
    if (root.find("unmatched") == nullptr)
        return root.missing(
            "unmatched",
            "what becomes of objects that no rule matches: hold, drop or a destination");
    const auto* text = root.text("unmatched");
    if (text == nullptr)
        return;
    if (*text == "hold" || *text == "drop") {
        out.disposition = *text == "hold" ? rules::Disposition::hold : rules::Disposition::drop;
    } else if (root.find("destinations") == nullptr) {
        root.bad("unmatched", "hold, drop or a destination; there is none in the file");
    } else if (check_destination(reader, *root.find("unmatched"), *text, destinations,
                                 "hold, drop or ")) {
        out.disposition = rules::Disposition::deliver;
        out.destination = *text;
        destinations.used.push_back(*text);
    }
}

void warn_unused(Section& root, Reader& reader, const DestinationNames& destinations) {
    const auto* node = root.find("destinations");
    if (!destinations.present || node == nullptr)
        return;
    for (const auto& entry : node->entries) {
        const auto& name = entry.key->text;
        if (std::find(destinations.used.begin(), destinations.used.end(), name) ==
            destinations.used.end())
            reader.warn(*entry.key,
                        fmt::format("no rule sends anything to destination '{}'", name));
    }
}

// A name that a condition takes as a tag or as a fact about the transfer.
bool check_given_key(Reader& reader, const YamlNode& key, const rules::Dictionary& dictionary) {
    const auto made = rules::MapAttributes::make({{key.text, ""}}, dictionary);
    if (!made)
        reader.error_in(key, made.error().error.offset, made.error().error.what,
                        made.error().error.expected);
    return made.has_value();
}

void read_given(Section& section, Reader& reader, const rules::Dictionary& dictionary,
                ConfigTest& test) {
    constexpr std::string_view example = "{Modality: CT, SliceThickness: 1.25}";
    const auto* node = section.find("given");
    if (node == nullptr)
        return section.missing("given", fmt::format("the object's attributes, like {}", example));
    if (node->kind != YamlNode::Kind::map)
        return reader.error(*node, "tests.given is not a map",
                            fmt::format("attributes, like {}", example));
    for (const auto& [key, value] : node->entries) {
        const auto* name = reader.scalar(*key, "an attribute of tests.given");
        if (name == nullptr || !check_given_key(reader, *key, dictionary))
            continue;
        std::string text;
        if (value->kind == YamlNode::Kind::list) {
            for (const auto* item : value->items)
                if (const auto* part = reader.scalar(*item, fmt::format("a value of {}", *name)))
                    text += (item == value->items.front() ? "" : "\\") + *part;
        } else if (value->kind != YamlNode::Kind::empty) { // present, without a value
            const auto* single = reader.scalar(*value, fmt::format("tests.given.{}", *name));
            text = single == nullptr ? "" : *single;
        }
        if (!test.given.emplace(*name, std::move(text)).second)
            reader.error(*key, fmt::format("duplicate key {}", shown("tests.given." + *name)));
    }
}

void read_test(const YamlNode& node, Reader& reader, Config& config,
               const rules::Dictionary& dictionary, const DestinationNames& destinations,
               std::vector<std::string>& names) {
    ConfigTest test;
    Section section(reader, node, "tests", {"name", "given", "send", "priority", "unmatched"});
    if (!section.is_map())
        return;
    const auto position = reader.position(node);
    test.line = position.line;
    test.column = position.column;
    test.name = read_name(section, reader, names);
    read_given(section, reader, dictionary, test);
    test.send = read_send(section, reader, destinations);
    read_priority(section, test.priority);
    if (const auto* text = section.text("unmatched")) {
        if (*text == "hold" || *text == "drop")
            test.unmatched = *text;
        else
            section.bad("unmatched", "hold or drop");
        if (!test.send.empty())
            reader.error(*section.find_key("unmatched"), "tests.unmatched beside tests.send",
                         "one of the two");
    }
    if (section.find("send") == nullptr && section.find("unmatched") == nullptr)
        reader.error(node, fmt::format("test {} expects nothing", shown(test.name)),
                     "send: [DESTINATION] or unmatched: hold");
    config.tests.push_back(std::move(test));
}

} // namespace

void read_rules(Section& root, Reader& reader, Config& config, const rules::Dictionary& dictionary,
                DestinationNames& destinations) {
    std::vector<rules::Rule> list;
    rules::Unmatched unmatched;
    if (const auto* node = root.find("rules")) {
        std::vector<std::string> names;
        if (const auto* items = reader.list(*node, "rules", rule_example))
            for (const auto* item : *items)
                list.push_back(read_rule(*item, reader, dictionary, destinations, names));
        for (std::size_t i = 0; i + 1 < list.size(); ++i)
            if (list[i].stop && !list[i].when && (*node).items[i]->kind == YamlNode::Kind::map) {
                const auto* next = node->items[i + 1];
                reader.warn(*next, fmt::format("no object gets here: rule {} above stops them all",
                                               shown(list[i].name)));
                break;
            }
    }
    read_unmatched(root, reader, destinations, unmatched);
    if (!destinations.present && !destinations.used.empty() && root.find("destinations") == nullptr)
        root.missing("destinations",
                     fmt::format(R"(where '{}' is, like {}: {{dicom: "ARCHIVE@10.0.0.5:104"}})",
                                 destinations.used.front(), destinations.used.front()));
    warn_unused(root, reader, destinations);
    if (reader.ok())
        config.rules =
            std::make_shared<const rules::Ruleset>(std::move(list), std::move(unmatched));
}

void read_tests(Section& root, Reader& reader, Config& config, const rules::Dictionary& dictionary,
                const DestinationNames& destinations) {
    const auto* node = root.find("tests");
    if (node == nullptr)
        return;
    const auto* items =
        reader.list(*node, "tests", "- {name: all, given: {Modality: CT}, send: [archive]}");
    if (items == nullptr)
        return;
    std::vector<std::string> names;
    for (const auto* item : *items)
        read_test(*item, reader, config, dictionary, destinations, names);
}

} // namespace dcmflow
