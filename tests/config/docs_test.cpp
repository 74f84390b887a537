// The configs in the documentation load, and pass their own tests.
#include "support.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace dcmflow::test {
namespace {

namespace fs = std::filesystem;

const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();

std::string text_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

// The fenced yaml blocks whose first line is a comment that begins with "complete".
std::vector<std::string> complete_blocks(const std::string& markdown) {
    std::vector<std::string> blocks;
    constexpr std::string_view fence = "```yaml\n";
    for (auto at = markdown.find(fence); at != std::string::npos; at = markdown.find(fence, at)) {
        at += fence.size();
        const auto end = markdown.find("\n```", at);
        auto block = markdown.substr(at, end == std::string::npos ? end : end + 1 - at);
        if (block.starts_with("# complete"))
            blocks.push_back(std::move(block));
    }
    return blocks;
}

void expect_good(const std::string& text, const fs::path& file) {
    const auto config = parse_config(text, file);
    ASSERT_TRUE(config) << ::testing::PrintToString(texts(config.error())) << "\n" << text;
    EXPECT_THAT(texts(run_config_tests(*config)), ::testing::IsEmpty());
    EXPECT_THAT(texts(config->warnings), ::testing::IsEmpty());
}

TEST(Docs, CompleteExamplesLoad) {
    const auto blocks = complete_blocks(text_of(root / "docs/configuration.md"));
    EXPECT_GE(blocks.size(), 2U);
    for (const auto& block : blocks)
        expect_good(block, root / "docs/configuration.md");
    if (fs::exists(root / "README.md"))
        for (const auto& block : complete_blocks(text_of(root / "README.md")))
            expect_good(block, root / "README.md");
}

TEST(Docs, PackagedConfigsLoad) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(root / "packaging"))
        if (entry.path().extension() == ".yaml") {
            ++count;
            expect_good(text_of(entry.path()), entry.path());
        }
    EXPECT_GE(count, 1U);
}

} // namespace
} // namespace dcmflow::test
