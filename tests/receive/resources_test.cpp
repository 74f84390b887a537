// Out of space: A700, the association lives on, nothing half is left, and service resumes.
#include "tests/receive/support.h"

#include <gtest/gtest.h>

namespace dcmflow::receive_test {
namespace {

TEST(Resources, QuotaBeforeTheObject) {
    SiteOptions options;
    options.quota = 4096; // not even the first admission
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    const auto response = peer.store(ct_class, "1.2.8.1", object("1.2.8.1", 200'000));
    EXPECT_EQ(response.status, 0xA700);
    EXPECT_FALSE(response.comment.empty());
    EXPECT_EQ(peer.store(ct_class, "1.2.8.2", object("1.2.8.2", 200'000)).status, 0xA700)
        << "the association lives on";
    EXPECT_TRUE(peer.release());
    EXPECT_TRUE(site.rows().empty());
    EXPECT_EQ(site.files("tmp") + site.files("objects"), 0U);
    EXPECT_EQ(site.receiver->counters().objects_refused, 2U);
    EXPECT_EQ(site.log.wait_for("object_refused")->field("status"), "A700");
}

TEST(Resources, QuotaInTheMiddleOfAnObject) {
    SiteOptions options;
    options.quota = 3 << 20;
    options.intake.admit_step = 64 << 10;
    Site site(options);
    const auto large = object("1.2.8.3", 8 << 20);
    const auto small = object("1.2.8.4", 100'000);
    const std::span<const std::byte> bytes(large);
    Peer peer(site.port()), other(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    ASSERT_TRUE(other.associate({{ct_class, {explicit_le}}}));
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.8.3"))) +
              pdu(4, pdv(1, 0, bytes.first(4 << 20))));
    // The spool looks at its usage now and then: from here on it knows that it is full.
    ASSERT_TRUE(
        eventually([&] { return other.store(ct_class, "1.2.8.4", small).status == 0xA700; }));
    peer.send(pdu(4, pdv(1, 2, bytes.subspan(4 << 20))));
    const auto response = peer.response();
    EXPECT_EQ(response.status, 0xA700);
    EXPECT_EQ(response.comment.find(site.folder.path().native()), std::string::npos)
        << "no paths for strangers";
    EXPECT_EQ(site.files("tmp"), 0U);
    // What fits is taken again.
    EXPECT_TRUE(eventually(
        [&] { return other.store(ct_class, "1.2.8.5", object("1.2.8.5", 1000)).status == 0; }));
    for (const auto& row : site.rows())
        EXPECT_NE(row.instance.sop_instance_uid, "1.2.8.3");
}

TEST(Resources, AnObjectAboveTheCeiling) {
    SiteOptions options;
    options.intake.scan.object_bytes = 1 << 20;
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    const auto response = peer.store(ct_class, "1.2.8.5", object("1.2.8.5", 2 << 20));
    EXPECT_EQ(response.status, 0xC000 + static_cast<int>(ScanFault::object_too_large))
        << response.comment;
    EXPECT_EQ(peer.store(ct_class, "1.2.8.6", object("1.2.8.6")).status, 0);
}

TEST(Resources, TheQuarantineIsCapped) {
    SiteOptions options;
    options.intake.quarantine_files = 3;
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    for (int i = 0; i < 6; ++i) {
        auto broken = object("1.2.8.7." + std::to_string(i), 5000);
        broken.resize(3000);
        EXPECT_EQ(peer.store(ct_class, "1.2.8.7." + std::to_string(i), broken).status & 0xFF00,
                  0xC000);
    }
    EXPECT_EQ(site.intake->counters().quarantined, 3U);
    EXPECT_EQ(site.intake->counters().unreadable, 6U);
    EXPECT_EQ(site.log.lines("quarantine_full").size(), 3U);
    EXPECT_EQ(site.files("tmp") + site.files("objects"), 0U);
}

} // namespace
} // namespace dcmflow::receive_test
