// Table: aligned columns of text, and numbers as people like them. For every command that prints a
// table.
//
// Values; one thread. No boxes: columns are two spaces apart, numbers to the right, the last column
// open. Widths count what a terminal shows: UTF-8 characters, wide ones (CJK) twice, combining ones
// not at all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::cli {

enum class Align : std::uint8_t { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
};

class Table {
  public:
    explicit Table(std::vector<Column> columns);
    // Missing cells are empty; more cells than columns are a bug (ignored).
    Table& row(std::vector<std::string> cells);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // Title line and rows, each with a line end. `indent` spaces before each.
    [[nodiscard]] std::string text(std::size_t indent = 0) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

[[nodiscard]] std::size_t display_width(std::string_view utf8);

// "0 B", "999 B", "1.4 KiB", "12.0 MiB", "3.2 GiB".
[[nodiscard]] std::string human_size(std::uint64_t bytes);
// "1,234,567".
[[nodiscard]] std::string human_count(std::uint64_t number);
// "850 µs", "12 ms", "3.2 s", "4m 10s", "2h 05m", "3d 04h".
[[nodiscard]] std::string human_duration(std::chrono::microseconds duration);
// "71.3 MB/s" from bytes and the time they took; "-" if no time passed. Decimal, as in data sheets.
[[nodiscard]] std::string human_rate(std::uint64_t bytes, std::chrono::microseconds took);
// "38.5 %" of `whole`; "-" if whole is 0.
[[nodiscard]] std::string human_percent(std::uint64_t part, std::uint64_t whole);

} // namespace dcmflow::cli
