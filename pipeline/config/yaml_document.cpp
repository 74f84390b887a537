#include "pipeline/config/yaml_document.h"

#include "pipeline/config/scalar_position.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace dcmflow {

namespace {

// Length of the UTF-8 sequence that begins at `at` (RFC 3629), 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned first = byte(at);
    if (first < 0x80)
        return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(at + i) & 0xC0) != 0x80)
            return 0;
    const unsigned second = byte(at + 1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
    return overlong || beyond ? 0 : length;
}

// yaml-cpp guesses encodings, replaces bad bytes and takes 0x04 for the end of the file: we refuse
// what would make its positions differ from ours.
std::optional<std::pair<std::size_t, std::string>> find_bad_byte(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F)
            return std::pair{at, std::string("control character in the file")};
        const auto length = utf8_length(text, at);
        if (length == 0)
            return std::pair{at, std::string("the file is not UTF-8 text here")};
        at += length;
    }
    return std::nullopt;
}

} // namespace

// Takes yaml-cpp's events, which carry what its Node hides: every mark, duplicate keys, aliases.
class YamlBuilder final : public YAML::EventHandler {
  public:
    explicit YamlBuilder(YamlDocument& document) : document_(document) {}

    [[nodiscard]] const std::optional<std::pair<std::size_t, std::string>>& fault() const {
        return fault_;
    }
    [[nodiscard]] std::size_t document_start() const { return start_; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        start_ = mark.pos < 0 ? std::size_t{0} : static_cast<std::size_t>(mark.pos);
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (auto* node = begin(mark, anchor)) {
            take_null_word(*node);
            finish(node);
        }
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (fault_)
            return;
        forget_null_at(offset_of(mark));
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end() || found->second->open)
            return fail(offset_of(mark), "an alias that contains itself");
        attach(found->second, offset_of(mark));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (auto* node = begin(mark, anchor)) {
            node->kind = YamlNode::Kind::scalar;
            node->text = value;
            if (value.find('\0') !=
                std::string::npos) // "\0": cuts paths and names short in C calls
                return fail(node->offset, "a NUL character in a value");
            finish(node);
        }
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(mark, anchor, YamlNode::Kind::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(mark, anchor, YamlNode::Kind::map);
    }
    void OnMapEnd() override { close(); }

  private:
    struct Level {
        YamlNode* node = nullptr;
        const YamlNode* key = nullptr; // map: waits for its value
    };

    [[nodiscard]] std::size_t offset_of(const YAML::Mark& mark) const {
        const auto position = mark.pos < 0 ? std::size_t{0} : static_cast<std::size_t>(mark.pos);
        return std::min(position, document_.text_.size());
    }

    // After the first fault the rest of the events is ignored.
    void fail(std::size_t offset, std::string what) {
        if (!fault_)
            fault_ = std::pair{offset, std::move(what)};
    }

    YamlNode* begin(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (fault_)
            return nullptr;
        const auto offset = offset_of(mark);
        forget_null_at(offset);
        if (document_.nodes_.size() >= YamlDocument::max_nodes) {
            fail(offset, "too many entries in the file");
            return nullptr;
        }
        auto& node = document_.nodes_.emplace_back();
        node.offset = offset;
        if (anchor != YAML::NullAnchor)
            anchors_[anchor] = &node;
        return &node;
    }

    void finish(YamlNode* node) {
        node->open = false;
        attach(node, node->offset);
    }

    void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
        auto* node = begin(mark, anchor);
        if (node == nullptr)
            return;
        node->kind = kind;
        levels_.push_back({node, nullptr});
        if (levels_.size() > YamlDocument::max_depth)
            fail(node->offset, "nested deeper than 32 levels");
    }

    void close() {
        if (fault_ || levels_.empty())
            return;
        auto* node = levels_.back().node;
        levels_.pop_back();
        finish(node);
    }

    void attach(const YamlNode* node, std::size_t offset) {
        if (levels_.empty()) {
            if (document_.root_ == nullptr)
                document_.root_ = node;
            return;
        }
        auto& level = levels_.back();
        auto& parent = *level.node;
        parent.height = std::max(parent.height, node->height + 1);
        parent.weight += node->weight; // both at most max_nodes
        if (parent.weight > YamlDocument::max_nodes)
            return fail(offset, "too many entries in the file (aliases expanded)");
        if (levels_.size() + node->height > YamlDocument::max_depth + 1)
            return fail(offset, "nested deeper than 32 levels (aliases expanded)");
        if (parent.kind == YamlNode::Kind::list)
            parent.items.push_back(node);
        else if (level.key == nullptr)
            level.key = node;
        else
            parent.entries.push_back({std::exchange(level.key, nullptr), node});
    }

    // yaml-cpp makes one event of an empty value and of the words null and ~; the words are text to
    // us.
    void take_null_word(YamlNode& node) {
        static constexpr std::array<std::string_view, 4> words{"~", "null", "Null", "NULL"};
        const auto start = scalar_value_start(document_.text_, node.offset);
        const auto rest = std::string_view(document_.text_).substr(start);
        for (const auto word : words) {
            const auto after = rest.substr(std::min(word.size(), rest.size()));
            const bool ends = after.empty() || std::string_view(" \t\r\n,:]}").find(after[0]) !=
                                                   std::string_view::npos;
            if (rest.substr(0, word.size()) == word && ends) {
                node.kind = YamlNode::Kind::scalar;
                node.text = word;
                last_null_ = &node;
                return;
            }
        }
    }

    // An empty value has the mark of what comes next. So if the next event is at the place where we
    // read the word null, the word was that event's, and the value before it was empty.
    void forget_null_at(std::size_t offset) {
        if (last_null_ != nullptr && last_null_->offset == offset) {
            last_null_->kind = YamlNode::Kind::empty;
            last_null_->text.clear();
        }
        last_null_ = nullptr;
    }

    YamlDocument& document_;
    std::vector<Level> levels_;
    std::map<YAML::anchor_t, const YamlNode*> anchors_;
    YamlNode* last_null_ = nullptr;
    std::size_t start_ = 0;
    std::optional<std::pair<std::size_t, std::string>> fault_;
};

namespace {

struct SyntaxError {
    std::size_t offset = 0;
    bool placed = false;
    std::string what;
};

// The one place that calls yaml-cpp; its exceptions end here.
std::optional<SyntaxError> feed(const std::string& text, YamlBuilder& builder) {
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder) || builder.fault())
            return std::nullopt;
        if (parser) {
            // What follows the first document is not read, but must not be ignored in silence.
            YamlDocument rest;
            YamlBuilder ignored(rest);
            if (parser.HandleNextDocument(ignored))
                return SyntaxError{ignored.document_start(), true,
                                   "a second YAML document in the file"};
        }
        return std::nullopt;
    } catch (const YAML::Exception& error) {
        const bool placed = error.mark.pos >= 0;
        const auto offset = placed ? static_cast<std::size_t>(error.mark.pos) : 0;
        return SyntaxError{std::min(offset, text.size()), placed, "not YAML: " + error.msg};
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {
        return SyntaxError{0, false, std::string("not YAML: ") + error.what()};
    }
}

} // namespace

tl::expected<YamlDocument, YamlFault> YamlDocument::parse(std::string_view text) {
    if (text.size() > max_bytes)
        return tl::unexpected(YamlFault{{}, "the file is too large", "at most 4MiB of YAML"});
    if (text.starts_with("\xEF\xBB\xBF"))
        text.remove_prefix(3);

    YamlDocument document;
    document.text_ = text;
    document.line_starts_.push_back(0);
    for (std::size_t at = 0; at < text.size(); ++at)
        if (text[at] == '\n')
            document.line_starts_.push_back(at + 1);

    if (const auto bad = find_bad_byte(text))
        return tl::unexpected(YamlFault{document.position(bad->first), bad->second, "UTF-8 text"});
    YamlBuilder builder(document);
    const auto error = feed(document.text_, builder);
    if (const auto& fault = builder.fault())
        return tl::unexpected(
            YamlFault{document.position(fault->first), fault->second, "a smaller, flatter file"});
    if (error)
        return tl::unexpected(YamlFault{
            error->placed ? document.position(error->offset) : YamlPosition{}, error->what, ""});
    if (document.root_ == nullptr || document.root_->kind == YamlNode::Kind::empty)
        return tl::unexpected(
            YamlFault{{},
                      "the file is empty",
                      "at least the keys listen, destinations, rules and unmatched"});
    return document;
}

YamlPosition YamlDocument::position(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const auto line = static_cast<std::size_t>(after - line_starts_.begin()); // 1-based already
    const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(line_starts_[line - 1]);
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto characters = std::count_if(begin, end, [](char c) { return (c & 0xC0) != 0x80; });
    return {static_cast<int>(line), static_cast<int>(characters) + 1};
}

YamlPosition YamlDocument::position_in(const YamlNode& scalar, std::size_t value_offset) const {
    return position(scalar_offset(text_, scalar.offset, scalar.text, value_offset));
}

} // namespace dcmflow
