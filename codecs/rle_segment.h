// RLE segments: the PackBits coding of one byte plane (PS3.5 G.3).
//
// Pure functions over the caller's memory; any thread. They allocate nothing and never read or
// write outside the spans given, whatever the segment says.
#pragma once

#include <cstddef>
#include <span>

namespace dcmflow::codecs {

// The most that pack_row writes for a row of this many bytes.
[[nodiscard]] constexpr std::size_t packed_limit(std::size_t bytes) {
    return bytes + bytes / 128 + 1;
}

// Codes one row (runs must not cross rows); `out` has room for packed_limit(). Returns the bytes
// written.
[[nodiscard]] std::size_t pack_row(std::span<const std::byte> row, std::byte* out);

// Decodes one segment into exactly `plane`. False if the segment ends before the plane is full, if
// a packet runs over either end, or if more than padding follows the last packet.
[[nodiscard]] bool unpack_segment(std::span<const std::byte> segment, std::span<std::byte> plane);

} // namespace dcmflow::codecs
