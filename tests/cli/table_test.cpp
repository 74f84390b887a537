// Tables and numbers as people read them.
#include "pipeline/cli/table.h"

#include <gtest/gtest.h>

namespace dcmflow::cli {
namespace {

using namespace std::chrono_literals;

TEST(Table, AlignsColumnsAndLeavesNoSpaceAtTheEnd) {
    Table table({{"name"}, {"bytes", Align::right}, {"what"}});
    table.row({"archive", "1.4 GiB", "up"}).row({"v", "3 B"}).row({"", "12.0 MiB", "throttled"});
    EXPECT_EQ(table.text(2), "  name        bytes  what\n"
                             "  archive   1.4 GiB  up\n"
                             "  v             3 B\n"
                             "           12.0 MiB  throttled\n");
    EXPECT_EQ(Table({{"a"}, {"b"}}).text(), "a  b\n");
}

TEST(Table, CountsWhatATerminalShows) {
    EXPECT_EQ(display_width("Müller"), 6U);
    EXPECT_EQ(display_width("Mu\xCC\x88ller"), 6U); // u and a combining diaeresis
    EXPECT_EQ(display_width("山田^太郎"), 9U);
    EXPECT_EQ(display_width("김희중"), 6U);
    EXPECT_EQ(display_width("\xFF\xFE"), 2U); // not UTF-8
    EXPECT_EQ(display_width("\xE5\xB1"), 2U); // cut short
    EXPECT_EQ(display_width(""), 0U);
    Table table({{"patient"}, {"n", Align::right}});
    table.row({"山田", "1"}).row({"Müller", "22"});
    EXPECT_EQ(table.text(), "patient   n\n山田      1\nMüller   22\n");
}

TEST(Table, Sizes) {
    EXPECT_EQ(human_size(0), "0 B");
    EXPECT_EQ(human_size(1023), "1023 B");
    EXPECT_EQ(human_size(1024), "1.0 KiB");
    EXPECT_EQ(human_size(1024 * 1024 - 1), "1.0 MiB"); // never "1024.0 KiB"
    EXPECT_EQ(human_size(1'503'238'554), "1.4 GiB");
    EXPECT_EQ(human_size(std::uint64_t{5} << 40), "5.0 TiB");
    EXPECT_EQ(human_size(UINT64_MAX), "16.0 EiB");
}

TEST(Table, CountsDurationsRatesAndShares) {
    EXPECT_EQ(human_count(0), "0");
    EXPECT_EQ(human_count(999), "999");
    EXPECT_EQ(human_count(1'000), "1,000");
    EXPECT_EQ(human_count(1'234'567), "1,234,567");
    EXPECT_EQ(human_duration(850us), "850 µs");
    EXPECT_EQ(human_duration(12'700us), "12 ms");
    EXPECT_EQ(human_duration(3'250ms), "3.2 s");
    EXPECT_EQ(human_duration(250s), "4m 10s");
    EXPECT_EQ(human_duration(7'500s), "2h 05m");
    EXPECT_EQ(human_duration(76h), "3d 04h");
    EXPECT_EQ(human_duration(-1s), "0 µs");
    EXPECT_EQ(human_rate(71'300'000, 1s), "71.3 MB/s");
    EXPECT_EQ(human_rate(1, 0s), "-");
    EXPECT_EQ(human_percent(1, 3), "33.3 %");
    EXPECT_EQ(human_percent(1, 0), "-");
}

} // namespace
} // namespace dcmflow::cli
