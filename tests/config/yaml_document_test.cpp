// YAML as text with positions: what yaml-cpp would guess or hide.
#include "pipeline/config/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace dcmflow {
namespace {

using Kind = YamlNode::Kind;

YamlDocument parsed(const std::string& text) {
    auto document = YamlDocument::parse(text);
    if (!document) {
        ADD_FAILURE() << document.error().what << "\n" << text;
        return std::move(*YamlDocument::parse("broken: 1"));
    }
    return std::move(*document);
}

std::string fault_of(const std::string& text) {
    const auto document = YamlDocument::parse(text);
    if (document)
        return "no fault";
    const auto& fault = document.error();
    return std::to_string(fault.position.line) + ":" + std::to_string(fault.position.column) +
           ": " + fault.what;
}

std::string place(const YamlDocument& document, const YamlNode& node) {
    const auto position = document.position(node.offset);
    return std::to_string(position.line) + ":" + std::to_string(position.column);
}

TEST(YamlDocument, ScalarsAreTextQuotedOrNot) {
    const auto document =
        parsed("[5, '5', \"5\", yes, 1e3, 0x10, null, ~, 'null', 2020-01-01, !!str 7, !x y]");
    std::vector<std::string> values;
    for (const auto* item : document.root().items) {
        EXPECT_EQ(item->kind, Kind::scalar);
        values.push_back(item->text);
    }
    EXPECT_THAT(values, ::testing::ElementsAre("5", "5", "5", "yes", "1e3", "0x10", "null", "~",
                                               "null", "2020-01-01", "7", "y"));
}

TEST(YamlDocument, AnEmptyValueIsNotTheWordThatFollows) {
    const auto document =
        parsed("a:\nnull: ~\nb:\n  c:\n~: Null\nd: {e: , null: f}\ng: [null , x]\n");
    const auto& entries = document.root().entries;
    ASSERT_EQ(entries.size(), 6U);
    EXPECT_EQ(entries[0].value->kind, Kind::empty);
    EXPECT_EQ(entries[1].key->text, "null");
    EXPECT_EQ(entries[1].value->text, "~");
    EXPECT_EQ(entries[2].value->entries[0].value->kind, Kind::empty);
    EXPECT_EQ(entries[3].key->text, "~");
    EXPECT_EQ(entries[3].value->text, "Null");
    EXPECT_EQ(entries[4].value->entries[0].value->kind, Kind::empty);
    EXPECT_EQ(entries[4].value->entries[1].key->text, "null");
    EXPECT_EQ(entries[5].value->items[0]->text, "null");
    EXPECT_EQ(entries[5].value->items[1]->text, "x");
}

TEST(YamlDocument, PositionsAreOneBasedAndCountCharacters) {
    const auto document = parsed("\xEF\xBB\xBF"
                                 "größe: \"ä\"\r\nb: [ö, x]\n");
    const auto& entries = document.root().entries;
    EXPECT_EQ(place(document, *entries[0].key), "1:1");
    EXPECT_EQ(place(document, *entries[0].value), "1:8");
    EXPECT_EQ(place(document, *entries[1].key), "2:1");
    EXPECT_EQ(place(document, *entries[1].value->items[1]), "2:8");
}

TEST(YamlDocument, DuplicateKeysAreKept) {
    const auto document = parsed("a: 1\nb: 2\na: 3\n");
    ASSERT_EQ(document.root().entries.size(), 3U);
    EXPECT_EQ(document.root().entries[2].value->text, "3");
    EXPECT_EQ(place(document, *document.root().entries[2].key), "3:1");
}

TEST(YamlDocument, AliasesShareTheAnchoredNode) {
    const auto document = parsed("a: &x {k: v}\nb: *x\nc: &y text\nd: [*y, *x]\n");
    const auto& entries = document.root().entries;
    EXPECT_EQ(entries[0].value, entries[1].value);
    EXPECT_EQ(entries[3].value->items[0]->text, "text");
    EXPECT_EQ(entries[3].value->items[1], entries[0].value);
}

TEST(YamlDocument, FaultsHaveAPlace) {
    EXPECT_EQ(fault_of("a: [1, 2\nb: 3\n").substr(0, 4), "2:2:");
    EXPECT_EQ(fault_of("a: 1\n\tb: 2\n").substr(0, 2), "2:");
    EXPECT_EQ(fault_of("a: *nobody\n"), "1:4: not YAML: the referenced anchor is not defined");
    EXPECT_EQ(fault_of("a: &x [*x]\n"), "1:8: an alias that contains itself");
    EXPECT_EQ(fault_of("a: 1\nb: \x01\n"), "2:4: control character in the file");
    EXPECT_EQ(fault_of("a: 1\nb: \x04\nc: 3\n"), "2:4: control character in the file");
    EXPECT_EQ(fault_of("a: 1\nb: \xC3(\n"), "2:4: the file is not UTF-8 text here");
    EXPECT_EQ(fault_of(std::string("a\0:\0 \0b\0", 8)), "1:2: control character in the file");
    EXPECT_EQ(fault_of("a: \"x\\0y\"\n"), "1:4: a NUL character in a value");
    EXPECT_EQ(fault_of("a: 1\n---\nb: 2\n"), "2:1: a second YAML document in the file");
    EXPECT_EQ(fault_of("---\na: 1\n...\n"), "no fault");
    EXPECT_EQ(fault_of(""), "0:0: the file is empty");
    EXPECT_EQ(fault_of("~\n"), "no fault");
}

TEST(YamlDocument, IsBounded) {
    EXPECT_EQ(fault_of(std::string(32, '[') + std::string(32, ']')), "no fault");
    EXPECT_EQ(fault_of(std::string(33, '[') + std::string(33, ']')),
              "1:33: nested deeper than 32 levels");
    EXPECT_THAT(fault_of(std::string(1'000'000, '[')),
                ::testing::HasSubstr("nested deeper than 32 levels"));
    EXPECT_THAT(fault_of("a: " + std::string(std::size_t{4} << 20, 'x')),
                ::testing::HasSubstr("the file is too large"));
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 10; ++i) {
        const auto before = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 9; ++j)
            bomb += before + (j < 8 ? ", " : "]\n");
    }
    EXPECT_THAT(fault_of(bomb),
                ::testing::HasSubstr("too many entries in the file (aliases expanded)"));
    std::string deep = "a0: &a0 [[[[[[[[x]]]]]]]]\n";
    for (int i = 1; i < 5; ++i)
        deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [[[[[[[[*a" +
                std::to_string(i - 1) + "]]]]]]]]\n";
    EXPECT_THAT(fault_of(deep),
                ::testing::HasSubstr("nested deeper than 32 levels (aliases expanded)"));
    std::string wide = "[";
    for (int i = 0; i < 300'000; ++i)
        wide += "x,";
    EXPECT_THAT(fault_of(wide + "x]"), ::testing::HasSubstr("too many entries in the file"));
}

} // namespace
} // namespace dcmflow
