#include "pipeline/config/config.h"

#include "pipeline/config/reader.h"
#include "pipeline/config/sections.h"
#include "pipeline/config/yaml_document.h"
#include "pipeline/dicom/attributes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <system_error>

namespace dcmflow {

namespace {

using Errors = std::vector<ConfigError>;

struct CloseFile {
    void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};

tl::expected<std::string, std::string> read_text(const std::filesystem::path& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        return tl::unexpected(std::string("is a folder"));
    const std::unique_ptr<std::FILE, CloseFile> stream(std::fopen(file.c_str(), "rb"));
    if (stream == nullptr)
        return tl::unexpected(std::generic_category().message(errno));
    std::string text;
    std::array<char, 65536> buffer{};
    while (text.size() <= YamlDocument::max_bytes) { // one byte too many is refused by the parser
        const auto count = std::fread(buffer.data(), 1, buffer.size(), stream.get());
        text.append(buffer.data(), count);
        if (count < buffer.size())
            break;
    }
    if (std::ferror(stream.get()) != 0)
        return tl::unexpected(std::generic_category().message(errno));
    return text;
}

} // namespace

std::string ConfigError::text() const {
    auto all = line > 0 ? fmt::format("{}:{}:{}: {}", file, line, column, what)
                        : fmt::format("{}: {}", file, what);
    if (!expected.empty())
        all += "; expected " + expected;
    return all;
}

const DestinationConfig* Config::destination(std::string_view name) const {
    const auto found = std::find_if(destinations.begin(), destinations.end(),
                                    [&](const DestinationConfig& one) { return one.name == name; });
    return found == destinations.end() ? nullptr : &*found;
}

tl::expected<Config, std::vector<ConfigError>> load_config(const std::filesystem::path& file) {
    const auto text = read_text(file);
    if (!text)
        return tl::unexpected(
            Errors{{file.string(), 0, 0, "can't read the config file: " + text.error(),
                    "a readable YAML file"}});
    return parse_config(*text, file);
}

tl::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                            const std::filesystem::path& file) {
    const auto document = YamlDocument::parse(text);
    if (!document) {
        const auto& fault = document.error();
        return tl::unexpected(Errors{{file.string(), fault.position.line, fault.position.column,
                                      fault.what, fault.expected}});
    }
    const DicomDictionary dictionary;
    Reader reader(*document, file);
    Config config;
    config.file = file;
    Section root(reader, document->root(), "",
                 {"node", "listen", "operate", "destinations", "rules", "unmatched", "tests"});
    if (root.is_map()) {
        read_node(root, reader, config);
        read_listen(root, reader, config);
        read_operate(root, reader);
        auto destinations = read_destinations(root, reader, config, dictionary);
        read_tests(root, reader, config, dictionary, destinations);
        read_rules(root, reader, config, dictionary,
                   destinations); // last: it makes the rules if all was well
    }
    if (!reader.ok())
        return tl::unexpected(reader.errors());
    config.warnings = reader.warnings();
    return config;
}

} // namespace dcmflow
