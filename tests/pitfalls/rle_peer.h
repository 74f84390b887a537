// RLE Lossless (PS3.5 Annex G) as the tests read and write it: no code of the codec's.
//
// The reader is strict: what the annex forbids is an error, runs across the end of a row included.
#pragma once

#include "tests/dicom/transcode_object.h"

#include <stdexcept>

namespace dcmflow::pitfalls {

using testing::Bytes;

inline std::uint32_t le32(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
        value = value << 8 | bytes[at + i];
    return value;
}

// One segment: `rows` rows of `width` bytes, and at most one pad byte.
inline Bytes read_rle_segment(std::span<const std::uint8_t> codes, std::size_t rows,
                              std::size_t width) {
    Bytes out;
    std::size_t at = 0;
    for (std::size_t row = 0; row < rows; ++row) {
        const std::size_t row_end = out.size() + width;
        while (out.size() < row_end) {
            if (at + 1 >= codes.size())
                throw std::runtime_error("RLE segment ends early");
            const std::uint8_t code = codes[at++];
            if (code == 128)
                throw std::runtime_error("RLE no-operation written");
            const std::size_t count = code < 128 ? code + 1U : 257U - code;
            if (code < 128) {
                if (at + count > codes.size())
                    throw std::runtime_error("RLE literal run is cut");
                out.insert(out.end(), codes.begin() + static_cast<std::ptrdiff_t>(at),
                           codes.begin() + static_cast<std::ptrdiff_t>(at + count));
                at += count;
            } else {
                out.insert(out.end(), count, codes[at++]);
            }
        }
        if (out.size() != row_end)
            throw std::runtime_error("RLE run crosses a row");
    }
    if (codes.size() - at > 1)
        throw std::runtime_error("RLE segment is longer than its rows");
    return out;
}

// Native bytes by pixel, little endian cells, every bit of them.
inline Bytes read_rle(const Bytes& stream, const codecs::PixelFormat& format) {
    const std::size_t cell = format.bytes_per_sample(), samples = format.samples;
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    const std::size_t segments = cell * samples;
    if (stream.size() < 64 || stream.size() % 2 != 0 || le32(stream, 0) != segments)
        throw std::runtime_error("RLE header of another shape");
    Bytes out(pixels * segments);
    for (std::size_t n = 0; n < 15; ++n) {
        const std::size_t from = le32(stream, 4 + 4 * n);
        const std::size_t to = n + 1 < segments ? le32(stream, 8 + 4 * n) : stream.size();
        if (n >= segments ? from != 0
                          : from % 2 != 0 || from < 64 || from > to || to > stream.size())
            throw std::runtime_error("RLE offset");
        if (n >= segments)
            continue;
        if (n == 0 && from != 64)
            throw std::runtime_error("RLE first offset");
        const Bytes plane = read_rle_segment(std::span(stream).subspan(from, to - from),
                                             format.rows, format.columns);
        const std::size_t sample = n / cell, byte = cell - 1 - n % cell; // most significant first
        for (std::size_t i = 0; i < pixels; ++i)
            out[(i * samples + sample) * cell + byte] = plane[i];
    }
    return out;
}

// Literal runs only, from native bytes by pixel.
inline Bytes write_rle(const Bytes& native, const codecs::PixelFormat& format) {
    const std::size_t cell = format.bytes_per_sample(), samples = format.samples;
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    Bytes header, body;
    testing::put(header, cell * samples, 4, false);
    for (std::size_t n = 0; n < cell * samples; ++n) {
        testing::put(header, 64 + body.size(), 4, false);
        for (std::size_t at = 0; at < pixels; ++at) {
            const std::size_t column = at % format.columns;
            if (column % 128 == 0)
                body.push_back(static_cast<std::uint8_t>(
                    std::min<std::size_t>(128, format.columns - column) - 1));
            body.push_back(native[(at * samples + n / cell) * cell + cell - 1 - n % cell]);
        }
        if (body.size() % 2)
            body.push_back(0);
    }
    header.resize(64);
    header.insert(header.end(), body.begin(), body.end());
    return header;
}

} // namespace dcmflow::pitfalls
