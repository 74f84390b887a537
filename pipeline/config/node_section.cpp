#include "pipeline/config/sections.h"
#include "pipeline/config/values.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dcmflow {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mebibyte = 1ULL << 20;
constexpr std::chrono::milliseconds year = 365 * 24h;

void read_verify(Section& node, Config& config) {
    const auto* value = node.text("verify");
    if (value == nullptr)
        return;
    static constexpr std::array<std::pair<std::string_view, Verify>, 3> words{
        {{"always", Verify::always}, {"sample", Verify::sample}, {"never", Verify::never}}};
    for (const auto& [word, verify] : words)
        if (*value == word) {
            config.node.verify = verify;
            return;
        }
    node.bad("verify", "always, sample or never");
}

void read_allow(Section& listen, Reader& reader, DicomListenConfig& out) {
    constexpr std::string_view example = R"(["CT*@10.1.0.0/16"], or ["*"] for anyone)";
    const auto* node = listen.find("allow");
    if (node == nullptr)
        return listen.missing("allow", fmt::format("who may send, like {}", example));
    const auto* items = reader.list(*node, listen.name("allow"), example);
    if (items == nullptr)
        return;
    if (items->empty())
        reader.error(*node, "listen.dicom.allow is empty: nobody could send",
                     fmt::format("a list like {}", example));
    for (const auto* item : *items) {
        const auto* text = reader.scalar(*item, "an entry of listen.dicom.allow");
        if (text == nullptr)
            continue;
        const auto entry = parse_allow(*text);
        if (!entry) {
            reader.error(
                *item,
                fmt::format("bad value {} in listen.dicom.allow: {}", shown(*text), entry.error()),
                "AETITLE, AETITLE@10.0.0.0/8 or AETITLE@fd00::/8, with * and ? in the title; * is "
                "anyone");
            continue;
        }
        const bool all_networks = entry->network.empty() || entry->network.ends_with("/0");
        if (entry->aet.find_first_not_of('*') == std::string::npos && all_networks)
            reader.warn(
                *item,
                fmt::format("listen.dicom.allow has {}: anyone who reaches the port may send",
                            shown(*text)));
        const auto network = text->substr(text->rfind('@') + 1);
        if (!entry->network.empty() && network.find('/') != std::string::npos &&
            network != entry->network)
            reader.warn(*item,
                        fmt::format("network '{}' is read as '{}'", network, entry->network));
        out.allow.push_back(*entry);
    }
}

void read_called(Section& listen, Reader& reader, DicomListenConfig& out) {
    const auto* node = listen.find("called");
    if (node == nullptr)
        return;
    const auto* items = reader.list(*node, listen.name("called"), "[DCMFLOW]");
    if (items == nullptr)
        return;
    for (const auto* item : *items) {
        const auto* text = reader.scalar(*item, "an entry of listen.dicom.called");
        if (text == nullptr)
            continue;
        if (is_ae_title(*text))
            out.called.push_back(*text);
        else
            reader.error(*item, fmt::format("bad value {} in listen.dicom.called", shown(*text)),
                         "an AE title: 1 to 16 printable ASCII characters, no backslash, * or ?");
    }
}

void read_listener(const YamlNode& node, Reader& reader, Config& config) {
    Section listen(reader, node, "listen.dicom",
                   {"address", "port", "allow", "max_associations", "called", "tls"});
    if (!listen.is_map())
        return;
    DicomListenConfig out;
    if (const auto* address = listen.text("address")) {
        if (address->empty() || is_ip_address(*address))
            out.address = *address;
        else
            listen.bad(
                "address",
                "an IPv4 or IPv6 address of this machine, like 127.0.0.1; without the key: all");
    }
    int port = listen.find("port") == nullptr ? out.port : 0; // 0: there, but bad
    listen.read_integer("port", port, 1, 65535, "a port");
    out.port = static_cast<std::uint16_t>(port);
    listen.read_integer("max_associations", out.max_associations, 1, 10'000, "a number");
    read_allow(listen, reader, out);
    read_called(listen, reader, out);
    if (const auto* tls = listen.find_key("tls"))
        reader.error(*tls, "listen.dicom.tls is not available in this version",
                     "a listener without it, reachable only over networks you trust");
    for (const auto& other : config.dicom)
        if (port != 0 && other.port == out.port &&
            (other.address == out.address || other.address.empty() || out.address.empty())) {
            const auto* where = listen.find("port");
            reader.error(where == nullptr ? node : *where,
                         fmt::format("another listener has port {} already", port),
                         "a port of its own for each listener");
            break;
        }
    config.dicom.push_back(std::move(out));
}

} // namespace

void read_node(Section& root, Reader& reader, Config& config) {
    auto& out = config.node;
    out.data = reader.resolve(out.data.string());
    const auto* value = root.find("node");
    if (value == nullptr)
        return;
    Section node(
        reader, *value, "node",
        {"ae_title", "data", "memory", "disk", "workers", "verify", "keep_delivered", "drain"});
    node.read_ae_title("ae_title", out.ae_title);
    node.read_path("data", out.data);
    node.read_size("memory", out.memory, {64 * mebibyte, false});
    node.read_integer("workers", out.workers, 0, 1024, "a number of cores (0: all)");
    node.read_duration("keep_delivered", out.keep_delivered, {0s, 100 * year});
    node.read_duration("drain", out.drain, {0s, 24h});
    read_verify(node, config);
    if (const auto* disk_node = node.find("disk")) {
        Section disk(reader, *disk_node, "node.disk", {"quota", "keep_free"});
        disk.read_size("quota", out.disk_quota, {mebibyte, true});
        disk.read_size("keep_free", out.disk_keep_free, {0, false});
    }
}

void read_listen(Section& root, Reader& reader, Config& config) {
    constexpr std::string_view example = R"([{port: 11112, allow: ["CT*@10.1.0.0/16"]}])";
    const auto* value = root.find("listen");
    if (value == nullptr)
        return root.missing("listen", fmt::format("listen: {{dicom: {}}}", example));
    Section listen(reader, *value, "listen", {"dicom", "dicomweb", "folder"});
    for (const std::string_view later : {"dicomweb", "folder"})
        if (const auto* key = listen.find_key(later))
            reader.error(*key, fmt::format("listen.{} is not available in this version", later),
                         "listen.dicom");
    const auto* dicom = listen.find("dicom");
    if (dicom == nullptr) {
        if (listen.is_map())
            reader.error(*root.find_key("listen"), "missing key 'listen.dicom'",
                         fmt::format("dicom: {}", example));
        return;
    }
    const auto* items = reader.list(*dicom, "listen.dicom", example);
    if (items == nullptr)
        return;
    if (items->empty())
        reader.error(*dicom, "listen.dicom is empty",
                     fmt::format("at least one listener, like {}", example));
    for (const auto* item : *items)
        read_listener(*item, reader, config);
}

void read_operate(Section& root, Reader& reader) {
    if (const auto* key = root.find_key("operate"))
        reader.warn(
            *key,
            "operate is ignored in this version: there is no HTTP API yet; use the socket and "
            "`dcmflow queue`");
}

} // namespace dcmflow
