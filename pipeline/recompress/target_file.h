// TargetFile: a file in the making: under a temporary name until finish() puts it in place, whole
// and synced.
//
// Move-only; one thread at a time. Dropped unfinished it takes its temporary file along; what a
// crash leaves behind is taken over by the next attempt at the same name. Another run that is
// writing the same file is told apart by a lock (where the file system has none, by nothing); what
// is put in place is what was written, or it fails. An existing file of that name is replaced in
// one step, and a symbolic link itself, never what it points to. The folder must be synced
// afterwards (TargetFolder).
#pragma once

#include "pipeline/deliver/durable_file.h"
#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <string_view>

namespace dcmflow::recompress {

class TargetFile {
  public:
    // `folder` must stay open as long as this lives.
    [[nodiscard]] static Result<TargetFile> create(int folder, const std::string& name);
    TargetFile(TargetFile&& other) noexcept;
    TargetFile& operator=(TargetFile&& other) noexcept;
    ~TargetFile();

    [[nodiscard]] Status write(std::span<const std::byte> bytes);
    [[nodiscard]] Status patch(std::uint64_t offset, std::span<const std::byte> bytes);
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] bool is_locked() const { return locked_; }
    // Modification time, sync, rename.
    [[nodiscard]] Status finish(const timespec& modified);

  private:
    TargetFile(int folder, std::string name, std::string temporary, deliver::Descriptor file);
    int folder_;
    std::string name_;
    std::string temporary_; // empty: in place, or moved from
    deliver::Descriptor file_;
    std::uint64_t size_ = 0;
    bool locked_ = false; // against other runs
};

// Whether files in the making, and only they, have such names.
[[nodiscard]] bool is_temporary_name(std::string_view name);

// A symbolic link with the same text, in place of whatever file has that name.
[[nodiscard]] Status make_link(int folder, const std::string& name, const std::string& text);

} // namespace dcmflow::recompress
