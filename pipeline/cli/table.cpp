#include "pipeline/cli/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace dcmflow::cli {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

template <std::size_t N> bool in(const std::array<Range, N>& ranges, std::uint32_t code) {
    return std::any_of(ranges.begin(), ranges.end(), [code](const Range& range) {
        return code >= range.first && code <= range.last;
    });
}

// Combining marks and zero-width characters of the blocks that names in hospitals use.
constexpr std::array<Range, 8> zero_width{{{0x0300, 0x036F},
                                           {0x0483, 0x0489},
                                           {0x0591, 0x05BD},
                                           {0x064B, 0x065F},
                                           {0x0E34, 0x0E3A},
                                           {0x200B, 0x200F},
                                           {0x20D0, 0x20FF},
                                           {0xFE00, 0xFE0F}}};
// East Asian Wide and Fullwidth (UAX #11), by block.
constexpr std::array<Range, 8> double_width{{{0x1100, 0x115F},
                                             {0x2E80, 0x303E},
                                             {0x3041, 0xA4CF},
                                             {0xAC00, 0xD7A3},
                                             {0xF900, 0xFAFF},
                                             {0xFE30, 0xFE6F},
                                             {0xFF00, 0xFF60},
                                             {0x1F300, 0x1FAFF}}};

// The next code point; bytes that are not UTF-8 count as one character each.
std::uint32_t take_code_point(std::string_view text, std::size_t& at) {
    constexpr std::uint32_t replacement = 0xFFFD;
    const auto first = static_cast<unsigned char>(text[at++]);
    if (first < 0x80)
        return first;
    const std::size_t more = first >= 0xF5   ? 0
                             : first >= 0xF0 ? 3
                             : first >= 0xE0 ? 2
                             : first >= 0xC2 ? 1
                                             : 0;
    if (more == 0 || at + more > text.size())
        return replacement;
    std::uint32_t code = first & (0x3FU >> more);
    for (std::size_t i = 0; i < more; ++i) {
        if ((text[at + i] & 0xC0) != 0x80)
            return replacement;
        code = (code << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
    }
    at += more;
    return code;
}

void append_padded(std::string& line, std::string_view cell, std::size_t width, Align align) {
    const std::string padding(width - std::min(width, display_width(cell)), ' ');
    if (align == Align::right)
        line += padding;
    line += cell;
    if (align == Align::left)
        line += padding;
}

} // namespace

std::size_t display_width(std::string_view utf8) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < utf8.size();) {
        const auto code = take_code_point(utf8, at);
        if (code < 0x20 || code == 0x7F || in(zero_width, code))
            continue;
        width += in(double_width, code) ? 2 : 1;
    }
    return width;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

Table& Table::row(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    rows_.push_back(std::move(cells));
    return *this;
}

std::string Table::text(std::size_t indent) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto width = display_width(columns_[i].title);
        for (const auto& cells : rows_)
            width = std::max(width, display_width(cells[i]));
        widths.push_back(width);
    }
    std::string all;
    const auto add_line = [&](const auto& cell_of) {
        std::string line(indent, ' ');
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i > 0)
                line += "  ";
            append_padded(line, cell_of(i), widths[i], columns_[i].align);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        all += line + '\n';
    };
    add_line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
    for (const auto& cells : rows_)
        add_line([&](std::size_t i) -> const std::string& { return cells[i]; });
    return all;
}

std::string human_size(std::uint64_t bytes) {
    static constexpr std::array<std::string_view, 6> units{"KiB", "MiB", "GiB",
                                                           "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return fmt::format("{} B", bytes);
    auto number = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (number >= 1023.95 && unit + 1 < units.size()) { // what would be shown as 1024.0
        number /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", number, units[unit]);
}

std::string human_count(std::uint64_t number) {
    auto text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

std::string human_duration(std::chrono::microseconds duration) {
    const auto us = std::max<std::int64_t>(0, duration.count());
    if (us < 1000)
        return fmt::format("{} µs", us);
    if (us < 1'000'000)
        return fmt::format("{} ms", us / 1000);
    const auto seconds = us / 1'000'000;
    if (seconds < 60)
        return fmt::format("{}.{} s", seconds, us / 100'000 % 10);
    if (seconds < 3600)
        return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
    if (seconds < 86'400)
        return fmt::format("{}h {:02}m", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{}d {:02}h", seconds / 86'400, seconds / 3600 % 24);
}

std::string human_rate(std::uint64_t bytes, std::chrono::microseconds took) {
    if (took.count() <= 0)
        return "-";
    return fmt::format("{:.1f} MB/s",
                       static_cast<double>(bytes) / static_cast<double>(took.count()));
}

std::string human_percent(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0)
        return "-";
    return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

} // namespace dcmflow::cli
