// What goes over the wire when all is well: association, contexts, commands, fragments, statuses.
#include "pipeline/deliver/dicom_destination.h"
#include "tests/deliver/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dcmflow::testing {
namespace {

using ::testing::HasSubstr;

// Serves one association and keeps what came.
class Recorder {
  public:
    explicit Recorder(ScpOptions options = {}, std::uint16_t status = 0)
        : scp_([this, options, status](FakePeer& peer) {
              rq_ = peer.accept(options);
              while (auto request = peer.read_store()) {
                  peer.respond(*request, status);
                  stored_.push_back(std::move(*request));
              }
              released_ = peer.answer_release();
              done_.set();
          }) {}
    [[nodiscard]] std::uint16_t port() const { return scp_.port(); }
    // After the link was closed.
    bool wait() { return done_.wait(); }
    [[nodiscard]] const std::vector<StoreRq>& stored() const { return stored_; }
    [[nodiscard]] const AssociateRq& rq() const { return *rq_; }
    [[nodiscard]] bool released() const { return released_; }

  private:
    std::optional<AssociateRq> rq_;
    std::vector<StoreRq> stored_;
    bool released_ = false;
    Signal done_;
    FakeScp scp_;
};

TEST(DicomSend, DeliversTheBytesAsTheyAre) {
    Recorder recorder;
    DicomDestination destination(dicom_config(recorder.port()));
    const Object object = make_object(300'000);
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    const SendResult result = link->send(object.parcel());
    EXPECT_EQ(result.outcome, Outcome::delivered);
    EXPECT_EQ(result.dimse_status, 0);
    EXPECT_FALSE(result.warning);
    EXPECT_EQ(result.text, "");
    EXPECT_TRUE(link->usable());
    link.reset();
    ASSERT_TRUE(recorder.wait());
    EXPECT_TRUE(recorder.released());
    ASSERT_EQ(recorder.stored().size(), 1U);
    const StoreRq& stored = recorder.stored()[0];
    EXPECT_EQ(stored.command_field, 0x0001);
    EXPECT_EQ(stored.priority, 0x0000);
    EXPECT_EQ(stored.sop_class, ct_image);
    EXPECT_EQ(stored.sop_instance, "1.2.3.4");
    EXPECT_EQ(stored.data_set, object.data_set);
}

TEST(DicomSend, ProposesOneContextPerClassAndSyntax) {
    Recorder recorder;
    DicomDestination destination(dicom_config(recorder.port()));
    connect_or_fail(destination).reset();
    ASSERT_TRUE(recorder.wait());
    EXPECT_EQ(recorder.rq().called, "ARCHIVE");
    EXPECT_EQ(recorder.rq().calling, "TESTER");
    EXPECT_FALSE(recorder.rq().implementation_class.empty());
    ASSERT_EQ(recorder.rq().contexts.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(recorder.rq().contexts[i].id, 2 * i + 1);
        EXPECT_EQ(recorder.rq().contexts[i].syntaxes.size(), 1U);
    }
}

TEST(DicomSend, ManyObjectsOnOneAssociationHaveMessageIdsOfTheirOwn) {
    Recorder recorder;
    DicomDestination destination(dicom_config(recorder.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    for (int i = 0; i < 20; ++i) {
        const Object object = make_object(5'000, "1.2.3." + std::to_string(i));
        ASSERT_EQ(link->send(object.parcel()).outcome, Outcome::delivered);
    }
    link.reset();
    ASSERT_TRUE(recorder.wait());
    ASSERT_EQ(recorder.stored().size(), 20U);
    for (std::size_t i = 1; i < 20; ++i) {
        EXPECT_NE(recorder.stored()[i].message_id, recorder.stored()[i - 1].message_id);
    }
}

class PeerPdu : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(PeerPdu, IsRespectedAndTheObjectArrivesWhole) {
    ScpOptions options;
    options.max_pdu = GetParam();
    Recorder recorder(options);
    DicomDestination destination(dicom_config(recorder.port()));
    const Object object = make_object(GetParam() == 8 ? 1'000 : 700'001);
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::delivered);
    link.reset();
    ASSERT_TRUE(recorder.wait());
    ASSERT_EQ(recorder.stored().size(), 1U);
    EXPECT_EQ(recorder.stored()[0].data_set, object.data_set);
    if (GetParam() != 0) {
        EXPECT_LE(recorder.stored()[0].largest_pdu, GetParam());
    }
}
INSTANTIATE_TEST_SUITE_P(Sizes, PeerPdu,
                         ::testing::Values(0U, 8U, 4097U, 16384U, 131072U, 0xFFFFFFFFU));

TEST(DicomSend, APeerThatTakesNoDataAtAllIsAnError) {
    ScpOptions options;
    options.max_pdu = 7;
    Recorder recorder(options);
    DicomDestination destination(dicom_config(recorder.port()));
    const std::vector<Need> needs{need(ct_image, {std::string(explicit_le)})};
    const auto link = destination.connect(needs);
    ASSERT_FALSE(link);
    EXPECT_THAT(link.error().text, HasSubstr("maximum PDU length is 7"));
}

TEST(DicomSend, SyntaxesThatNobodyKnowsArriveByteForByte) {
    Recorder recorder;
    DicomDestination destination(dicom_config(recorder.port()));
    const std::string private_syntax = "1.2.826.0.1.3680043.10.1462.99";
    const std::vector<Need> needs{need(ct_image, {std::string(htj2k), private_syntax})};
    auto link = destination.connect(needs);
    ASSERT_TRUE(link) << link.error().text;
    Object object = make_object(50'000);
    for (const std::string& syntax : needs[0].transfer_syntax_uids) {
        object.syntax = syntax;
        EXPECT_TRUE((*link)->takes(ct_image, syntax));
        EXPECT_EQ((*link)->send(object.parcel()).outcome, Outcome::delivered);
    }
    link->reset();
    ASSERT_TRUE(recorder.wait());
    ASSERT_EQ(recorder.stored().size(), 2U);
    EXPECT_EQ(recorder.stored()[0].data_set, object.data_set);
    EXPECT_EQ(recorder.rq().contexts[0].syntaxes[0], htj2k);
    EXPECT_EQ(recorder.stored()[0].context, 1);
    EXPECT_EQ(recorder.stored()[1].context, 3);
}

TEST(DicomSend, NothingGoesOutInAContextThatWasNotAccepted) {
    ScpOptions options;
    options.judge = [](const Proposed& proposed) {
        return static_cast<std::uint8_t>(proposed.sop_class == mr_image    ? 3
                                         : proposed.syntaxes[0] == jpeg_ls ? 4
                                                                           : 0);
    };
    Recorder recorder(options);
    DicomDestination destination(dicom_config(recorder.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    EXPECT_TRUE(link->takes(ct_image, explicit_le));
    EXPECT_FALSE(link->takes(ct_image, jpeg_ls));
    EXPECT_TRUE(link->asked(ct_image, jpeg_ls));
    EXPECT_FALSE(link->takes(mr_image, explicit_le));
    EXPECT_FALSE(link->asked(ct_image, htj2k));

    Object object = make_object(1'000);
    object.syntax = jpeg_ls;
    SendResult result = link->send(object.parcel());
    EXPECT_EQ(result.outcome, Outcome::refused_context);
    EXPECT_THAT(result.text, HasSubstr("CT Image Storage in jpeg-ls was refused"));
    object.syntax = htj2k;
    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::refused_context);
    object.syntax = explicit_le;
    object.sop_class = mr_image;
    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::refused_context);
    EXPECT_TRUE(link->usable());
    link.reset();
    ASSERT_TRUE(recorder.wait());
    EXPECT_EQ(recorder.stored().size(), 0U);
}

TEST(DicomSend, TheFirst128ContextsAreProposedAndAskedTellsTheTruth) {
    Recorder recorder;
    DicomDestination destination(dicom_config(recorder.port()));
    std::vector<Need> needs;
    for (int i = 0; i < 70; ++i) {
        needs.push_back(need("1.2.840.10008.5.1.4.1.1." + std::to_string(1000 + i),
                             {std::string(explicit_le), std::string(jpeg_ls)}));
    }
    auto link = destination.connect(needs);
    ASSERT_TRUE(link) << link.error().text;
    EXPECT_TRUE((*link)->asked(needs[63].sop_class_uid, jpeg_ls));
    EXPECT_TRUE((*link)->takes(needs[63].sop_class_uid, jpeg_ls));
    EXPECT_FALSE((*link)->asked(needs[64].sop_class_uid, explicit_le));
    EXPECT_FALSE((*link)->takes(needs[64].sop_class_uid, explicit_le));
    Object object = make_object(1'000);
    object.sop_class = needs[63].sop_class_uid;
    object.syntax = jpeg_ls;
    EXPECT_EQ((*link)->send(object.parcel()).outcome, Outcome::delivered); // in context 255
    link->reset();
    ASSERT_TRUE(recorder.wait());
    EXPECT_EQ(recorder.rq().contexts.size(), 128U);
    ASSERT_EQ(recorder.stored().size(), 1U);
    EXPECT_EQ(recorder.stored()[0].context, 255);
}

struct StatusCase {
    std::uint16_t status;
    Outcome outcome;
    bool warning;
};

class PeerStatus : public ::testing::TestWithParam<StatusCase> {};

TEST_P(PeerStatus, BecomesTheOutcomeOfTheTable) {
    Recorder recorder({}, GetParam().status);
    DicomDestination destination(dicom_config(recorder.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    const Object object = make_object(10'000);
    const SendResult result = link->send(object.parcel());
    EXPECT_EQ(result.outcome, GetParam().outcome);
    EXPECT_EQ(result.dimse_status, GetParam().status);
    EXPECT_EQ(result.warning, GetParam().warning);
    EXPECT_THAT(result.text, HasSubstr("archive (ARCHIVE@127.0.0.1:"));
    EXPECT_TRUE(link->usable()) << "a status is an answer: the association lives on";
    EXPECT_EQ(link->send(object.parcel()).outcome, GetParam().outcome);
}
INSTANTIATE_TEST_SUITE_P(Table, PeerStatus,
                         ::testing::Values(StatusCase{0xB000, Outcome::delivered, true},
                                           StatusCase{0xB006, Outcome::delivered, true},
                                           StatusCase{0xB007, Outcome::delivered, true},
                                           StatusCase{0xB123, Outcome::delivered, true},
                                           StatusCase{0x0111, Outcome::delivered, false},
                                           StatusCase{0xA700, Outcome::retry_resources, false},
                                           StatusCase{0xA7FF, Outcome::retry_resources, false},
                                           StatusCase{0x0213, Outcome::retry_resources, false},
                                           StatusCase{0xA900, Outcome::retry_object, false},
                                           StatusCase{0xC000, Outcome::retry_object, false},
                                           StatusCase{0xC123, Outcome::retry_object, false},
                                           StatusCase{0x0110, Outcome::retry_object, false},
                                           StatusCase{0x0117, Outcome::retry_object, false},
                                           StatusCase{0x0122, Outcome::retry_object, false},
                                           StatusCase{0x0112, Outcome::retry_object, false},
                                           StatusCase{0x0212, Outcome::retry_object, false},
                                           StatusCase{0x7777, Outcome::retry_object, false},
                                           StatusCase{0x0124, Outcome::refused, false},
                                           StatusCase{0x0214, Outcome::refused, false}),
                         [](const auto& tested) {
                             return "S" + std::to_string(tested.param.status);
                         });

TEST(DicomSend, ThePeersErrorCommentIsShownWithoutItsControlCharacters) {
    FakeScp scp([](FakePeer& peer) {
        peer.accept();
        if (const auto request = peer.read_store()) {
            peer.respond(*request, 0xC001, "disk \x1b[31mlocked");
        }
        peer.drain();
    });
    DicomDestination destination(dicom_config(scp.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    const SendResult result = link->send(make_object(1'000).parcel());
    EXPECT_THAT(result.text, HasSubstr("status C001"));
    EXPECT_THAT(result.text, HasSubstr("(\"disk ?[31mlocked\")"));
}

TEST(DicomSend, AResponseWithoutSopInstanceUidIsLegal) {
    FakeScp scp([](FakePeer& peer) {
        peer.accept();
        if (const auto request = peer.read_store()) {
            peer.respond_as(request->context, 0x8001, request->message_id, 0, "");
        }
        peer.answer_release();
    });
    DicomDestination destination(dicom_config(scp.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->send(make_object(1'000).parcel()).outcome, Outcome::delivered);
}

TEST(DicomSend, ObjectsThatCannotBeSentAreFailedAndHarmNothing) {
    Recorder recorder;
    DicomDestination destination(dicom_config(recorder.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    Object object = make_object(1'000);
    object.data_set.clear();
    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::failed);
    object = make_object(1'000, std::string(65, '1'));
    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::failed);
    EXPECT_TRUE(link->usable());
}

TEST(DicomProbe, ShowsEachStepAndWhatIsAccepted) {
    ScpOptions options;
    options.judge = [](const Proposed& proposed) {
        return static_cast<std::uint8_t>(
            proposed.sop_class == mr_image || proposed.syntaxes[0] == htj2k ? 4 : 0);
    };
    Recorder recorder(options);
    DicomDestination destination(dicom_config(recorder.port()));
    const std::vector<Need> needs{
        need(ct_image, {std::string(htj2k), std::string(jpeg_ls), std::string(explicit_le)}),
        need(mr_image, {std::string(explicit_le)})};
    const auto steps = destination.probe(needs);
    ASSERT_EQ(steps.size(), 4U);
    for (const ProbeStep& step : steps) {
        EXPECT_TRUE(step.ok) << step.what << ": " << step.detail;
    }
    EXPECT_EQ(steps[0].what, "resolve");
    EXPECT_EQ(steps[1].what, "connect");
    EXPECT_EQ(steps[1].detail, "127.0.0.1:" + std::to_string(recorder.port()));
    EXPECT_EQ(steps[2].what, "associate");
    EXPECT_THAT(steps[2].detail,
                HasSubstr("CT Image Storage: jpeg-ls, explicit-le; MR Image Storage: none of"));
    EXPECT_EQ(steps[3].what, "echo");
    ASSERT_TRUE(recorder.wait());
    EXPECT_TRUE(recorder.released());
}

} // namespace
} // namespace dcmflow::testing
