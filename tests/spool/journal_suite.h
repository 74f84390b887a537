// The conformance suite of the Journal interface: every implementation runs all JournalTest cases.
// To add one: a JournalMaker in journal_suite.cpp.
#pragma once

#include "tests/spool/support.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>

namespace dcmflow::spool_test {

struct JournalMaker {
    std::string name;
    // Opens (again) the journal that lives in a folder.
    std::function<Result<std::unique_ptr<Journal>>(const std::filesystem::path& folder,
                                                   ManualClock& clock)>
        open;
};

class JournalTest : public testing::TestWithParam<JournalMaker> {
  protected:
    void SetUp() override { open(); }

    void open();
    void reopen() {
        journal.reset();
        open();
    }
    // As after kill -9 while work was in hand, and the start that follows.
    ReclaimReport crash_and_start(int poison_crashes = 3, int weight = 1);

    InstanceId accept(const std::string& uid, const rules::Decision& decision, int content = 0);
    // Through the flow: all that waits becomes ready, unchanged syntax.
    void plan_all();
    std::vector<SendingLease> lease(const std::string& destination, std::size_t most = 100);
    void settle(const SendingLease& lease, DeliveryState state, const std::string& error = {},
                std::int64_t due = 0);
    std::vector<QueueEntry> rows(QueueFilter filter = {.undelivered_only = false});
    Delivery row(const std::string& uid, const std::string& destination);
    DeliveryState state(const std::string& uid, const std::string& destination) {
        return row(uid, destination).state;
    }
    DestinationSummary summary(const std::string& destination);
    std::vector<std::string> told(); // what the listener heard since the last call

    TempFolder folder;
    ManualClock clock;
    std::unique_ptr<Journal> journal;

  private:
    std::mutex told_mutex_;
    std::vector<std::string> told_;
};

} // namespace dcmflow::spool_test
