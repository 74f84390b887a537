// SpoolLock: the right to a data folder, held by one process at a time.
//
// Owned by the Spool. flock on <folder>/lock, so it goes with the process however that dies; the
// file holds the owner's pid for people. A child that is forked and not exec'd shares it.
#pragma once

#include "pipeline/result.h"

#include <filesystem>
#include <memory>

namespace dcmflow {

class SpoolLock {
  public:
    // conflict if another process (or another Spool of this one) has it; names the folder and the
    // pid.
    [[nodiscard]] static Result<std::unique_ptr<SpoolLock>>
    take(const std::filesystem::path& folder);
    SpoolLock(const SpoolLock&) = delete;
    SpoolLock& operator=(const SpoolLock&) = delete;
    ~SpoolLock();

  private:
    explicit SpoolLock(int fd) : fd_(fd) {}
    int fd_;
};

} // namespace dcmflow
