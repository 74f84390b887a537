// SqliteWriter: the journal's one writing thread, and group commit.
//
// It takes all work that waits into one transaction; callers of perform() sleep until their
// transaction is committed. A transaction with durable work in it is synced (synchronous = FULL),
// one with only lazy work is not: that survives a killed process, and a power cut may take it back.
// Order is kept. Faults: without space, the callers get no_space, and posted work is kept and tried
// again; after an I/O error nothing is written any more (a failed sync must not be repeated) and
// healthy() is false. Owned by SqliteJournal; any thread; not from within work or the listener.
#pragma once

#include "pipeline/result.h"
#include "pipeline/spool/sqlite_database.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace dcmflow {

// What a unit of work sees.
struct WriteSession {
    SqliteDatabase& database;
    std::int64_t now; // Unix ms
    std::set<std::string>
        wake{}; // destinations with new work ("": the flow's), told after the commit
};

class SqliteWriter {
  public:
    // May run again after a rollback, so it sets its results anew each time. An error it returns is
    // its caller's affair only, so it must not have changed anything by then.
    using Work = std::function<Status(WriteSession&)>;
    using Listener = std::function<void(const std::string&)>;
    using Clock = std::function<std::int64_t()>; // Unix ms

    SqliteWriter(std::unique_ptr<SqliteDatabase> database, std::filesystem::path file, Clock clock);
    ~SqliteWriter(); // commits what was posted

    enum class Sync : std::uint8_t { durable, lazy };
    [[nodiscard]] Status perform(Sync sync, Work work);
    void post(Work work);
    void flush();
    void on_work(Listener listener);
    [[nodiscard]] bool healthy() const { return healthy_; }

  private:
    struct Task {
        Work work;
        bool durable = false;
        bool posted = false;
        Status result{};
        bool done = false; // guarded by mutex_
    };
    using Batch = std::deque<std::shared_ptr<Task>>;
    enum class Verdict : std::uint8_t { committed, postponed, rejected, broken };

    void run();
    void process(Batch& batch);
    [[nodiscard]] Verdict attempt(const Batch& batch, Error& error);
    [[nodiscard]] bool apply(Task& task, WriteSession& session);
    [[nodiscard]] Verdict judge(const SqliteFault& fault) const;
    void set_sync(bool durable);
    void finish(const Batch& batch, const Error* error);
    void tell(const std::set<std::string>& wake);
    void checkpoint();
    void submit(std::shared_ptr<Task> task);

    const std::unique_ptr<SqliteDatabase> database_; // the thread's, after construction
    const std::filesystem::path file_;
    const Clock clock_;
    bool synced_ = true; // the thread's: the pragma as it stands

    std::atomic<bool> healthy_{true};
    std::mutex listener_mutex_;
    Listener listener_;

    std::mutex mutex_;                 // guards the below
    std::condition_variable work_;     // the thread waits here …
    std::condition_variable finished_; // … and its callers here
    Batch pending_;
    bool stalled_ = false; // what is pending was tried and must wait a little
    bool stopping_ = false;
    std::thread thread_; // last: it uses all of the above
};

} // namespace dcmflow
