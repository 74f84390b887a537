// FaultVfs: SQLite's default file layer, of which a write or a sync can be made to fail.
#pragma once

#include <memory>
#include <string>

namespace dcmflow::spool_test {

class FaultVfs {
  public:
    FaultVfs();
    ~FaultVfs(); // after the last connection that uses it
    FaultVfs(const FaultVfs&) = delete;
    FaultVfs& operator=(const FaultVfs&) = delete;

    const std::string& name() const;
    // The nth write, sync or truncation from now (1: the next) fails with its code; if persistent,
    // all later ones too. Calls whose code is SQLITE_OK neither fail nor count.
    void fail(int nth, int write_code, int sync_code, bool persistent);
    void heal();
    bool struck() const; // whether the fault was reached
    int syncs() const;   // since the beginning

    struct State;

  private:
    std::unique_ptr<State> state_;
};

} // namespace dcmflow::spool_test
