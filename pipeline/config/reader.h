// Reader and Section: the schema's side of a YAML file. Typed values out of text, every mistake
// collected.
//
// One Reader per load, one thread. A bad or absent value leaves its target untouched, so that
// reading goes on and all mistakes are found in one run.
#pragma once

#include "pipeline/config/config.h"
#include "pipeline/config/yaml_document.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

// A value as messages show it: in quotes, shortened, control characters escaped.
[[nodiscard]] std::string shown(std::string_view value);

class Reader {
  public:
    Reader(const YamlDocument& document, std::filesystem::path file);

    void error(const YamlNode& at, std::string what, std::string expected = {});
    // At byte `offset` of the scalar's text.
    void error_in(const YamlNode& scalar, std::size_t offset, std::string what,
                  std::string expected = {});
    void warn(const YamlNode& at, std::string what, std::string expected = {});
    [[nodiscard]] YamlPosition position(const YamlNode& at) const {
        return document_.position(at.offset);
    }

    // The text of a scalar; reports anything else as `name`.
    [[nodiscard]] const std::string* scalar(const YamlNode& node, std::string_view name);
    // The items of a list; nullptr and an error if it is none.
    [[nodiscard]] const std::vector<const YamlNode*>*
    list(const YamlNode& node, std::string_view name, std::string_view example);
    // A path of the config: relative ones are relative to the config file's folder.
    [[nodiscard]] std::filesystem::path resolve(std::string_view text) const;

    // In file order, without repetitions (an alias may be read twice).
    [[nodiscard]] std::vector<ConfigError> errors() const { return ordered(errors_); }
    [[nodiscard]] std::vector<ConfigError> warnings() const { return ordered(warnings_); }
    [[nodiscard]] bool ok() const { return errors_.empty(); }
    [[nodiscard]] std::size_t error_count() const { return errors_.size(); }

  private:
    [[nodiscard]] static std::vector<ConfigError> ordered(std::vector<ConfigError> list);
    [[nodiscard]] ConfigError make(YamlPosition position, std::string what,
                                   std::string expected) const;
    const YamlDocument& document_;
    std::filesystem::path file_;
    std::filesystem::path folder_;
    std::vector<ConfigError> errors_;
    std::vector<ConfigError> warnings_;
};

struct SizeBounds {
    std::uint64_t min = 0;
    bool zero_too = false; // 0 means none
};
struct DurationBounds {
    std::chrono::milliseconds min{0};
    std::chrono::milliseconds max{0};
};

// A map with known keys. Unknown and repeated keys are reported when it is made.
class Section {
  public:
    Section(Reader& reader, const YamlNode& node, std::string path,
            std::vector<std::string_view> keys);

    [[nodiscard]] bool is_map() const { return node_.kind == YamlNode::Kind::map; }
    [[nodiscard]] const YamlNode& node() const { return node_; }
    [[nodiscard]] const YamlNode* find(std::string_view key) const;     // the value
    [[nodiscard]] const YamlNode* find_key(std::string_view key) const; // the key itself
    [[nodiscard]] std::string name(std::string_view key) const;         // "node.memory"
    void missing(std::string_view key, std::string expected);

    // A scalar's text, if the key is there and is one.
    [[nodiscard]] const std::string* text(std::string_view key);
    void bad(std::string_view key, std::string_view expected); // "bad value '…' for node.memory"

    void read_ae_title(std::string_view key, std::string& out);
    void read_integer(std::string_view key, int& out, int min, int max, std::string_view what);
    void read_size(std::string_view key, std::uint64_t& out, SizeBounds bounds);
    void read_duration(std::string_view key, std::chrono::milliseconds& out, DurationBounds bounds);
    void read_duration(std::string_view key, std::chrono::seconds& out, DurationBounds bounds);
    void read_path(std::string_view key, std::filesystem::path& out);

  private:
    Reader& reader_;
    const YamlNode& node_;
    std::string path_;
};

} // namespace dcmflow
