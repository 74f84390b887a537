// Who gets an association, and how the others are told.
#include "tests/receive/support.h"

#include <gtest/gtest.h>

namespace dcmflow::receive_test {
namespace {

const std::vector<Proposal> for_ct{{ct_class, {explicit_le}}};

Bytes reasons(const Pdu& rejection) { // result, source, reason
    return {rejection.body.begin() + 1, rejection.body.end()};
}
Bytes bytes(int result, int source, int reason) {
    return {static_cast<std::byte>(result), static_cast<std::byte>(source),
            static_cast<std::byte>(reason)};
}

TEST(Admission, CallingTitleNotInTheList) {
    SiteOptions options;
    options.listen.allow = {{"CT*", "127.0.0.0/8"}, {"*", "10.0.0.0/8"}};
    Site site(options);
    Peer wrong(site.port());
    EXPECT_FALSE(wrong.associate(for_ct, "MR1"));
    ASSERT_EQ(wrong.answer.type, 3);
    EXPECT_EQ(reasons(wrong.answer), bytes(1, 1, 3));
    EXPECT_EQ(wrong.read().type, 0) << "and the connection is closed";
    Peer right(site.port());
    EXPECT_TRUE(right.associate(for_ct, "CT1"));
    const auto line = site.log.wait_for("association_rejected");
    ASSERT_TRUE(line);
    EXPECT_NE(line->field("why").find("MR1"), std::string::npos);
}

TEST(Admission, NetworkNotInTheList) {
    SiteOptions options;
    options.listen.allow = {{"*", "10.0.0.0/8"}};
    Site site(options);
    Peer peer(site.port());
    EXPECT_FALSE(peer.associate(for_ct));
    EXPECT_EQ(peer.answer.type, 0) << "closed without a word";
    EXPECT_TRUE(site.log.wait_for("connection_refused"));
    EXPECT_EQ(site.receiver->counters().connections_refused, 1U);
}

TEST(Admission, CalledTitle) {
    SiteOptions options;
    options.listen.called = {"DCMFLOW", "ROUTER"};
    Site site(options);
    Peer wrong(site.port());
    EXPECT_FALSE(wrong.associate(for_ct, "CT1", "STORESCP"));
    ASSERT_EQ(wrong.answer.type, 3);
    EXPECT_EQ(reasons(wrong.answer), bytes(1, 1, 7));
    Peer right(site.port());
    EXPECT_TRUE(right.associate(for_ct, "CT1", "ROUTER"));
}

TEST(Admission, AboveTheLimitAtOnceAndFreeAgainAfterRelease) {
    SiteOptions options;
    options.listen.max_associations = 2;
    Site site(options);
    Peer first(site.port()), second(site.port()), third(site.port());
    ASSERT_TRUE(first.associate(for_ct));
    ASSERT_TRUE(second.associate(for_ct));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_FALSE(third.associate(for_ct));
    const auto took = std::chrono::steady_clock::now() - begun;
    ASSERT_EQ(third.answer.type, 3);
    EXPECT_EQ(reasons(third.answer), bytes(2, 3, 2))
        << "transient, presentation provider, local limit exceeded";
    std::printf(
        "rejected above the limit after %.1f ms\n",
        static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()) /
            1000);
    EXPECT_EQ(site.receiver->counters().rejected_over_limit, 1U);
    EXPECT_EQ(first.store(ct_class, "1.2.5.1", object("1.2.5.1")).status, 0) << "the others go on";
    ASSERT_TRUE(second.release());
    Peer fourth(site.port()); // the place is free before the A-RELEASE-RP is out
    EXPECT_TRUE(fourth.associate(for_ct));
}

TEST(Admission, Contexts) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(
        peer.associate({{verification, {implicit_le}},
                        {"1.2.840.10008.5.1.4.1.2.2.1", {implicit_le}},   // Study Root FIND
                        {"1.2.840.10008.5.1.4.31", {implicit_le}},        // Modality Worklist
                        {"1.2.840.10008.3.1.2.3.3", {implicit_le}},       // MPPS
                        {"1.2.840.10008.5.1.4.1.1.201.2", {implicit_le}}, // Inventory FIND
                        {"1.2.840.10008.5.1.4.38.1", {implicit_le}}, // Hanging Protocol Storage
                        {"not.a.uid", {implicit_le}},
                        {ct_class, {"neither", ""}},
                        {ct_class, {"neither", htj2k, explicit_le}}}));
    const std::vector<int> expected{0, 3, 3, 3, 3, 0, 3, 4, 0};
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(peer.context_result(i), expected[i]) << i;
    const auto sent = encapsulated_object("1.2.5.9", 5000);
    EXPECT_EQ(peer.store(ct_class, "1.2.5.9", sent, 17).status, 0);
    EXPECT_EQ(site.rows().at(0).instance.transfer_syntax_uid, htj2k)
        << "the first UID that was proposed";
}

TEST(Admission, AllTheContextsThereCanBe) {
    Site site;
    std::vector<Proposal> proposals;
    for (int i = 0; i < 128; ++i)
        proposals.push_back({ct_class, std::vector<std::string>(60, explicit_le)});
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate(proposals));
    EXPECT_EQ(peer.context_result(127), 0);
    EXPECT_EQ(peer.store(ct_class, "1.2.5.10", object("1.2.5.10"), 255).status, 0);
}

TEST(Admission, OtherOperationsAreNotRecognised) {
    Site site;
    Peer peer(site.port());
    ASSERT_TRUE(peer.associate({{ct_class, {explicit_le}}}));
    const auto find =
        command_number(0x0100, 0x0020) + command_number(0x0110, 5) + command_number(0x0800, 1);
    peer.send(pdu(4, pdv(1, 3, find)) + pdu(4, pdv(1, 2, object("1.2.5.11"))));
    const auto response = peer.response();
    EXPECT_EQ(response.status, 0x0211);
    EXPECT_EQ(response.command, 0x8020);
    EXPECT_EQ(response.message_id, 5);
    EXPECT_EQ(peer.store(ct_class, "1.2.5.12", object("1.2.5.12")).status, 0);
}

TEST(Admission, AListThatLetsNobodyInIsAnError) {
    Site site;
    DimseReceiver receiver({.address = "127.0.0.1", .port = 0, .allow = {}, .called = {}},
                           *site.intake, site.log);
    const auto status = receiver.start();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
}

TEST(Admission, APortThatIsTakenIsAnErrorThatNamesIt) {
    Site site;
    for (const std::string address : {"", "127.0.0.1"}) {
        DimseReceiver receiver(
            {.address = address, .port = site.port(), .allow = {AllowEntry{}}, .called = {}},
            *site.intake, site.log);
        const auto status = receiver.start();
        ASSERT_FALSE(status) << address;
        EXPECT_NE(status.error().text.find(std::to_string(site.port())), std::string::npos)
            << status.error().text;
    }
}

} // namespace
} // namespace dcmflow::receive_test
