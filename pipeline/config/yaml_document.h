// YamlDocument: one YAML file as a tree of text with exact positions. Knows no schema.
//
// Every scalar is text, quoted or not; YAML's own ideas about numbers, booleans and null are
// ignored. Aliases share the anchored node. Bounded: size, depth and number of nodes, aliases
// expanded. Immutable after parse; any thread. Never throws for bad input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow {

struct YamlNode {
    enum class Kind : std::uint8_t { empty, scalar, list, map };
    struct Entry {
        const YamlNode* key = nullptr;
        const YamlNode* value = nullptr;
    };
    Kind kind = Kind::empty;
    std::size_t offset = 0;             // byte of the file where it begins
    std::string text;                   // scalar
    std::vector<const YamlNode*> items; // list
    std::vector<Entry> entries;         // map, in file order, duplicates included
    std::uint32_t height = 1;           // of the tree below, itself included
    std::uint32_t weight = 1;           // nodes of it, aliases expanded
    bool open = true;                   // still being built
};

// 1-based; columns count characters, not bytes. {0, 0}: the file as a whole.
struct YamlPosition {
    int line = 0;
    int column = 0;
};

struct YamlFault {
    YamlPosition position;
    std::string what;
    std::string expected; // may be empty
};

class YamlDocument {
  public:
    static constexpr std::size_t max_bytes = std::size_t{4} << 20;
    static constexpr std::uint32_t max_depth = 32;
    static constexpr std::uint32_t max_nodes = 200'000;

    YamlDocument() = default;
    YamlDocument(YamlDocument&&) = default;
    YamlDocument& operator=(YamlDocument&&) = default;
    [[nodiscard]] static tl::expected<YamlDocument, YamlFault> parse(std::string_view text);

    [[nodiscard]] const YamlNode& root() const { return *root_; }
    [[nodiscard]] YamlPosition position(std::size_t offset) const;
    // Where byte `value_offset` of a scalar's text stands in the file. Exact for plain and quoted
    // scalars, folded ones included; for block scalars (| and >) exact where the text is kept as
    // written.
    [[nodiscard]] YamlPosition position_in(const YamlNode& scalar, std::size_t value_offset) const;

  private:
    friend class YamlBuilder;
    std::string text_;
    std::vector<std::size_t> line_starts_;
    std::deque<YamlNode>
        nodes_; // a deque: pointers to its elements stay good, also when it is moved
    const YamlNode* root_ = nullptr;
};

} // namespace dcmflow
