#include "codecs/native.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

namespace dcmflow::codecs {

static_assert(std::endian::native == std::endian::little, "native frames are little endian");

namespace {

template <typename Cell> Cell load(const std::byte* at) {
    Cell value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <typename Cell> void store(std::byte* at, Cell value) {
    std::memcpy(at, &value, sizeof value);
}

// Adding half the signed range maps [-half, half-1] onto [0, 2·half-1]: one test for both signs,
// and a loop of add, and, or that the compiler vectorises. Blocks let dirty frames end early.
template <typename Cell> bool clean(std::span<const std::byte> bytes, unsigned stored, bool sign) {
    constexpr unsigned width = sizeof(Cell) * 8;
    if (stored >= width)
        return true;
    const auto half = static_cast<Cell>(sign ? Cell{1} << (stored - 1) : 0);
    const auto unused = static_cast<Cell>(~((std::uint64_t{1} << stored) - 1));
    constexpr std::size_t block = 16384 / sizeof(Cell);
    const std::size_t cells = bytes.size() / sizeof(Cell);
    for (std::size_t first = 0; first < cells; first += block) {
        const std::byte* at = bytes.data() + first * sizeof(Cell);
        const std::size_t count = std::min(block, cells - first);
        Cell seen = 0;
        for (std::size_t i = 0; i < count; ++i)
            seen = static_cast<Cell>(
                seen | (static_cast<Cell>(load<Cell>(at + i * sizeof(Cell)) + half) & unused));
        if (seen != 0)
            return false;
    }
    return true;
}

template <typename Cell>
void interleave_cells(const std::byte* in, std::size_t pixels, std::size_t samples,
                      std::byte* out) {
    for (std::size_t s = 0; s < samples; ++s) {
        const std::byte* plane = in + s * pixels * sizeof(Cell);
        std::byte* to = out + s * sizeof(Cell);
        for (std::size_t i = 0; i < pixels; ++i)
            store(to + i * samples * sizeof(Cell), load<Cell>(plane + i * sizeof(Cell)));
    }
}

template <typename Cell>
void deinterleave_cells(const std::byte* in, std::size_t pixels, std::size_t samples,
                        std::byte* out) {
    for (std::size_t s = 0; s < samples; ++s) {
        const std::byte* from = in + s * sizeof(Cell);
        std::byte* plane = out + s * pixels * sizeof(Cell);
        for (std::size_t i = 0; i < pixels; ++i)
            store(plane + i * sizeof(Cell), load<Cell>(from + i * samples * sizeof(Cell)));
    }
}

// Calls body with a value of the unsigned type of one cell.
template <typename Body> void with_cell(const PixelFormat& format, Body&& body) {
    switch (format.bytes_per_sample()) {
    case 1:
        return body(std::uint8_t{});
    case 2:
        return body(std::uint16_t{});
    case 4:
        return body(std::uint32_t{});
    default:
        return body(std::uint64_t{});
    }
}

template <typename Cell> void extend(std::span<std::byte> bytes, unsigned bits) {
    constexpr unsigned width = sizeof(Cell) * 8;
    if (bits == 0 || bits >= width)
        return;
    const auto sign = static_cast<Cell>(Cell{1} << (bits - 1));
    const auto mask = static_cast<Cell>((std::uint64_t{1} << bits) - 1);
    for (std::size_t i = 0; i + sizeof(Cell) <= bytes.size(); i += sizeof(Cell)) {
        const auto value = static_cast<Cell>(load<Cell>(bytes.data() + i) & mask);
        store(bytes.data() + i, static_cast<Cell>((value ^ sign) - sign));
    }
}

} // namespace

bool unused_bits_clean(const FrameView& frame) {
    const PixelFormat& format = frame.format;
    if (format.bits_allocated == 1)
        return true;
    if (format.high_bit + 1 != format.bits_stored)
        return false;
    bool result = false;
    with_cell(format, [&](auto cell) {
        result = clean<decltype(cell)>(frame.bytes, format.bits_stored, format.is_signed);
    });
    return result;
}

void interleave(std::span<const std::byte> planes, const PixelFormat& format,
                std::span<std::byte> out) {
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    with_cell(format, [&](auto cell) {
        interleave_cells<decltype(cell)>(planes.data(), pixels, format.samples, out.data());
    });
}

void deinterleave(std::span<const std::byte> pixels_in, const PixelFormat& format,
                  std::span<std::byte> out) {
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    with_cell(format, [&](auto cell) {
        deinterleave_cells<decltype(cell)>(pixels_in.data(), pixels, format.samples, out.data());
    });
}

void swap_bytes_16(std::span<std::byte> bytes) {
    for (std::size_t i = 0; i + 2 <= bytes.size(); i += 2)
        store(bytes.data() + i, __builtin_bswap16(load<std::uint16_t>(bytes.data() + i)));
}

void swap_bytes_32(std::span<std::byte> bytes) {
    for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4)
        store(bytes.data() + i, __builtin_bswap32(load<std::uint32_t>(bytes.data() + i)));
}

void sign_extend_8(std::span<std::byte> bytes, unsigned bits) {
    extend<std::uint8_t>(bytes, bits);
}

void sign_extend_16(std::span<std::byte> bytes, unsigned bits) {
    extend<std::uint16_t>(bytes, bits);
}

} // namespace dcmflow::codecs
