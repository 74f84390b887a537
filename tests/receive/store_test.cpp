// C-STORE: what arrives is kept byte for byte, and answered with the truth.
#include "tests/receive/support.h"

#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"

#include <fstream>
#include <gtest/gtest.h>
#include <thread>

namespace dcmflow::receive_test {
namespace {

TEST(Store, ByteForByteAndDurable) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    const auto sent = object("1.2.3.10", 300'000);
    const auto response = peer.store(ct_class, "1.2.3.10", sent);
    EXPECT_EQ(response.status, 0);
    EXPECT_EQ(response.command, 0x8001);
    const auto rows = site.rows();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(site.data_set(rows[0]), sent);
    EXPECT_EQ(rows[0].instance.sop_instance_uid, "1.2.3.10");
    EXPECT_EQ(rows[0].instance.study_instance_uid, "1.2.3.1");
    EXPECT_EQ(rows[0].instance.patient_id, "ID42");
    EXPECT_EQ(rows[0].instance.bytes, sent.size());
    EXPECT_EQ(rows[0].instance.digest, digest_of(sent));
    EXPECT_EQ(rows[0].instance.transfer_syntax_uid, explicit_le);
    EXPECT_EQ(rows[0].origin.calling_aet, "TESTSCU");
    EXPECT_EQ(rows[0].origin.peer_ip, "127.0.0.1");
    const auto view = site.spool->blobs().open(rows[0].instance.blob);
    ASSERT_TRUE(view);
    const auto meta = read_file_meta((*view)->bytes());
    ASSERT_TRUE(meta);
    EXPECT_EQ(meta->digest, rows[0].instance.digest);
    EXPECT_EQ(site.files("tmp"), 0U);
}

TEST(Store, SyntaxesAndClassesThatNobodyKnows) {
    Site site;
    const std::string private_class = "1.3.6.1.4.1.9590.100.1.0.100.4.0";
    const std::string private_syntax = "1.3.6.1.4.1.9590.99";
    const std::string retired_class = "1.2.840.10008.5.1.4.1.1.6"; // Ultrasound Image (retired)
    const std::string future_class = "1.2.840.10008.5.1.4.1.1.9999.7";
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {htj2k}},
                                {private_class, {private_syntax}},
                                {retired_class, {explicit_le}},
                                {future_class, {explicit_le}}}));
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(peer.context_result(i), 0) << i;
    const auto coded = encapsulated_object("1.2.3.20", 70'000);
    EXPECT_EQ(peer.store(ct_class, "1.2.3.20", coded, 1).status, 0);
    EXPECT_EQ(
        peer.store(private_class, "1.2.3.21", object("1.2.3.21", 100, 1, private_class), 3).status,
        0);
    EXPECT_EQ(
        peer.store(retired_class, "1.2.3.22", object("1.2.3.22", 100, 1, retired_class), 5).status,
        0);
    EXPECT_EQ(
        peer.store(future_class, "1.2.3.23", object("1.2.3.23", 100, 1, future_class), 7).status,
        0);
    const auto rows = site.rows();
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(site.data_set(rows[0]), coded);
    EXPECT_EQ(rows[0].instance.transfer_syntax_uid, htj2k);
    EXPECT_EQ(rows[1].instance.transfer_syntax_uid, private_syntax);
    EXPECT_EQ(rows[1].instance.sop_class_uid, private_class);
}

TEST(Store, SameUidAgain) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    EXPECT_EQ(peer.store(ct_class, "1.2.3.30", object("1.2.3.30", 500, 1)).status, 0);
    EXPECT_EQ(peer.store(ct_class, "1.2.3.30", object("1.2.3.30", 500, 1)).status, 0);
    EXPECT_EQ(site.rows().size(), 1U);
    EXPECT_EQ(site.intake->counters().duplicates, 1U);
    EXPECT_EQ(peer.store(ct_class, "1.2.3.30", object("1.2.3.30", 500, 2)).status, 0);
    EXPECT_EQ(site.rows().size(), 2U);
    EXPECT_EQ(site.intake->counters().versions, 1U);
    EXPECT_EQ(site.files("objects"), 2U);
}

TEST(Store, AnyFragmentation) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    int number = 0;
    for (const std::size_t fragment : {1U, 7U, 100U, 16'372U, 131'060U, 1'000'000U}) {
        const auto uid = "1.2.3.40." + std::to_string(++number);
        const auto sent =
            object(uid, fragment < 10 ? 200 : 400'000, static_cast<unsigned>(fragment));
        ASSERT_EQ(peer.store(ct_class, uid, sent, 1, fragment).status, 0) << fragment;
        EXPECT_EQ(site.data_set(site.rows().back()), sent) << fragment;
    }
    // Everything in a single P-DATA-TF, with empty fragments between.
    const auto sent = object("1.2.3.41", 1000);
    const std::span<const std::byte> bytes(sent);
    peer.send(pdu(4, pdv(1, 3, store_rq(ct_class, "1.2.3.41")) + pdv(1, 0, {}) +
                         pdv(1, 0, bytes.first(33)) + pdv(1, 0, bytes.subspan(33)) +
                         pdv(1, 2, {})));
    EXPECT_EQ(peer.response().status, 0);
    EXPECT_EQ(site.data_set(site.rows().back()), sent);
}

TEST(Store, ContradictionsAndWrongContext) {
    Site site;
    const std::string mr_class = "1.2.840.10008.5.1.4.1.1.4";
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}, {verification, {implicit_le}}}));
    auto response = peer.store(ct_class, "1.2.3.51", object("1.2.3.50"));
    EXPECT_EQ(response.status, 0xA900);
    EXPECT_NE(response.comment.find("SOP Instance UID"), std::string::npos) << response.comment;
    EXPECT_EQ(peer.store(ct_class, "1.2.3.52", object("1.2.3.52", 10, 0, mr_class)).status, 0xA900);
    EXPECT_EQ(peer.store(mr_class, "1.2.3.53", object("1.2.3.53", 10, 0, mr_class)).status, 0x0122);
    EXPECT_EQ(peer.store(ct_class, "1.2.3.54", object("1.2.3.54"), 3).status, 0x0122);
    EXPECT_EQ(peer.store(ct_class, "1.2.3.55", object("1.2.3.55")).status, 0)
        << "the association lives on";
    EXPECT_EQ(site.rows().size(), 1U);
    EXPECT_EQ(site.files("objects"), 1U);
    EXPECT_EQ(site.files("tmp"), 0U);
    for (const auto& line : site.log.lines("object_refused"))
        for (const auto& [key, value] : line.fields)
            EXPECT_EQ(value.find("Secret"), std::string::npos) << key;
}

TEST(Store, TheDecisionIsMadeByTheRules) {
    SiteOptions options;
    rules::Rule rule;
    rule.name = "all";
    rule.send = {"archive", "viewer"};
    options.rules = {rule};
    Site site(options);
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    EXPECT_EQ(peer.store(ct_class, "1.2.3.60", object("1.2.3.60")).status, 0);
    const auto queue = site.spool->journal().query({});
    ASSERT_TRUE(queue);
    ASSERT_EQ(queue->size(), 2U);
    EXPECT_EQ((*queue)[0].delivery.destination, "archive");
    EXPECT_EQ((*queue)[0].row.matched_rules, std::vector<std::string>{"all"});
}

TEST(Store, SixteenSendersAtOnce) {
    Site site;
    constexpr int senders = 16, each = 12;
    std::vector<std::thread> threads;
    std::atomic<int> stored{0};
    for (int sender = 0; sender < senders; ++sender)
        threads.emplace_back([&, sender] {
            Peer peer(site.port());
            if (!peer.associate({{ct_class, {explicit_le}}}, "SCU" + std::to_string(sender)))
                return;
            for (int i = 0; i < each; ++i) {
                const auto uid = "1.2.4." + std::to_string(sender) + "." + std::to_string(i);
                if (peer.store(ct_class, uid, object(uid, 50'000)).status == 0)
                    ++stored;
            }
            (void)peer.release();
        });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(stored, senders * each);
    const auto rows = site.rows();
    EXPECT_EQ(rows.size(), static_cast<std::size_t>(senders * each));
    for (const auto& row : rows)
        EXPECT_EQ(site.data_set(row), object(row.instance.sop_instance_uid, 50'000));
    EXPECT_TRUE(eventually([&] { return site.receiver->counters().associations_open == 0; }));
}

} // namespace
} // namespace dcmflow::receive_test
