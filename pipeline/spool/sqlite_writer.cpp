#include "pipeline/spool/sqlite_writer.h"

#include "pipeline/thread_name.h"

#include "pipeline/spool/sqlite_schema.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <sqlite3.h>

namespace dcmflow {
namespace {

constexpr std::size_t batch_most = 512;         // keeps the wait of the last caller in it short
constexpr int checkpoint_pages = 2000;          // 8 MiB of log
constexpr std::chrono::milliseconds stall{200}; // between two tries while the disk is full

} // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<SqliteDatabase> database, std::filesystem::path file,
                           Clock clock)
    : database_(std::move(database)), file_(std::move(file)), clock_(std::move(clock)),
      thread_([this] { run(); }) {}

SqliteWriter::~SqliteWriter() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    thread_.join();
}

Status SqliteWriter::perform(Sync sync, Work work) {
    auto task = std::make_shared<Task>();
    task->work = std::move(work);
    task->durable = sync == Sync::durable;
    submit(task);
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return task->done; });
    return task->result;
}

void SqliteWriter::post(Work work) {
    auto task = std::make_shared<Task>();
    task->work = std::move(work);
    task->posted = true;
    submit(std::move(task));
}

void SqliteWriter::submit(std::shared_ptr<Task> task) {
    {
        const std::lock_guard lock(mutex_);
        stalled_ = stalled_ && task->posted;
        pending_.push_back(std::move(task));
    }
    work_.notify_one();
}

void SqliteWriter::flush() {
    (void)perform(Sync::lazy, [](WriteSession&) { return Status{}; });
}

void SqliteWriter::on_work(Listener listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
}

void SqliteWriter::run() {
    name_this_thread("journal");
    std::unique_lock lock(mutex_);
    for (;;) {
        if (stalled_ && !stopping_)
            work_.wait_for(lock, stall, [&] { return !stalled_ || stopping_; });
        else
            work_.wait(lock, [&] { return !pending_.empty() || stopping_; });
        if (pending_.empty())
            return; // stopping, and nothing left
        stalled_ = false;
        Batch batch;
        const auto count = static_cast<std::ptrdiff_t>(std::min(pending_.size(), batch_most));
        std::move(pending_.begin(), pending_.begin() + count, std::back_inserter(batch));
        pending_.erase(pending_.begin(), pending_.begin() + count);
        lock.unlock();
        process(batch); // leaves what could not be done yet
        lock.lock();
        if (batch.empty())
            continue;
        if (stopping_)
            return; // the disk is full to the end; the next start takes these rows up again
        stalled_ = std::none_of(pending_.begin(), pending_.end(),
                                [](const auto& task) { return !task->posted; });
        pending_.insert(pending_.begin(), batch.begin(), batch.end());
    }
}

void SqliteWriter::process(Batch& batch) {
    Error error{ErrorCode::io,
                "journal " + file_.native() +
                    ": stopped after an I/O error; the data folder's disk must be checked and "
                    "dcmflow restarted"};
    const auto verdict = healthy_ ? attempt(batch, error) : Verdict::broken;
    switch (verdict) {
    case Verdict::committed:
        batch.clear();
        break;
    case Verdict::postponed: {
        Batch waiting;
        std::copy_if(batch.begin(), batch.end(), std::back_inserter(waiting),
                     [](const auto& t) { return t->posted; });
        finish(batch, &error);
        batch = std::move(waiting);
        break;
    }
    case Verdict::rejected:
        // One of them is at fault and must not harm the others: each by itself.
        if (batch.size() > 1) {
            Batch left;
            for (auto& task : batch) {
                Batch single{task};
                process(single);
                left.insert(left.end(), single.begin(), single.end());
            }
            batch = std::move(left);
            break;
        }
        // Nobody waits for posted work, so its loss must not go unnoticed.
        healthy_ = healthy_ && !batch.front()->posted;
        finish(batch, &error);
        batch.clear();
        break;
    case Verdict::broken:
        healthy_ = false;
        finish(batch, &error);
        batch.clear();
        break;
    }
}

SqliteWriter::Verdict SqliteWriter::attempt(const Batch& batch, Error& error) {
    auto& database = *database_;
    database.clear_fault();
    set_sync(
        std::any_of(batch.begin(), batch.end(), [](const auto& task) { return task->durable; }));
    WriteSession session{.database = database, .now = clock_()};
    database.run("BEGIN IMMEDIATE");
    bool thrown = false;
    for (const auto& task : batch) {
        if (database.fault() || thrown)
            break;
        thrown = !apply(*task, session);
    }
    if (!thrown)
        database.run("COMMIT");
    if (!thrown && !database.fault()) {
        tell(session.wake);
        finish(batch, nullptr);
        checkpoint();
        return Verdict::committed;
    }
    auto verdict = Verdict::rejected;
    if (thrown) {
        error = {ErrorCode::internal,
                 "journal " + file_.native() + ": out of memory, or a bug: the work threw"};
    } else {
        verdict = judge(*database.fault());
        error = journal_error(*database.fault(), file_);
    }
    database.clear_fault();
    database.run("ROLLBACK"); // an error here says that it was rolled back already
    database.clear_fault();
    return verdict;
}

// False if it threw, which only a bug or the lack of memory can do.
bool SqliteWriter::apply(Task& task, WriteSession& session) {
    try {
        task.result = task.work(session);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

SqliteWriter::Verdict SqliteWriter::judge(const SqliteFault& fault) const {
    if (means_no_space(fault))
        return Verdict::postponed;
    switch (fault.primary()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
        return Verdict::postponed;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR:
        return Verdict::rejected;
    default:
        return Verdict::broken; // I/O, corruption, and what we do not know
    }
}

void SqliteWriter::set_sync(bool durable) {
    if (durable == synced_)
        return;
    database_->execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    if (!database_->fault())
        synced_ = durable;
}

void SqliteWriter::finish(const Batch& batch, const Error* error) {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& task : batch) {
            if (error != nullptr)
                task->result = tl::unexpected(*error);
            task->done = true;
        }
    }
    finished_.notify_all();
}

void SqliteWriter::tell(const std::set<std::string>& wake) {
    const std::lock_guard lock(listener_mutex_);
    if (listener_)
        for (const auto& destination : wake)
            listener_(destination);
}

// After the callers were told, so that only the next batch waits for it.
void SqliteWriter::checkpoint() {
    if (database_->log_pages() < checkpoint_pages)
        return;
    database_->checkpoint();
    // The log of which a sync failed must not be continued. Lack of space or a reader in the way:
    // later.
    if (database_->fault() && judge(*database_->fault()) == Verdict::broken)
        healthy_ = false;
    database_->clear_fault();
}

} // namespace dcmflow
