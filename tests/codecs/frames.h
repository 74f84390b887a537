// Frames for the codec tests: every shape and content that a codec must take, seeded.
#pragma once

#include "codecs/frame.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace dcmflow::codecs::test {

class Random { // splitmix64
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }

  private:
    std::uint64_t state_;
};

enum class Content { flat, gradient, noise, extremes, smooth };
inline constexpr std::array contents{Content::flat, Content::gradient, Content::noise,
                                     Content::extremes, Content::smooth};

struct Size {
    std::uint32_t rows, columns;
};
inline constexpr std::array sizes{Size{1, 1},   Size{1, 7},    Size{7, 1},    Size{3, 5},
                                  Size{64, 64}, Size{131, 67}, Size{513, 257}};

inline PixelFormat mono(std::uint32_t rows, std::uint32_t columns, unsigned allocated,
                        unsigned stored, bool is_signed) {
    PixelFormat format;
    format.rows = rows;
    format.columns = columns;
    format.bits_allocated = static_cast<std::uint16_t>(allocated);
    format.bits_stored = static_cast<std::uint16_t>(stored);
    format.high_bit = static_cast<std::uint16_t>(stored - 1);
    format.is_signed = is_signed;
    return format;
}

inline PixelFormat colour(std::uint32_t rows, std::uint32_t columns, unsigned allocated,
                          unsigned stored, bool planar,
                          Photometric photometric = Photometric::rgb) {
    PixelFormat format = mono(rows, columns, allocated, stored, false);
    format.samples = 3;
    format.photometric = photometric;
    format.planar = planar;
    return format;
}

// One sample, 0 … 2^bits-1, at a place.
inline std::uint64_t sample_at(Content content, std::uint64_t x, std::uint64_t y, unsigned bits,
                               unsigned channel, Random& random) {
    const std::uint64_t top = ~0ULL >> (64 - bits);
    switch (content) {
    case Content::flat:
        return top / 3;
    case Content::gradient:
        return (x + 3 * y + 7 * channel) & top;
    case Content::noise:
        return random.next() & top;
    case Content::extremes:
        return (random.next() & 1) != 0 ? top : 0;
    case Content::smooth:
        return std::min<std::uint64_t>(top, (x * y / 16 + channel * 5) % (top / 2 + 1) + top / 4 +
                                                random.below(top / 16 + 1));
    }
    return 0;
}

inline void put_cell(FrameBuffer& bytes, std::size_t index, unsigned cell_bytes,
                     std::uint64_t value) {
    std::memcpy(bytes.data() + index * cell_bytes, &value, cell_bytes);
}

// A clean frame: sign extended if signed, else zero above Bits Stored.
inline FrameBuffer make_frame(const PixelFormat& format, Content content, std::uint64_t seed = 1) {
    Random random{seed};
    FrameBuffer bytes(format.frame_bytes());
    const unsigned cell = format.bytes_per_sample();
    const std::uint64_t pixels = std::uint64_t{format.rows} * format.columns;
    for (std::uint64_t i = 0; i < pixels; ++i) {
        for (unsigned s = 0; s < format.samples; ++s) {
            std::uint64_t value = sample_at(content, i % format.columns, i / format.columns,
                                            format.bits_stored, s, random);
            if (format.is_signed && format.bits_stored < 64 &&
                (value >> (format.bits_stored - 1)) != 0)
                value |= ~0ULL << format.bits_stored;
            put_cell(bytes, format.planar ? s * pixels + i : i * format.samples + s, cell, value);
        }
    }
    return bytes;
}

// The same frame, colour by pixel: what decode gives back.
inline FrameBuffer by_pixel(const FrameBuffer& bytes, const PixelFormat& format) {
    if (!format.planar || format.samples == 1)
        return bytes;
    FrameBuffer out(bytes.size());
    const std::size_t cell = format.bytes_per_sample();
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    for (std::size_t i = 0; i < pixels; ++i)
        for (std::size_t s = 0; s < format.samples; ++s)
            std::memcpy(&out[(i * format.samples + s) * cell], &bytes[(s * pixels + i) * cell],
                        cell);
    return out;
}

inline std::string describe(const PixelFormat& format, Content content) {
    return std::to_string(format.rows) + "x" + std::to_string(format.columns) + " samples " +
           std::to_string(format.samples) + (format.planar ? " planar" : "") + " allocated " +
           std::to_string(format.bits_allocated) + " stored " + std::to_string(format.bits_stored) +
           (format.is_signed ? " signed" : "") + " content " +
           std::to_string(static_cast<int>(content));
}

// Every format of the matrix: depth 1 … 16 in the cells that hold it, sign, samples, planes, sizes.
inline std::vector<PixelFormat> matrix() {
    std::vector<PixelFormat> formats;
    for (const Size size : sizes) {
        for (unsigned stored = 1; stored <= 16; ++stored) {
            if (size.rows > 500 && stored != 8 && stored != 12 && stored != 16)
                continue; // the large size at the usual depths, for the sake of time
            for (const unsigned allocated : {8U, 16U}) {
                if (stored > allocated)
                    continue;
                formats.push_back(mono(size.rows, size.columns, allocated, stored, false));
                formats.push_back(mono(size.rows, size.columns, allocated, stored, true));
                formats.push_back(colour(size.rows, size.columns, allocated, stored, false));
                formats.push_back(colour(size.rows, size.columns, allocated, stored, true));
            }
        }
    }
    return formats;
}

} // namespace dcmflow::codecs::test
