// ElementWriter: builds an Explicit VR Little Endian data set (PS3.5 7.1.2), elements in any order.
//
// A value; one thread. For objects of our own making: it pads, and sorts by tag; it checks nothing
// else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow::cli {

class ElementWriter {
  public:
    using Bytes = std::vector<std::byte>;

    ElementWriter& text(std::uint32_t tag, std::string_view vr, std::string_view value);
    ElementWriter& us(std::uint32_t tag, std::uint16_t value);
    ElementWriter& at(std::uint32_t tag, std::uint32_t value);
    ElementWriter& bytes(std::uint32_t tag, std::string_view vr, std::span<const std::byte> value);
    // Items and sequence of explicit length, or of undefined length with delimiters.
    ElementWriter& sequence(std::uint32_t tag, const std::vector<ElementWriter>& items,
                            bool undefined_length = false);
    [[nodiscard]] Bytes finish() const;

  private:
    std::map<std::uint32_t, Bytes> elements_; // whole elements
};

} // namespace dcmflow::cli
