// Shared by the config tests: configs as text, errors as text.
#pragma once

#include "pipeline/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::test {

// A small config that is right. Parts can be replaced to make it wrong.
struct Parts {
    std::string node;
    std::string listen = "listen: {dicom: [{port: 11112, allow: [\"CT*@10.0.0.0/8\"]}]}\n";
    std::string destinations = "destinations:\n"
                               "  archive: {dicom: \"ARCHIVE@10.0.0.5:104\"}\n";
    std::string rules = "rules:\n"
                        "  - {name: all, send: [archive]}\n";
    std::string unmatched = "unmatched: hold\n";
    std::string tests;
    [[nodiscard]] std::string text() const {
        return node + listen + destinations + rules + unmatched + tests;
    }
};

inline std::vector<std::string> texts(const std::vector<ConfigError>& errors) {
    std::vector<std::string> all;
    for (const auto& error : errors)
        all.push_back(error.text());
    return all;
}

// All errors as text; empty if it loads.
inline std::vector<std::string> errors_of(std::string_view text) {
    const auto config = parse_config(text, "c.yaml");
    return config ? std::vector<std::string>{} : texts(config.error());
}

// Loads it or fails the test with the errors.
inline Config loaded(std::string_view text) {
    auto config = parse_config(text, "/etc/dcmflow/c.yaml");
    if (!config) {
        ADD_FAILURE() << ::testing::PrintToString(texts(config.error())) << "\n" << text;
        return {};
    }
    return std::move(*config);
}

} // namespace dcmflow::test
