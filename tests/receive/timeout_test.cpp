// Every wait ends: silence, half a PDU, a trickle, an answer that nobody takes, a stop.
#include "tests/receive/support.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>

namespace dcmflow::receive_test {
namespace {

const std::vector<Proposal> for_ct{{ct_class, {explicit_le}}};

SiteOptions hasty() {
    SiteOptions options;
    options.dimse.times = {.artim = milliseconds(300),
                           .idle = milliseconds(400),
                           .progress_window = milliseconds(300),
                           .progress_bytes = 1000,
                           .write = milliseconds(500),
                           .release_grace = milliseconds(200)};
    return options;
}

std::string end_of(Site& site) {
    const auto line = site.log.wait_for("association_end");
    return line ? line->field("how") : "it did not end";
}

TEST(Timeout, AConnectionThatSaysNothing) {
    Site site(hasty());
    Peer silent(site.port()), half(site.port());
    auto request = associate_rq(for_ct);
    request.resize(request.size() / 2);
    half.send(request);
    EXPECT_EQ(silent.read().type, 0);
    EXPECT_EQ(half.read().type, 0);
    EXPECT_EQ(site.receiver->counters().connections_refused, 2U);
    EXPECT_EQ(site.receiver->counters().associations, 0U);
}

TEST(Timeout, AnIdleAssociationIsAborted) {
    Site site(hasty());
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    EXPECT_EQ(peer.store(ct_class, "1.2.6.1", object("1.2.6.1")).status, 0);
    EXPECT_EQ(peer.read().type, 7);
    EXPECT_EQ(end_of(site), "nothing came for 400 ms");
    EXPECT_EQ(site.rows().size(), 1U);
}

TEST(Timeout, HalfAPduAndSilence) {
    Site site(hasty());
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    auto data = pdu(4, pdv(1, 0, object("1.2.6.2", 60'000)));
    data.resize(data.size() / 2);
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.6.2"))) + data);
    EXPECT_EQ(peer.read().type, 7);
    EXPECT_EQ(end_of(site), "less than 1000 bytes of a message in 300 ms");
    EXPECT_TRUE(site.rows().empty());
    EXPECT_TRUE(eventually([&] { return site.files("tmp") + site.files("objects") == 0; }));
}

TEST(Timeout, ATrickleIsNotProgress) {
    Site site(hasty());
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.6.3"))));
    // Whole PDUs of one byte each: no PDU is ever half read, and still nothing gets on.
    const auto sent = object("1.2.6.3", 900);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        peer.send(pdu(4, pdv(1, 0, std::span<const std::byte>(sent).subspan(i, 1))));
        if (peer.read(milliseconds(20)).type != 255)
            break;
    }
    EXPECT_NE(end_of(site).find("less than 1000 bytes"), std::string::npos);
    EXPECT_TRUE(site.rows().empty());
}

TEST(Timeout, SlowButSteadyIsFine) {
    auto options = hasty();
    options.dimse.times.progress_bytes = 100;
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    const auto sent = object("1.2.6.4", 2000);
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.6.4"))));
    const auto whole = pdu(4, pdv(1, 2, sent));
    for (std::size_t at = 0; at < whole.size();
         at += 150) { // together longer than any of the limits
        const auto part = std::min<std::size_t>(150, whole.size() - at);
        peer.send({whole.begin() + static_cast<std::ptrdiff_t>(at),
                   whole.begin() + static_cast<std::ptrdiff_t>(at + part)});
        if (at + part < whole.size()) {
            ASSERT_EQ(peer.read(milliseconds(50)).type, 255);
        }
    }
    EXPECT_EQ(peer.response().status, 0);
}

TEST(Timeout, APeerThatDoesNotTakeAnswers) {
    Site site(hasty());
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    Bytes many;
    for (int i = 0; i < 1000; ++i)
        many = std::move(many) + pdu(4, pdv(1, 3, echo_rq()));
    std::thread sender([&] {
        while (site.receiver->counters().associations_open > 0)
            peer.send(many);
    });
    EXPECT_TRUE(site.log.wait_for("association_end"));
    shutdown(peer.fd(), SHUT_RDWR);
    sender.join();
    EXPECT_EQ(end_of(site), "the peer does not take our answers");
}

TEST(Timeout, StopBreaksOffTheIdleOnes) {
    auto options = hasty();
    options.dimse.times.idle = seconds(3600);
    Site site(options);
    Peer peer(site.port()), silent(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    const auto port = site.port();
    site.receiver->stop(std::chrono::steady_clock::now() + seconds(60));
    EXPECT_EQ(peer.read().type, 7);
    EXPECT_EQ(silent.read().type, 0);
    EXPECT_EQ(end_of(site), "the receiver stopped");
    EXPECT_LT(Peer(port).fd(), 0) << "nobody listens any more";
    EXPECT_TRUE(site.receiver->start()) << "and it can be started again";
}

TEST(Timeout, StopLetsAnObjectInHandArrive) {
    auto options = hasty();
    options.dimse.times.progress_window = options.dimse.times.idle = seconds(3600);
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    const auto sent = object("1.2.6.5", 60'000);
    const std::span<const std::byte> bytes(sent);
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.6.5"))) +
              pdu(4, pdv(1, 0, bytes.first(1000))));
    ASSERT_TRUE(eventually([&] { return site.receiver->counters().bytes >= 1000; }));
    std::thread stopper(
        [&] { site.receiver->stop(std::chrono::steady_clock::now() + seconds(60)); });
    EXPECT_TRUE(eventually([&] { return Peer(site.port()).fd() < 0; }));
    peer.send(pdu(4, pdv(1, 2, bytes.subspan(1000))));
    EXPECT_EQ(peer.response().status, 0);
    EXPECT_EQ(peer.read().type, 7) << "no further message";
    stopper.join();
    ASSERT_EQ(site.rows().size(), 1U);
    EXPECT_EQ(site.data_set(site.rows()[0]), sent);
}

TEST(Timeout, StopBreaksOffAtTheDeadline) {
    auto options = hasty();
    options.dimse.times.progress_window = options.dimse.times.idle = seconds(3600);
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(for_ct));
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.6.6"))) +
              pdu(4, pdv(1, 0, object("1.2.6.6"))));
    ASSERT_TRUE(eventually([&] { return site.receiver->counters().bytes > 0; }));
    site.receiver->stop(std::chrono::steady_clock::now() + milliseconds(100));
    EXPECT_EQ(end_of(site), "the receiver stopped in the middle of a message");
    EXPECT_EQ(peer.read().type, 7);
    EXPECT_TRUE(site.rows().empty());
    EXPECT_EQ(site.files("tmp") + site.files("objects"), 0U);
}

} // namespace
} // namespace dcmflow::receive_test
