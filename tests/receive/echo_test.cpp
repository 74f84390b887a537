// C-ECHO, also beside connections that say nothing.
#include "tests/receive/support.h"

#include <gtest/gtest.h>

namespace dcmflow::receive_test {
namespace {

TEST(Echo, OfARealTool) {
    if (!have_tool("echoscu"))
        GTEST_SKIP() << "echoscu (package dcmtk) is not installed";
    Site site;
    const auto ended = run(
        {"echoscu", "-aet", "PROBE", "-aec", "DCMFLOW", "127.0.0.1", std::to_string(site.port())});
    EXPECT_EQ(ended.code, 0) << ended.output;
    const auto line = site.log.wait_for("association_end");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->field("how"), "released");
    EXPECT_EQ(line->field("calling"), "PROBE");
    EXPECT_EQ(line->field("peer"), "127.0.0.1");
    EXPECT_EQ(line->field("echoes"), "1");
}

TEST(Echo, BesideSilentAndSlowConnections) {
    SiteOptions options;
    options.listen.max_associations = 4;
    Site site(options);
    std::vector<Peer> silent;
    for (int i = 0; i < 64; ++i) {
        silent.emplace_back(site.port());
        if (i % 2 == 0) // half of them begin to speak: more than there are places
            silent.back().send(Bytes{std::byte{1}, std::byte{0}});
    }
    ASSERT_TRUE(eventually([&] { return site.receiver->counters().connections >= 64; }));
    const auto begun = std::chrono::steady_clock::now();
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{verification, {implicit_le}}}));
    EXPECT_EQ(peer.echo().status, 0);
    EXPECT_TRUE(peer.release());
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begun);
    std::printf("C-ECHO beside 64 silent connections: %.1f ms\n",
                static_cast<double>(took.count()) / 1000);
    EXPECT_LT(took, seconds(1));
    EXPECT_EQ(site.receiver->counters().rejected, 0U);
}

TEST(Echo, OverIPv6AndAllInterfaces) {
    SiteOptions options;
    options.listen.address = "";
    Site site(options);
    Peer v4(site.port());
    ASSERT_TRUE(v4.associate({{verification, {implicit_le}}}));
    Peer v6(site.port(), "::1");
    if (v6.fd() < 0)
        GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(v6.associate({{verification, {implicit_le}}}));
    EXPECT_EQ(v6.echo().status, 0);
    EXPECT_TRUE(v6.release());
    EXPECT_EQ(site.log.wait_for("association_end")->field("peer"), "::1");
}

TEST(Echo, ManyInOneAssociationAndInOnePdu) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{verification, {explicit_le, implicit_le}}}));
    for (int i = 0; i < 100; ++i)
        ASSERT_EQ(peer.echo().status, 0);
    // Two whole messages in one P-DATA-TF, the first command in two fragments.
    const auto command = echo_rq(9);
    const std::span<const std::byte> bytes(command);
    peer.send(pdu(4, pdv(1, 1, bytes.first(10)) + pdv(1, 3, bytes.subspan(10)) + pdv(1, 3, bytes)));
    for (int i = 0; i < 2; ++i) {
        const auto response = peer.response();
        EXPECT_EQ(response.status, 0);
        EXPECT_EQ(response.message_id, 9);
        EXPECT_EQ(response.command, 0x8030);
    }
    EXPECT_TRUE(peer.release());
}

} // namespace
} // namespace dcmflow::receive_test
