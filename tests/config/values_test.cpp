// Durations, sizes, AE titles, peers and networks as text.
#include "pipeline/config/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using namespace std::chrono_literals;

TEST(Values, Durations) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("15m"), 15min);
    EXPECT_EQ(parse_duration("12h"), 12h);
    EXPECT_EQ(parse_duration("7d"), 7 * 24h);
    EXPECT_EQ(parse_duration("0"), 0ms);
    EXPECT_EQ(parse_duration("0s"), 0ms);
    EXPECT_EQ(parse_duration("36500d"), 36500 * 24h);
    for (const auto* bad :
         {"", "30", "s", "-1s", "+1s", "1.5h", "30 s", " 30s", "30s ", "30S", "1h30m", "30sec",
          "1w", "36501d", "99999999999999999999d", "18446744073709551615ms", "0x10s", "١s"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Values, Sizes) {
    EXPECT_EQ(parse_size("0"), 0U);
    EXPECT_EQ(parse_size("1000"), 1000U);
    EXPECT_EQ(parse_size("1000B"), 1000U);
    EXPECT_EQ(parse_size("1KiB"), 1024U);
    EXPECT_EQ(parse_size("512MiB"), 512ULL << 20);
    EXPECT_EQ(parse_size("50GiB"), 50ULL << 30);
    EXPECT_EQ(parse_size("3TiB"), 3ULL << 40);
    EXPECT_EQ(parse_size("5kB"), 5000U);
    EXPECT_EQ(parse_size("5MB"), 5'000'000U);
    EXPECT_EQ(parse_size("5GB"), 5'000'000'000U);
    EXPECT_EQ(parse_size("5TB"), 5'000'000'000'000U);
    EXPECT_EQ(parse_size("4194304TiB"), 1ULL << 62);
    for (const auto* bad : {"", "B", "GiB", "-1", "1.5GiB", "2G", "2gib", "2 GiB", "4194305TiB",
                            "99999999999999999999", "18446744073709551615GiB", "1e9"})
        EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Values, AeTitles) {
    for (const auto* good :
         {"A", "ARCHIVE", "SIXTEEN_CHARS_OK", "with space", "a.b-c_d@e", "42", "null"})
        EXPECT_TRUE(is_ae_title(good)) << good;
    for (const auto* bad :
         {"", "SEVENTEEN_CHARS_X", " A", "A ", "A\\B", "A\tB", "A*", "A?", "größe"})
        EXPECT_FALSE(is_ae_title(bad)) << bad;
}

TEST(Values, Peers) {
    const auto peer = parse_dicom_target("ARCHIVE@10.0.0.5:104");
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->aet, "ARCHIVE");
    EXPECT_EQ(peer->host, "10.0.0.5");
    EXPECT_EQ(peer->port, 104);
    const auto v6 = parse_dicom_target("A@B@[fd00::5]:11112");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->aet, "A@B");
    EXPECT_EQ(v6->host, "fd00::5");
    EXPECT_EQ(v6->port, 11112);
    EXPECT_EQ(parse_dicom_target("A@pacs-1.example.org:1")->host, "pacs-1.example.org");
    const auto fault = [](std::string_view text) {
        const auto target = parse_dicom_target(text);
        return target ? std::string("none") : target.error();
    };
    EXPECT_EQ(fault("ARCHIVE"), "there is no @ in it");
    EXPECT_EQ(fault("@h:104"), "'' is not an AE title");
    EXPECT_EQ(fault("A@h"), "there is no port");
    EXPECT_EQ(fault("A@h:"), "'' is not a port");
    EXPECT_EQ(fault("A@h:0"), "'0' is not a port");
    EXPECT_EQ(fault("A@h:65536"), "'65536' is not a port");
    EXPECT_EQ(fault("A@h:104 "), "'104 ' is not a port");
    EXPECT_EQ(fault("A@:104"), "'' is not a host name or address");
    EXPECT_EQ(fault("A@a b:104"), "'a b' is not a host name or address");
    EXPECT_EQ(fault("A@fd00::5:104"), "an IPv6 address goes in brackets");
    EXPECT_EQ(fault("A@[fd00::5:104"), "there is no IPv6 address in the brackets");
    EXPECT_EQ(fault("A@[10.0.0.5]:104"), "there is no IPv6 address in the brackets");
    EXPECT_EQ(fault("A@[fd00::5]"), "there is no port");
}

TEST(Values, Networks) {
    EXPECT_EQ(parse_network("10.1.2.3"), "10.1.2.3");
    EXPECT_EQ(parse_network("10.1.2.3/8"), "10.0.0.0/8");
    EXPECT_EQ(parse_network("10.1.2.255/31"), "10.1.2.254/31");
    EXPECT_EQ(parse_network("1.2.3.4/0"), "0.0.0.0/0");
    EXPECT_EQ(parse_network("1.2.3.4/32"), "1.2.3.4/32");
    EXPECT_EQ(parse_network("FD00:0::1/8"), "fd00::/8");
    EXPECT_EQ(parse_network("::1"), "::1");
    for (const auto* bad :
         {"", "10", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8",
          "fd00::/129", "host", "10.0.0.256", "10.0.0.0/255.0.0.0"})
        EXPECT_FALSE(parse_network(bad)) << bad;
}

TEST(Values, AllowEntries) {
    EXPECT_EQ(parse_allow("*")->aet, "*");
    EXPECT_EQ(parse_allow("*")->network, "");
    EXPECT_EQ(parse_allow("CT*")->aet, "CT*");
    EXPECT_EQ(parse_allow("M?_1@10.0.0.0/8")->aet, "M?_1");
    EXPECT_EQ(parse_allow("M?_1@10.0.0.0/8")->network, "10.0.0.0/8");
    EXPECT_EQ(parse_allow("*@fd00::/8")->network, "fd00::/8");
    for (const auto* bad : {"", "@10.0.0.0/8", "A@", "A@host", "SEVENTEEN_CHARS_X", "A\\B"})
        EXPECT_FALSE(parse_allow(bad)) << bad;
}

TEST(Values, Integers) {
    EXPECT_EQ(parse_integer("7", 0, 10), 7);
    EXPECT_EQ(parse_integer("007", 0, 10), 7);
    for (const auto* bad :
         {"", "-1", "+1", "11", "1.0", "0x1", "1e1", " 1", "1 ", "99999999999999999999", "yes"})
        EXPECT_FALSE(parse_integer(bad, 0, 10)) << bad;
}

} // namespace
} // namespace dcmflow
