// NearestWord: the candidate that a mistyped word most likely meant. One thread; a short-lived
// value.
//
// Used for "did you mean": a Dictionary that can list its keywords offers them all in suggest().
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::rules {

class NearestWord {
  public:
    explicit NearestWord(std::string_view word);
    void offer(std::string_view candidate);
    // nullopt if nothing offered was near: about one letter in four may differ. Case counts least.
    [[nodiscard]] const std::optional<std::string>& best() const { return best_; }

  private:
    std::string word_;
    std::string lower_;
    std::size_t least_; // edits still worth reporting, plus one
    bool same_case_ = false;
    std::optional<std::string> best_;
};

} // namespace dcmflow::rules
