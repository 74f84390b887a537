// Who may enter: AE titles with wildcards, IPv4 and IPv6 networks.
#include "pipeline/receive/allow_list.h"

#include <arpa/inet.h>
#include <cstring>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace dcmflow::scp {
namespace {

PeerIp ip(const std::string& text) {
    sockaddr_storage storage{};
    if (text.find(':') == std::string::npos) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        v4->sin_family = AF_INET;
        EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &v4->sin_addr), 1);
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
        v6->sin6_family = AF_INET6;
        EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr), 1);
    }
    return PeerIp::from(storage);
}

AllowList list(const std::vector<AllowEntry>& entries) {
    auto parsed = AllowList::parse(entries);
    EXPECT_TRUE(parsed) << parsed.error().text;
    return std::move(*parsed);
}

TEST(AllowList, NetworksOfBothFamilies) {
    struct Case {
        std::string network, peer;
        bool inside;
    };
    const Case cases[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.1.2.0/23", "10.1.3.9", true},
        {"10.1.2.0/23", "10.1.4.0", false},
        {"10.1.2.130/25", "10.1.2.128", true},
        {"10.1.2.130/25", "10.1.2.127", false},
        {"0.0.0.0/0", "200.1.1.1", true},
        {"0.0.0.0/0", "fd00::1", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        {"", "10.1.2.3", true},
        {"", "fd00::1", true},
        {"10.0.0.0/8", "::ffff:10.0.0.7", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
    };
    for (const auto& [network, peer, inside] : cases)
        EXPECT_EQ(list({{"*", network}}).may_connect(ip(peer)), inside) << network << " " << peer;
}

TEST(AllowList, TitleAndNetworkGoTogether) {
    const auto allow = list({{"CT*", "10.0.0.0/8"}, {"MR?", "192.168.1.1"}});
    EXPECT_TRUE(allow.may_associate("CT1", ip("10.1.1.1")));
    EXPECT_TRUE(allow.may_associate("MR1", ip("192.168.1.1")));
    EXPECT_FALSE(allow.may_associate("MR1", ip("10.1.1.1")));
    EXPECT_FALSE(allow.may_associate("CT1", ip("192.168.1.1")));
    EXPECT_FALSE(allow.may_associate("ct1", ip("10.1.1.1")));
    EXPECT_FALSE(allow.may_associate("MR12", ip("192.168.1.1")));
    EXPECT_FALSE(allow.may_connect(ip("192.168.1.2")));
}

TEST(AllowList, MistakesAreNamed) {
    for (const std::string bad : {"10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/",
                                  "10.0.0.0/-1", "host", "/8", "10.0.0.0/8x"}) {
        const std::vector<AllowEntry> entries{{"CT", bad}};
        const auto parsed = AllowList::parse(entries);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_NE(parsed.error().text.find("CT@" + bad), std::string::npos) << parsed.error().text;
    }
    EXPECT_FALSE(AllowList::parse({}));
}

TEST(AllowList, Wildcards) {
    EXPECT_TRUE(matches_wildcards("*", ""));
    EXPECT_TRUE(matches_wildcards("A*B*C", "AxxBxBxC"));
    EXPECT_FALSE(matches_wildcards("A*B*C", "AxxBxBx"));
    EXPECT_TRUE(matches_wildcards("??", "ab"));
    EXPECT_FALSE(matches_wildcards("?", ""));
    EXPECT_FALSE(matches_wildcards("", "a"));
    EXPECT_TRUE(matches_wildcards("**a", "aaaa"));
    EXPECT_FALSE(matches_wildcards("*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaa"));
}

TEST(AllowList, TextOfAddresses) {
    EXPECT_EQ(ip("10.0.0.7").text(), "10.0.0.7");
    EXPECT_EQ(ip("::ffff:10.0.0.7").text(), "10.0.0.7");
    EXPECT_EQ(ip("fd00::1").text(), "fd00::1");
}

} // namespace
} // namespace dcmflow::scp
