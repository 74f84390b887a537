#include "codecs/rle.h"

#include "codecs/rle_segment.h"
#include "codecs/scratch.h"

#include <array>
#include <cstring>
#include <new>

namespace dcmflow::codecs {

namespace {

constexpr std::size_t header_bytes = 64; // the number of segments and 15 offsets (G.5)
constexpr std::size_t most_segments = 15;

std::size_t segments_of(const PixelFormat& format) {
    return std::size_t{format.samples} * format.bytes_per_sample();
}

// Bytes of one plane; bits of 1-bit frames stay packed.
std::size_t plane_bytes(const PixelFormat& format) {
    return static_cast<std::size_t>(format.frame_bytes()) / segments_of(format);
}

// Which segment holds byte `at` of a little endian pixel.
std::size_t segment_of(std::size_t at, std::size_t cell) {
    return at / cell * cell + (cell - 1 - at % cell);
}

void put_u32(std::byte* at, std::uint64_t value) {
    const auto word = static_cast<std::uint32_t>(value); // little endian host: see rle_segment.cpp
    std::memcpy(at, &word, sizeof word);
}

std::uint32_t get_u32(const std::byte* at) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

using Planes = std::array<std::byte*, most_segments>;

template <std::size_t Width> void merge(const Planes& from, std::size_t pixels, std::byte* out) {
    for (std::size_t i = 0; i < pixels; ++i)
        for (std::size_t at = 0; at < Width; ++at)
            out[i * Width + at] = from[at][i];
}

template <std::size_t Width> void split(const std::byte* in, std::size_t pixels, const Planes& to) {
    for (std::size_t i = 0; i < pixels; ++i)
        for (std::size_t at = 0; at < Width; ++at)
            to[at][i] = in[i * Width + at];
}

// Calls body with the bytes of a pixel as a constant: 2, 3, 4 … 12.
template <typename Body> void with_width(std::size_t width, Body&& body) {
    switch (width) {
    case 1:
        return body(std::integral_constant<std::size_t, 1>{});
    case 2:
        return body(std::integral_constant<std::size_t, 2>{});
    case 3:
        return body(std::integral_constant<std::size_t, 3>{});
    case 4:
        return body(std::integral_constant<std::size_t, 4>{});
    case 6:
        return body(std::integral_constant<std::size_t, 6>{});
    case 8:
        return body(std::integral_constant<std::size_t, 8>{});
    default:
        return body(std::integral_constant<std::size_t, 12>{});
    }
}

// Planes in the order of a pixel's bytes, lying in the order of segments.
Planes planes_in(std::span<std::byte> memory, std::size_t first, std::size_t width,
                 std::size_t cell, std::size_t bytes) {
    Planes planes{};
    for (std::size_t at = 0; at < width; ++at)
        planes[at] = memory.data() + (first + segment_of(at, cell)) * bytes;
    return planes;
}

// The frame's byte planes, one after the other as the segments will be.
void split_frame(const FrameView& frame, std::span<std::byte> memory) {
    const std::size_t cell = frame.format.bytes_per_sample();
    const std::size_t pixels = plane_bytes(frame.format);
    const std::size_t parts = frame.format.planar ? frame.format.samples : 1;
    const std::size_t width = segments_of(frame.format) / parts;
    for (std::size_t part = 0; part < parts; ++part) {
        const Planes planes = planes_in(memory, part * width, width, cell, pixels);
        const std::byte* in = frame.bytes.data() + part * width * pixels;
        with_width(width, [&](auto constant) { split<constant()>(in, pixels, planes); });
    }
}

void merge_frame(std::span<std::byte> memory, const PixelFormat& format, FrameBuffer& out) {
    const std::size_t pixels = plane_bytes(format);
    const std::size_t width = segments_of(format);
    const Planes planes = planes_in(memory, 0, width, format.bytes_per_sample(), pixels);
    with_width(width, [&](auto constant) { merge<constant()>(planes, pixels, out.data()); });
}

// Header and segments. The limit is checked row by row, so `out` holds one row more than it.
CodecStatus write_stream(std::span<const std::byte> planes, const PixelFormat& format,
                         FrameBuffer& out) {
    const std::size_t limit = encoded_limit(format);
    const std::size_t columns = format.columns;
    const std::size_t segments = segments_of(format);
    out.resize(limit + packed_limit(columns) + 1);
    std::memset(out.data(), 0, header_bytes);
    put_u32(out.data(), segments);
    std::size_t end = header_bytes;
    for (std::size_t segment = 0; segment < segments; ++segment) {
        put_u32(out.data() + 4 + segment * 4, end);
        for (std::uint32_t row = 0; row < format.rows; ++row) {
            const auto at = (segment * format.rows + row) * columns;
            end += pack_row(planes.subspan(at, columns), out.data() + end);
            if (end > limit)
                return CodecStatus::incompressible;
        }
        if (end % 2 != 0)
            out[end++] = std::byte{0};
    }
    out.resize(end);
    return end <= limit ? CodecStatus::ok : CodecStatus::incompressible;
}

struct Segments {
    std::array<std::span<const std::byte>, most_segments> of;
};

// Segments follow one another without gaps (G.4); what the unused offsets hold is nobody's
// business.
CodecStatus find_segments(std::span<const std::byte> stream, std::size_t expected,
                          Segments& found) {
    if (stream.size() < header_bytes)
        return CodecStatus::corrupt;
    const std::uint32_t count = get_u32(stream.data());
    if (count == 0 || count > most_segments)
        return CodecStatus::corrupt;
    if (count != expected)
        return CodecStatus::mismatch;
    if (get_u32(stream.data() + 4) != header_bytes)
        return CodecStatus::corrupt;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t begin = get_u32(stream.data() + 4 + i * 4);
        const std::size_t end = i + 1 < count ? get_u32(stream.data() + 8 + i * 4) : stream.size();
        if (begin > end || end > stream.size())
            return CodecStatus::corrupt;
        found.of[i] = stream.subspan(begin, end - begin);
    }
    return CodecStatus::ok;
}

bool is_decodable(const PixelFormat& format) {
    if (!format.problem().empty() || format.frame_bytes() > max_frame_bytes ||
        segments_of(format) > most_segments)
        return false;
    if (format.bits_allocated == 1) // packed; a frame that ends within a byte is not a native one
        return format.samples == 1 && format.frame_bits() % 8 == 0;
    switch (format.photometric) {
    case Photometric::ybr_full_422:
    case Photometric::ybr_partial_420:
    case Photometric::ybr_ict:
    case Photometric::ybr_rct:
        return false;
    default:
        return true;
    }
}

CodecStatus decode_checked(std::span<const std::byte> stream, const PixelFormat& format,
                           FrameBuffer& out) {
    if (!is_decodable(format))
        return CodecStatus::unsupported;
    const std::size_t segments = segments_of(format);
    Segments found;
    if (const auto status = find_segments(stream, segments, found); status != CodecStatus::ok)
        return status;
    out.resize(format.frame_bytes());
    Scratch scratch;
    const std::size_t bytes = plane_bytes(format);
    const std::span<std::byte> planes =
        segments == 1 ? std::span<std::byte>{out} : scratch.of_size(out.size());
    for (std::size_t i = 0; i < segments; ++i)
        if (!unpack_segment(found.of[i], planes.subspan(i * bytes, bytes)))
            return CodecStatus::corrupt;
    if (segments > 1)
        merge_frame(planes, format, out);
    return CodecStatus::ok;
}

} // namespace

bool RleCodec::can_encode(const PixelFormat& format) const {
    if (!is_decodable(format) || format.bits_allocated == 1 || format.bits_allocated == 64)
        return false;
    if (format.bits_allocated == 8 && format.bits_stored < 8)
        return false;
    switch (format.photometric) {
    case Photometric::monochrome1:
    case Photometric::monochrome2:
        return true;
    case Photometric::palette_color:
        return !format.is_signed;
    case Photometric::rgb:
    case Photometric::ybr_full:
        return !format.is_signed && format.bits_allocated == 8;
    default:
        return false;
    }
}

CodecStatus RleCodec::encode(const FrameView& frame, const EncodeOptions& /*options*/,
                             FrameBuffer& out, AttributeChanges& changes) const {
    const PixelFormat& format = frame.format;
    if (!can_encode(format) || frame.bytes.size() != format.frame_bytes())
        return CodecStatus::unsupported;
    changes = {.photometric = format.photometric, .planar = false};
    try {
        if (segments_of(format) == 1)
            return write_stream(frame.bytes, format, out);
        Scratch scratch;
        const std::span<std::byte> planes = scratch.of_size(frame.bytes.size());
        split_frame(frame, planes);
        return write_stream(planes, format, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::failed;
    }
}

CodecStatus RleCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                             FrameBuffer& out) const {
    try {
        return decode_checked(stream, format, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

} // namespace dcmflow::codecs
