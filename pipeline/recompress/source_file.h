// SourceFile: a file to recompress: its identity, then its bytes; small ones read, large ones
// mapped.
//
// Move-only; one thread at a time. What is read into memory cannot change under a codec; a mapped
// file that is cut short reads as zeros from there (MappingGuard), and unchanged() is the last word
// on either. Pages of a mapping that were read are given back as the reader goes on, so a file of
// any size takes a bounded part of the memory.
#pragma once

#include "pipeline/deliver/durable_file.h"
#include "pipeline/recompress/mapping_guard.h"
#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <vector>

namespace dcmflow::recompress {

class SourceFile {
  public:
    // Does not follow a symbolic link, does not wait for a pipe; invalid_argument if it is no
    // regular file.
    [[nodiscard]] static Result<SourceFile> open(const std::filesystem::path& path);
    SourceFile() = default;
    SourceFile(SourceFile&& other) noexcept = default;
    SourceFile& operator=(SourceFile&& other) noexcept = default;

    [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(status_.st_size); }
    [[nodiscard]] const struct stat& status() const { return status_; }

    // Files of more than `in_memory` bytes are mapped.
    [[nodiscard]] Status load(std::uint64_t in_memory);
    [[nodiscard]] std::span<const std::byte> bytes() const;
    [[nodiscard]] bool is_mapped() const { return mapping_ != nullptr; }
    // So many bytes have been used: from time to time the pages go back.
    void consumed(std::uint64_t bytes);
    // Whether the bytes are those of the file as it was opened; the text says what happened.
    [[nodiscard]] Status unchanged() const;

    // Calls take(piece) for all bytes in order, read again from the file if it is mapped.
    template <class Take> [[nodiscard]] Status each_piece(const Take& take) const {
        if (!is_mapped())
            return take(bytes());
        std::vector<std::byte> buffer(piece_bytes);
        for (std::uint64_t at = 0; at < size();) {
            const auto piece = read_at(at, buffer);
            if (!piece)
                return tl::unexpected(piece.error());
            if (const auto taken = take(*piece); !taken)
                return taken;
            at += piece->size();
        }
        return {};
    }

  private:
    static constexpr std::size_t piece_bytes = 4U << 20;
    struct Mapping;
    struct Unmap {
        void operator()(Mapping* mapping) const;
    };
    [[nodiscard]] Result<std::span<const std::byte>> read_at(std::uint64_t offset,
                                                             std::span<std::byte> buffer) const;
    [[nodiscard]] Status read_all();
    [[nodiscard]] Status map();

    deliver::Descriptor file_;
    struct stat status_ {};
    std::unique_ptr<std::byte[]> memory_;
    std::unique_ptr<Mapping, Unmap> mapping_;
    std::uint64_t since_drop_ = 0;
};

} // namespace dcmflow::recompress
