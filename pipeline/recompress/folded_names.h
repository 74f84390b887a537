// FoldedNames: which names of a tree are one name where upper and lower case are the same.
//
// For the walk's thread. Holds the names of the folder that is being walked and of those above it,
// so it grows with the largest folder: only for destinations that fold case.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace dcmflow::recompress {

class FoldedNames {
  public:
    // Whether no entry of the same folder had this name, but for case. In the order of TreeWalk.
    [[nodiscard]] bool add(const std::filesystem::path& entry);

  private:
    struct Level {
        std::filesystem::path folder;
        std::unordered_set<std::string> names;
    };
    std::vector<Level> levels_;
};

// In lower case, by Unicode if it is UTF-8, else its ASCII letters.
[[nodiscard]] std::string fold_case(std::string_view name);

} // namespace dcmflow::recompress
