// Config: everything dcmflow.yaml says, checked and typed by our schema (design §7).
//
// Immutable after load; any thread. load_config reports every mistake at once; each names file:line:column,
// what was found and what was expected. Secrets never appear in it as text.
#pragma once

#include "pipeline/result.h"
#include "rules/ruleset.h"

#include <cstdint>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dcmflow {

struct ConfigError {
    std::string file;
    int line = 0;   // 1-based; 0: the file as a whole
    int column = 0; // 1-based
    std::string what;
    std::string expected; // may be empty
    [[nodiscard]] std::string text() const; // "file:line:column: what; expected …"
};

enum class Verify : std::uint8_t { always, sample, never };

struct NodeConfig {
    std::string ae_title = "DCMFLOW";
    std::filesystem::path data = "./data"; // relative to the config file's folder
    std::uint64_t memory = 2ULL << 30;
    std::uint64_t disk_quota = 0;     // 0: none
    std::uint64_t disk_keep_free = 1ULL << 30;
    int workers = 0;                  // 0: all cores
    Verify verify = Verify::always;
    std::chrono::seconds keep_delivered{24 * 3600}; // delivered objects stay this long, dropped first under pressure
    std::chrono::seconds drain{30};                 // how long SIGTERM lets work in hand finish
};

// "AETITLE@CIDR": AE title with * and ? wildcards, an IPv4 or IPv6 network; "*" is anyone.
struct AllowEntry {
    std::string aet = "*";
    std::string network; // "" : any; "10.0.0.0/8", "fd00::/8", "10.1.2.3"
};

struct DicomListenConfig {
    std::string address = ""; // "" : all interfaces, IPv4 and IPv6
    std::uint16_t port = 11112;
    std::vector<AllowEntry> allow;
    int max_associations = 128;
    std::vector<std::string> called; // accepted called AE titles; empty: any
};

struct RetryConfig {
    std::chrono::milliseconds first{5000};
    double factor = 2.0;
    std::chrono::milliseconds max{15 * 60 * 1000};
    std::chrono::seconds give_up{7 * 24 * 3600};
    int object_attempts = 3; // refusals of one object before it is `failed`
};

struct DicomTarget {
    std::string aet;
    std::string host;
    std::uint16_t port = 104;
};
struct FolderTarget {
    std::filesystem::path path;
    std::string layout = "{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm";
};

struct DestinationConfig {
    std::string name;
    std::variant<DicomTarget, FolderTarget> target;
    std::vector<std::string> syntax{"original"}; // ladder: config names (codecs::find_by_name), "original", "auto"
    int associations = 2;                        // most at once
    RetryConfig retry;
    std::string calling_aet; // default: node.ae_title
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds response_timeout{60}; // plus a second per MiB of the object
    int line = 0;            // where it stands in the file
};

struct ConfigTest {
    std::string name;
    std::map<std::string, std::string> given; // keyword, tag or context name → text ("\\" separates values)
    std::vector<std::string> send;            // expected destinations, order does not matter
    std::optional<rules::Priority> priority;
    std::optional<std::string> unmatched;     // "hold" | "drop", when that is what is expected
    int line = 0;
    int column = 0;
};

struct Config {
    std::filesystem::path file;
    NodeConfig node;
    std::vector<DicomListenConfig> dicom;
    std::vector<DestinationConfig> destinations; // in file order
    std::shared_ptr<const rules::Ruleset> rules;
    std::vector<ConfigTest> tests;
    std::vector<ConfigError> warnings; // e.g. an allow-list that lets anyone in

    [[nodiscard]] const DestinationConfig* destination(std::string_view name) const;
};

// Either a config without errors, or all errors in file order.
[[nodiscard]] tl::expected<Config, std::vector<ConfigError>> load_config(const std::filesystem::path& file);
[[nodiscard]] tl::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                                          const std::filesystem::path& file);

// Runs the config's own tests; the failures, empty if all passed.
[[nodiscard]] std::vector<ConfigError> run_config_tests(const Config& config);

// "30s", "15m", "7d", "500ms"; "512MiB", "50GiB", "1000" (bytes).
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

} // namespace dcmflow
