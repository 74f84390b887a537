#include "rules/nearest.h"

#include "rules/text.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace dcmflow::rules {
namespace {

constexpr std::size_t longest_keyword = 64;

// Insertions, deletions, substitutions and swaps of neighbours that lead from a to b; some number
// above `most` if they are more. Both are at most longest_keyword long. A config of nothing but
// mistakes compares each with thousands of keywords: hence no allocation, and no row too many.
std::size_t edits(std::string_view a, std::string_view b, std::size_t most) {
    std::array<std::array<std::size_t, longest_keyword + 1>, 3> rows;
    auto* before = &rows[0];
    auto* above = &rows[1];
    auto* row = &rows[2];
    std::iota(above->begin(), above->end(), std::size_t{0});
    std::size_t least_before = 0;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t least = (*row)[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            std::size_t cost =
                std::min({(*above)[j] + 1, (*row)[j - 1] + 1, (*above)[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost = std::min(cost, (*before)[j - 2] + 1);
            (*row)[j] = cost;
            least = std::min(least, cost);
        }
        if (least > most && least_before + 1 > most) // a swap reaches over one row
            return most + 1;
        least_before = least;
        std::swap(before, above);
        std::swap(above, row);
    }
    return (*above)[b.size()];
}

} // namespace

NearestWord::NearestWord(std::string_view word)
    : word_(word), lower_(lower(word)),
      least_(word.size() > longest_keyword ? 0 : word.size() / 4 + 2) {
    if (word.size() < 3)
        least_ = std::min<std::size_t>(least_, 1);
}

void NearestWord::offer(std::string_view candidate) {
    const auto gap = candidate.size() > word_.size() ? candidate.size() - word_.size()
                                                     : word_.size() - candidate.size();
    if (gap > least_ || candidate.size() > longest_keyword || least_ == 0)
        return;
    const auto distance = edits(lower_, lower(candidate), least_);
    if (distance > least_)
        return;
    const bool same_case = edits(word_, candidate, distance) == distance;
    if (distance == least_ && (!best_ || same_case_ || !same_case))
        return;
    least_ = distance;
    same_case_ = same_case;
    best_ = candidate;
}

} // namespace dcmflow::rules
