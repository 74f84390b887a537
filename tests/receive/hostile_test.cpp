// Peers that mean harm: the receiver answers or hangs up, keeps nothing of it, and serves the next
// one.
#include "tests/receive/support.h"

#include <gtest/gtest.h>
#include <random>
#include <sys/socket.h>

namespace dcmflow::receive_test {
namespace {

const std::vector<Proposal> for_ct{{ct_class, {explicit_le}}};

Bytes text(std::string_view bytes) {
    const auto view = std::as_bytes(std::span(bytes));
    return {view.begin(), view.end()};
}

void expect_alive(Site& site) {
    static int number = 0;
    const auto uid = "1.2.7." + std::to_string(++number);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    EXPECT_EQ(peer.store(ct_class, uid, object(uid)).status, 0);
    EXPECT_TRUE(peer.release());
}

// Abort or close, whichever; not an answer, and not silence.
void expect_hung_up(Peer& peer, const std::string& what) {
    auto got = peer.read();
    EXPECT_TRUE(got.type == 7 || got.type == 0) << what << ": PDU " << int{got.type};
    if (got.type == 7) {
        EXPECT_EQ(peer.read().type, 0) << what;
    }
}

TEST(Hostile, FirstPdus) {
    Site site;
    auto cut = associate_rq(for_ct);
    cut[5] = std::byte{60}; // a length below the fixed fields
    cut[4] = std::byte{0};
    auto even_id = associate_rq(for_ct);
    even_id[6 + 68 + 25 + 4] = std::byte{2};
    auto long_item = associate_rq(for_ct);
    long_item[6 + 68 + 2] = std::byte{0xFF};
    auto twice = associate_rq(for_ct);
    const auto contexts = associate_rq({{ct_class, {explicit_le}}, {ct_class, {explicit_le}}});
    auto same_id = contexts;
    for (std::size_t i = 6 + 68 + 25; i + 5 < same_id.size(); ++i)
        if (same_id[i] == std::byte{0x20} && same_id[i + 4] == std::byte{3})
            same_id[i + 4] = std::byte{1};
    const std::vector<std::pair<std::string, Bytes>> cases{
        {"HTTP", text("GET / HTTP/1.1\r\n\r\n")},
        {"TLS", Bytes{std::byte{0x16}, std::byte{3}, std::byte{1}, std::byte{2}, std::byte{0}}},
        {"P-DATA first", pdu(4, pdv(1, 3, echo_rq()))},
        {"release first", pdu(5, Bytes(4))},
        {"4 GiB request", Bytes{std::byte{1}, std::byte{0}, std::byte{0xFF}, std::byte{0xFF},
                                std::byte{0xFF}, std::byte{0xFF}}},
        {"2 MiB request", pdu(1, Bytes(2U << 20))},
        {"short request", cut},
        {"even context ID", even_id},
        {"item past its end", long_item},
        {"no context", associate_rq({})},
        {"context ID twice", same_id},
        {"nothing but zeros", pdu(1, Bytes(500))},
    };
    for (const auto& [what, bytes] : cases) {
        Peer peer(site.port());
        peer.send(bytes);
        const auto got = peer.read();
        EXPECT_TRUE(got.type == 7 || got.type == 0 || got.type == 3)
            << what << ": PDU " << int{got.type};
    }
    EXPECT_EQ(site.receiver->counters().associations, 0U);
    expect_alive(site);
}

TEST(Hostile, TenThousandContexts) {
    Site site;
    std::vector<Proposal> proposals(10'000, Proposal{ct_class, {explicit_le}});
    Peer peer(site.port());
    peer.send(associate_rq(proposals)); // IDs run over
    expect_hung_up(peer, "10,000 contexts");
    expect_alive(site);
}

TEST(Hostile, PdusInsideAnAssociation) {
    const auto nested = [] { // a command set of nested sequences: DCMTK's reader would recurse
        Bytes out;
        for (int i = 0; i < 5000; ++i) {
            test::DataSetBytes level(test::implicit_le);
            level.u16(8).u16(0x1140).u32(0xFFFFFFFF).item(0xFFFFFFFF);
            out = std::move(out) + level.bytes();
        }
        return out;
    };
    const auto rq = store_rq(ct_class, "1.2.7.9.1");
    auto pdv_too_long = pdu(4, pdv(1, 3, rq));
    pdv_too_long[8] = std::byte{0x7F};
    auto pdv_too_short = pdu(4, pdv(1, 3, rq));
    pdv_too_short[9] = std::byte{1};
    const std::vector<std::pair<std::string, Bytes>> cases{
        {"unknown PDU", pdu(9, Bytes(10))},
        {"second request", associate_rq(for_ct)},
        {"accept", pdu(2, Bytes(100))},
        {"release reply", pdu(6, Bytes(4))},
        {"P-DATA of 4 GiB", Bytes{std::byte{4}, std::byte{0}, std::byte{0xFF}, std::byte{0xFF},
                                  std::byte{0xFF}, std::byte{0xFF}}},
        {"PDV longer than its PDU", pdv_too_long},
        {"PDV shorter than its header", pdv_too_short},
        {"PDU ends in a PDV header", pdu(4, Bytes(3))},
        {"context not accepted", pdu(4, pdv(3, 3, rq))},
        {"data set without command", pdu(4, pdv(1, 2, object("1.2.7.9.1")))},
        {"command inside data set", pdu(4, pdv(1, 3, rq)) + pdu(4, pdv(1, 3, rq))},
        {"data set inside command", pdu(4, pdv(1, 1, rq)) + pdu(4, pdv(1, 2, object("1.2.7.9.1")))},
        {"empty command", pdu(4, pdv(1, 3, {}))},
        {"command of noise", pdu(4, pdv(1, 3, object("1.2.7.9.1")))},
        {"command without an ID", pdu(4, pdv(1, 3, command_number(0x0100, 1)))},
        {"message ID of four bytes",
         pdu(4, pdv(1, 3, command_number(0x0100, 1) + command_element(0x0110, "abcd")))},
        {"element longer than the set",
         pdu(4, pdv(1, 3,
                    Bytes{std::byte{0}, std::byte{0}, std::byte{2}, std::byte{0}, std::byte{0xFF},
                          std::byte{0xFF}, std::byte{0xFF}, std::byte{0x7F}}))},
        {"nested command", pdu(4, pdv(1, 3, nested()))},
        {"a response",
         pdu(4, pdv(1, 3, command_number(0x0100, 0x8001) + command_number(0x0110, 1)))},
        {"store without data set",
         pdu(4, pdv(1, 3,
                    command_number(0x0100, 1) + command_number(0x0110, 1) +
                        command_number(0x0800, 0x0101)))},
        {"release in mid-message", pdu(4, pdv(1, 3, rq)) + pdu(5, Bytes(4))},
    };
    Site site;
    for (const auto& [what, bytes] : cases) {
        Peer peer(site.port());
        ASSERT_TRUE(peer.associate(for_ct)) << what;
        peer.send(bytes);
        expect_hung_up(peer, what);
    }
    EXPECT_TRUE(site.rows().empty());
    EXPECT_TRUE(eventually([&] { return site.files("tmp") + site.files("objects") == 0; }));
    expect_alive(site);
}

TEST(Hostile, AnEndlessCommand) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    for (int i = 0; i < 100; ++i)
        peer.send(pdu(4, pdv(1, 1, command_element(0x0001, std::string(1000, 'x')))));
    expect_hung_up(peer, "endless command");
}

TEST(Hostile, UidsThatAreNone) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    for (const std::string& uid :
         {std::string("../../etc/passwd"), std::string(""), std::string(100, '1'),
          std::string("1.2.3\0.4", 8), std::string("1.2;rm")}) {
        const auto response = peer.store(ct_class, uid, object("1.2.7.20"));
        EXPECT_EQ(response.status, 0xC00B) << uid;
    }
    EXPECT_EQ(peer.store(ct_class, "1.2.7.21", object("not a uid")).status, 0xC00B);
    EXPECT_EQ(peer.store(ct_class, "1.2.7.22", object("1.2.7.22")).status, 0);
    EXPECT_EQ(site.rows().size(), 1U);
}

TEST(Hostile, DeepNestingAndOtherUnreadableObjects) {
    Site site;
    test::DataSetBytes deep;
    deep.element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")
        .element(0x00080018, "UI", "1.2.7.30");
    for (int i = 0; i < 20'000; ++i)
        deep.header(0x00081140, "SQ", test::undefined_length).item(test::undefined_length);
    auto truncated = object("1.2.7.31", 5000);
    truncated.erase(truncated.end() - 100, truncated.end());
    Peer peer(site.port());
    ASSERT_TRUE(
        peer.associate({{ct_class, {explicit_le}}, {ct_class, {"1.2.840.10008.1.2.1.99"}}}));
    const auto response = peer.store(ct_class, "1.2.7.30", deep.bytes());
    EXPECT_EQ(response.status, 0xC000 + static_cast<int>(ScanFault::too_deep)) << response.comment;
    EXPECT_EQ(peer.store(ct_class, "1.2.7.31", truncated).status & 0xFF00, 0xC000);
    EXPECT_EQ(peer.store(ct_class, "1.2.7.32", text("this is no data set at all")).status & 0xFF00,
              0xC000);
    EXPECT_EQ(peer.store(ct_class, "1.2.7.33", {}).status & 0xFF00, 0xC000);
    EXPECT_EQ(peer.store(ct_class, "1.2.7.34", object("1.2.7.34"), 3).status, 0xC00C)
        << "not deflated";
    EXPECT_TRUE(site.rows().empty());
    EXPECT_EQ(site.files("objects"), 0U);
    EXPECT_EQ(site.intake->counters().quarantined, 5U)
        << "the bytes are kept for people to look at";
    EXPECT_GE(site.files("quarantine"), 5U);
    expect_alive(site);
}

TEST(Hostile, RandomDamage) {
    Site site;
    std::minstd_rand random(20261125);
    const auto good = associate_rq(for_ct);
    const auto store = pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.7.40"))) +
                       pdu(4, pdv(1, 2, object("1.2.7.40", 3000)));
    for (int round = 0; round < 300; ++round) {
        auto request = good;
        auto message = store;
        auto& victim = round % 2 == 0 ? request : message;
        for (unsigned i = 0, flips = 1 + random() % 4; i < flips; ++i)
            victim[random() % victim.size()] = static_cast<std::byte>(random() >> 8);
        Peer peer(site.port());
        peer.send(request + message);
        shutdown(peer.fd(), SHUT_WR); // whatever came, that was all
        for (int reads = 0; reads < 10; ++reads)
            if (const auto got = peer.read(); got.type == 0 || got.type == 255) {
                EXPECT_EQ(got.type, 0) << round;
                break;
            }
    }
    EXPECT_TRUE(eventually([&] { return site.receiver->counters().associations_open == 0; }));
    expect_alive(site);
}

TEST(Hostile, AbortInMidTransferLeavesNothing) {
    Site site;
    for (const bool politely : {true, false}) {
        Peer peer(site.port());
        ASSERT_TRUE(peer.associate(for_ct));
        const auto before = site.receiver->counters().bytes.load();
        peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.7.50"))) +
                  pdu(4, pdv(1, 0, object("1.2.7.50", 500'000))));
        ASSERT_TRUE(eventually([&] { return site.receiver->counters().bytes > before + 400'000; }));
        if (politely)
            peer.send(pdu(7, Bytes(4)));
        peer.close();
    }
    EXPECT_TRUE(site.log.wait_for("association_end", 2));
    EXPECT_TRUE(site.rows().empty());
    EXPECT_EQ(site.files("tmp") + site.files("objects"), 0U);
    expect_alive(site);
}

TEST(Hostile, MoreSilentConnectionsThanAreKept) {
    SiteOptions options;
    options.dimse.pending = 16;
    Site site(options);
    std::vector<Peer> silent;
    for (int i = 0; i < 50; ++i)
        silent.emplace_back(site.port());
    EXPECT_EQ(silent.front().read().type, 0) << "the oldest is dropped";
    EXPECT_EQ(silent.back().read(milliseconds(50)).type, 255) << "the newest is not";
    expect_alive(site);
}

} // namespace
} // namespace dcmflow::receive_test
