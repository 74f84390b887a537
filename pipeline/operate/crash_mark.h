// CrashMark: leaves a note in the data folder when this process dies by a fault of its own (SIGSEGV, SIGABRT, …).
//
// So that the next start can tell an object that takes the process down from a kill or a power cut, which says
// nothing about the objects that were in hand. One per process, owned by `run`: signal handlers are global. What it
// does in the handler is one write to an open file.
#pragma once

#include "pipeline/result.h"

#include <filesystem>

namespace dcmflow {

class CrashMark {
  public:
    // Whether the last process on this folder died by its own fault.
    [[nodiscard]] static bool last_run_crashed(const std::filesystem::path& data_folder);

    // Clears the note and installs the handlers. Works without the note if the folder can't be written.
    explicit CrashMark(const std::filesystem::path& data_folder);
    ~CrashMark();
    CrashMark(const CrashMark&) = delete;
    CrashMark& operator=(const CrashMark&) = delete;

  private:
    int fd_ = -1;
};

} // namespace dcmflow
