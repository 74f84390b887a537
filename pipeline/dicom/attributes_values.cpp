#include "pipeline/dicom/attributes_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>

namespace dcmflow {
namespace {

template <class T> T read(std::span<const std::byte> bytes, std::size_t offset, bool big_endian) {
    std::array<std::byte, sizeof(T)> raw{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), sizeof(T), raw.begin());
    if (big_endian)
        std::reverse(raw.begin(), raw.end());
    T value{};
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
}

template <class T>
std::vector<std::string> numbers(std::span<const std::byte> bytes, bool big_endian) {
    std::vector<std::string> values;
    for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
        std::array<char, 64> text{};
        const T value = read<T>(bytes, at, big_endian);
        const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
        values.emplace_back(text.data(), end);
    }
    return values;
}

std::vector<std::string> tags(std::span<const std::byte> bytes, bool big_endian) {
    std::vector<std::string> values;
    for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
        values.push_back(fmt::format("({:04X},{:04X})", read<std::uint16_t>(bytes, at, big_endian),
                                     read<std::uint16_t>(bytes, at + 2, big_endian)));
    }
    return values;
}

bool looks_like_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20
                   ? c != 0x7F
                   : c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == 0x1B;
    });
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> values;
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find('\\', begin), text.size());
        values.emplace_back(trimmed(text.substr(begin, end - begin)));
        begin = end + 1;
    }
    return values;
}

} // namespace

std::vector<std::string> decode_values(std::string_view vr, std::span<const std::byte> bytes,
                                       bool big_endian, const Charset& charset) {
    if (vr == "US")
        return numbers<std::uint16_t>(bytes, big_endian);
    if (vr == "SS")
        return numbers<std::int16_t>(bytes, big_endian);
    if (vr == "UL")
        return numbers<std::uint32_t>(bytes, big_endian);
    if (vr == "SL")
        return numbers<std::int32_t>(bytes, big_endian);
    if (vr == "UV")
        return numbers<std::uint64_t>(bytes, big_endian);
    if (vr == "SV")
        return numbers<std::int64_t>(bytes, big_endian);
    if (vr == "FL")
        return numbers<float>(bytes, big_endian);
    if (vr == "FD")
        return numbers<double>(bytes, big_endian);
    if (vr == "AT")
        return tags(bytes, big_endian);
    if (vr.front() == 'O' || vr == "SQ")
        return {};
    const std::string_view raw = trimmed(as_text(bytes));
    if (raw.empty() || (vr == "UN" && !looks_like_text(raw)))
        return {};
    std::string text = uses_charset(vr) ? charset.to_utf8(raw) : Charset().to_utf8(raw);
    if (vr == "ST" || vr == "LT" || vr == "UT" || vr == "UR")
        return {std::move(text)};
    return split(text);
}

} // namespace dcmflow
