#include "codecs/rle_segment.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace dcmflow::codecs {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest of a word");

namespace {

constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
constexpr std::size_t longest_packet = 128;

std::uint64_t load(const std::byte* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// How often the first byte is repeated, itself included; at most `most`.
std::size_t run_length(const std::byte* at, std::size_t most) {
    const std::uint64_t same = ones * std::to_integer<std::uint64_t>(*at);
    std::size_t length = 1;
    for (; length + 8 <= most; length += 8)
        if (const std::uint64_t other = load(at + length) ^ same; other != 0)
            return length + static_cast<std::size_t>(std::countr_zero(other)) / 8;
    while (length < most && at[length] == *at)
        ++length;
    return length;
}

// The first place at or after `from` where three equal bytes begin, or the end. Eight places are
// looked at in one step: a zero byte of x marks one, and the lowest that the test finds is exact.
std::size_t find_run(std::span<const std::byte> row, std::size_t from) {
    const std::byte* bytes = row.data();
    for (; from + 10 <= row.size(); from += 8) {
        const std::uint64_t middle = load(bytes + from + 1);
        const std::uint64_t x = (load(bytes + from) ^ middle) | (middle ^ load(bytes + from + 2));
        if (const std::uint64_t zero = (x - ones) & ~x & (ones << 7); zero != 0)
            return from + static_cast<std::size_t>(std::countr_zero(zero)) / 8;
    }
    for (; from + 3 <= row.size(); ++from)
        if (bytes[from] == bytes[from + 1] && bytes[from] == bytes[from + 2])
            return from;
    return row.size();
}

// A copy whose usual case, a short packet with room behind it on both sides, is one move.
void copy(const std::byte* from, std::size_t count, std::byte* to, std::size_t room) {
    constexpr std::size_t one_move = 16;
    if (count <= one_move && room >= one_move)
        std::memcpy(to, from, one_move);
    else
        std::memcpy(to, from, count);
}

// An odd segment is padded with 00 (G.3.1); the item that holds the last one may be, once more.
bool is_padding(const std::byte* at, const std::byte* end) {
    return end - at <= 2 && std::all_of(at, end, [](std::byte pad) { return pad == std::byte{0}; });
}

} // namespace

std::size_t pack_row(std::span<const std::byte> row, std::byte* out) {
    std::byte* const begin = out;
    for (std::size_t at = 0; at < row.size();) {
        const std::size_t run =
            run_length(row.data() + at, std::min(row.size() - at, longest_packet));
        if (run >= 2) {
            *out++ = static_cast<std::byte>(257 - run);
            *out++ = row[at];
            at += run;
            continue;
        }
        // Two equal bytes within a literal are cheaper there than as a run of their own.
        const std::size_t end = find_run(row, at + 1);
        while (at < end) {
            const std::size_t count = std::min(end - at, longest_packet);
            *out++ = static_cast<std::byte>(count - 1);
            std::memcpy(out, row.data() + at, count);
            out += count;
            at += count;
        }
    }
    return static_cast<std::size_t>(out - begin);
}

bool unpack_segment(std::span<const std::byte> segment, std::span<std::byte> plane) {
    const std::byte* in = segment.data();
    const std::byte* const in_end = in + segment.size();
    std::byte* out = plane.data();
    std::byte* const out_end = out + plane.size();
    while (out != out_end) {
        if (in == in_end)
            return false;
        const auto code = std::to_integer<unsigned>(*in++);
        const auto left = static_cast<std::size_t>(in_end - in);
        const auto room = static_cast<std::size_t>(out_end - out);
        if (code < 128) {
            const std::size_t count = code + 1;
            if (count > left || count > room)
                return false;
            copy(in, count, out, std::min(left, room));
            in += count;
            out += count;
        } else if (code > 128) {
            const std::size_t count = 257 - code;
            if (left == 0 || count > room)
                return false;
            std::memset(out, std::to_integer<int>(*in++), count);
            out += count;
        } // 128: nothing
    }
    return is_padding(in, in_end);
}

} // namespace dcmflow::codecs
