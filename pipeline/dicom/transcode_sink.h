// ByteSink: where a transcoded data set goes. VectorSink: into memory. Output: a small buffer
// before a sink.
//
// A sink belongs to one transcode at a time; it is called from the thread that called transcode(),
// never from the frame loop. It sees bytes in order, and corrections of bytes that it has seen
// (offset tables, lengths).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow {

class ByteSink {
  public:
    virtual ~ByteSink() = default;
    ByteSink() = default;
    ByteSink(const ByteSink&) = delete;
    ByteSink& operator=(const ByteSink&) = delete;

    // Takes the next bytes; false to stop (disk full).
    [[nodiscard]] virtual bool write(std::span<const std::byte> bytes) = 0;
    // Overwrites bytes written before. `offset` counts from the first byte this sink was given: one
    // that continues a file (after the meta information) adds its own base. False to stop.
    [[nodiscard]] virtual bool patch(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
};

// Keeps everything in memory, up to `ceiling` bytes.
class VectorSink final : public ByteSink {
  public:
    explicit VectorSink(std::uint64_t ceiling = UINT64_MAX) : ceiling_(ceiling) {}
    [[nodiscard]] bool write(std::span<const std::byte> bytes) override;
    [[nodiscard]] bool patch(std::uint64_t offset, std::span<const std::byte> bytes) override;
    void reserve(std::uint64_t bytes) { bytes_.reserve(static_cast<std::size_t>(bytes)); }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

  private:
    std::uint64_t ceiling_;
    std::vector<std::byte> bytes_;
};

// Little-endian writer in front of a sink: gathers small writes, applies patches in its buffer
// where it can, and remembers a refusal so that callers may check once at the end. Without a sink
// it only counts.
class Output {
  public:
    explicit Output(ByteSink* sink) : sink_(sink) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void bytes(std::span<const std::byte> data);
    void text(std::string_view data) { bytes(std::as_bytes(std::span(data))); }
    void zeros(std::uint64_t count);
    void u16(std::uint16_t value);
    void u32(std::uint32_t value);
    void patch(std::uint64_t offset, std::span<const std::byte> data);
    void patch_u32(std::uint64_t offset, std::uint32_t value);
    void flush();

    [[nodiscard]] std::uint64_t position() const { return flushed_ + buffer_.size(); }
    [[nodiscard]] bool refused() const { return refused_; }

  private:
    ByteSink* sink_;
    std::vector<std::byte> buffer_;
    std::uint64_t flushed_ = 0;
    bool refused_ = false;
};

} // namespace dcmflow
