// SendReport: what `dcmflow send` says of its results, as a table and as JSON Lines.
//
// Owned by the command; results are added by one thread at a time.
#pragma once

#include "pipeline/cli/sending.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dcmflow::cli {

class SendReport {
  public:
    void add(const Item& item, const ItemResult& result);
    // A file that could not be read and so was not sent.
    void add_unreadable() { ++unreadable_; }

    [[nodiscard]] std::size_t delivered() const { return delivered_; }
    [[nodiscard]] std::size_t total() const { return total_ + unreadable_; }
    [[nodiscard]] std::string table(std::string_view target, int associations,
                                    std::chrono::microseconds took) const;
    [[nodiscard]] std::string summary_json(std::string_view target, int associations,
                                           std::chrono::microseconds took) const;

    [[nodiscard]] static std::string item_json(const Item& item, const ItemResult& result);
    [[nodiscard]] static std::string unreadable_json(std::string_view path, std::string_view error);

  private:
    struct Row {
        std::uint64_t count = 0;
        std::string text; // of the first
    };
    struct Kind {
        std::uint64_t objects = 0;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] std::chrono::microseconds percentile(std::size_t percent) const;

    std::map<std::pair<std::string, std::string>, Row> rows_;   // outcome, status
    std::map<std::pair<std::string, std::string>, Kind> kinds_; // SOP class, syntax; delivered ones
    std::vector<std::chrono::microseconds> times_;              // of delivered ones
    std::size_t total_ = 0;
    std::size_t delivered_ = 0;
    std::size_t warnings_ = 0;
    std::size_t unreadable_ = 0;
    std::uint64_t bytes_ = 0;
};

} // namespace dcmflow::cli
