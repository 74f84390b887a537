// SqliteJournal: the Journal in one SQLite file (write-ahead log, group commit by one writer
// thread).
//
// Writing verbs go to the writer's thread (sqlite_writer.h); looking ones use connections of their
// own, so that they never wait for it. Any thread. Its tables: sqlite_schema.cpp and docs/spool.md.
#pragma once

#include "pipeline/spool/journal.h"
#include "pipeline/spool/sqlite_verbs.h"
#include "pipeline/spool/sqlite_writer.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace dcmflow {

struct SqliteJournalOptions {
    std::filesystem::path file;
    std::string vfs = {};           // SQLite's file layer; empty: the default one
    SqliteWriter::Clock clock = {}; // Unix ms; empty: the system's
};

class SqliteJournal final : public Journal {
  public:
    [[nodiscard]] static Result<std::unique_ptr<SqliteJournal>>
    open(const SqliteJournalOptions& options);
    ~SqliteJournal() override;

    void on_work(WorkListener listener) override;
    [[nodiscard]] Result<ReclaimReport> reclaim(int poison_crashes, int weight) override;
    [[nodiscard]] Result<Accepted> accept(AcceptRequest request) override;
    [[nodiscard]] Result<std::vector<RoutingLease>> lease_routing(std::size_t most) override;
    void plan(InstanceId instance, std::vector<PlannedSyntax> planned) override;
    void return_routing(InstanceId instance) override;
    [[nodiscard]] Result<std::vector<SendingLease>>
    lease_sending(const std::string& destination, std::size_t most, std::int64_t now) override;
    void settle(Settlement settlement) override;
    [[nodiscard]] Result<std::optional<std::int64_t>>
    next_due(const std::string& destination) const override;
    [[nodiscard]] Result<std::vector<DestinationSummary>> summary() const override;
    [[nodiscard]] Result<std::vector<QueueEntry>> query(const QueueFilter& filter) const override;
    [[nodiscard]] Result<std::uint64_t> act(QueueAction action, const QueueFilter& filter,
                                            const std::string& target) override;
    [[nodiscard]] Status decide_unmatched(DeliveryId delivery,
                                          const rules::Decision& decision) override;
    [[nodiscard]] Status set_paused(const std::string& destination, bool paused) override;
    [[nodiscard]] Result<std::vector<std::string>> paused() const override;
    void learn(const std::string& destination, std::vector<Acceptance> seen) override;
    [[nodiscard]] Result<std::map<std::string, std::vector<Acceptance>>> learned() const override;
    [[nodiscard]] Result<std::vector<InstanceRow>> finished(std::int64_t before,
                                                            std::size_t most) const override;
    [[nodiscard]] Status forget(InstanceId instance) override;
    [[nodiscard]] Result<std::vector<std::string>> forgotten() const override;
    void mark_verified(InstanceId instance) override;
    [[nodiscard]] Result<std::vector<InstanceRow>> instances(InstanceId after,
                                                             std::size_t most) const override;
    [[nodiscard]] Status condemn(InstanceId instance, const std::string& error) override;
    void flush() override;
    [[nodiscard]] bool healthy() const override;

  private:
    // A connection for looking, one user at a time.
    struct Reader {
        std::mutex mutex;
        std::unique_ptr<SqliteDatabase> database;
    };

    SqliteJournal(std::filesystem::path file, std::unique_ptr<SqliteDatabase> writer,
                  std::unique_ptr<SqliteDatabase> quick, std::unique_ptr<SqliteDatabase> slow,
                  const SqliteWriter::Clock& clock);
    // Asks a reader in one transaction; its faults become the error.
    template <class Value, class Look>
    [[nodiscard]] Result<Value> look(Reader& reader, Look ask) const;
    void mark(InstanceRow& row) const;

    const std::filesystem::path file_;
    mutable Reader quick_; // the lanes' questions …
    mutable Reader slow_;  // … do not wait behind an operator's long lists
    mutable std::mutex verified_mutex_;
    std::unordered_set<InstanceId> verified_;
    sqlite::Turns turns_; // the writer thread's
    SqliteWriter writer_; // last: its thread uses the above
};

} // namespace dcmflow
