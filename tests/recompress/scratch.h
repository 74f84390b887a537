// A scratch folder, and small files in it. For the tests of this folder only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::recompress {
namespace fs = std::filesystem;

namespace test {

inline std::atomic<int> no_locks{0}; // what flock() fails with, if it is to fail (files_test.cpp)

class Scratch : public ::testing::Test {
  protected:
    Scratch() {
        std::string name = (fs::temp_directory_path() / "recompress_test_XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        root_ = name;
    }
    ~Scratch() override { fs::remove_all(root_); }
    [[nodiscard]] fs::path at(std::string_view path) const { return root_ / path; }
    fs::path write(std::string_view path, std::string_view text) const {
        fs::create_directories(at(path).parent_path());
        std::ofstream(at(path), std::ios::binary) << text;
        return at(path);
    }
    [[nodiscard]] std::string read(std::string_view path) const {
        std::ostringstream out;
        out << std::ifstream(at(path), std::ios::binary).rdbuf();
        return out.str();
    }
    // Every name in a folder.
    [[nodiscard]] std::vector<std::string> names(std::string_view path) const {
        std::vector<std::string> all;
        for (const auto& entry : fs::directory_iterator(at(path)))
            all.push_back(entry.path().filename());
        std::sort(all.begin(), all.end());
        return all;
    }
    fs::path root_;
};

} // namespace test
} // namespace dcmflow::recompress
