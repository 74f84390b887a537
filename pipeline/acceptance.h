// AcceptanceBook: what each destination was last seen to take, per SOP class and transfer syntax.
//
// Taught by the lanes after each association, read by the route node; kept over restarts by the journal.
// Any thread.
#pragma once

#include "pipeline/spool/journal.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace dcmflow {

class AcceptanceBook {
  public:
    explicit AcceptanceBook(Journal& journal) : journal_(journal) {}
    [[nodiscard]] Status load(); // from the journal, once at start

    // nullopt: never asked.
    [[nodiscard]] std::optional<bool> takes(std::string_view destination, std::string_view sop_class_uid,
                                            std::string_view transfer_syntax_uid) const;
    // Remembers and journals only what is news.
    void learn(const std::string& destination, const std::vector<Acceptance>& seen);

  private:
    using Key = std::tuple<std::string, std::string, std::string>;
    Journal& journal_;
    mutable std::mutex mutex_;
    std::map<Key, bool> known_; // guarded by mutex_
};

} // namespace dcmflow
