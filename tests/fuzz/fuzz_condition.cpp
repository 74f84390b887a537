// A rule's condition (the first line) and an object (the lines that follow: name=value). A
// condition that parses gives the same answer however it is asked.
#include "pipeline/dicom/attributes.h"
#include "rules/expression.h"
#include "rules/map_attributes.h"
#include "rules/nearest.h"
#include "rules/tag_path.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace dcmflow::fuzz {

namespace {

// DICOM's, but what a mistyped keyword may have meant is sought among a few: to compare it with all
// of them takes a hundred times as long as everything else.
class QuickDictionary final : public rules::Dictionary {
  public:
    [[nodiscard]] std::optional<rules::DictionaryEntry>
    by_keyword(std::string_view keyword) const override {
        return whole_.by_keyword(keyword);
    }
    [[nodiscard]] std::optional<rules::DictionaryEntry>
    by_tag(std::uint16_t group, std::uint16_t element) const override {
        return whole_.by_tag(group, element);
    }
    [[nodiscard]] std::optional<std::string> suggest(std::string_view keyword) const override {
        rules::NearestWord nearest(keyword);
        for (const std::string_view word : {"Modality", "StudyDate", "RequestAttributesSequence"})
            nearest.offer(word);
        return nearest.best();
    }
    [[nodiscard]] std::optional<std::string> uid_by_name(std::string_view name) const override {
        return whole_.uid_by_name(name);
    }

  private:
    DicomDictionary whole_;
};

std::string_view take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

// Names that are none are left out, so that the others count.
std::map<std::string, std::string> given(std::string_view lines,
                                         const rules::Dictionary& dictionary) {
    std::map<std::string, std::string> values;
    while (!lines.empty() && values.size() < 16) {
        const std::string_view line = take_line(lines);
        const std::string name{line.substr(0, line.find('='))};
        const std::string value{line.substr(std::min(name.size() + 1, line.size()))};
        if (rules::MapAttributes::make({{name, value}}, dictionary))
            values.emplace(name, value);
    }
    return values;
}

} // namespace

void condition(Input input) {
    static const QuickDictionary dictionary;
    std::string_view rest = text_of(input);
    const std::string_view text = take_line(rest);
    const auto expression = rules::Expression::parse(text, dictionary);
    if (!expression) {
        require(expression.error().offset <= text.size(), "a mistake lies in the text");
        require(!expression.error().what.empty(), "a mistake says what it is");
        return;
    }
    const auto attributes = rules::MapAttributes::make(given(rest, dictionary), dictionary);
    if (!attributes)
        return; // two spellings of one tag
    const bool holds = expression->holds(*attributes);
    std::vector<rules::Evaluation> trace;
    require(expression->explain(*attributes, trace) == holds, "an explanation tells the truth");
    require(!trace.empty(), "an answer has a reason");
    const auto again = rules::Expression::parse(expression->text(), dictionary);
    require(again && again->holds(*attributes) == holds, "a condition's text is the condition");
    const auto opposite = rules::Expression::parse("not (" + std::string(text) + ")", dictionary);
    if (opposite) // it may be too deep now
        require(opposite->holds(*attributes) != holds, "`not` turns the answer round");
}

} // namespace dcmflow::fuzz
