// ByteReader: a bounds-checked big endian cursor over a codestream, for the header checks.
//
// A value over the caller's bytes; one thread. It never reads past the end: a short read yields 0
// and makes failed() true for good, so a run of reads needs one check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmflow::codecs {

class ByteReader {
  public:
    explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size() - position_; }

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }

    std::span<const std::byte> take(std::uint64_t count) {
        if (failed_ || count > left()) {
            failed_ = true;
            return {};
        }
        const auto part = bytes_.subspan(position_, static_cast<std::size_t>(count));
        position_ += part.size();
        return part;
    }
    void fail() { failed_ = true; }
    void skip(std::uint64_t count) { (void)take(count); }
    void seek(std::size_t position) {
        if (position > bytes_.size())
            failed_ = true;
        else
            position_ = position;
    }

  private:
    std::uint64_t number(std::size_t count) {
        std::uint64_t value = 0;
        for (const std::byte byte : take(count))
            value = (value << 8) | std::to_integer<std::uint64_t>(byte);
        return value;
    }

    std::span<const std::byte> bytes_;
    std::size_t position_ = 0;
    bool failed_ = false;
};

} // namespace dcmflow::codecs
