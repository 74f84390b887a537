// Peers that misbehave: each failure has its outcome, in bounded time, and never a false
// "delivered".
#include "pipeline/deliver/dicom_destination.h"
#include "tests/deliver/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace dcmflow::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int short_timeout = 1;  // for what must time out
constexpr int long_timeout = 120; // for what must end for another reason

// Sends one object of `bytes` to a peer that runs `script` once the association stands.
SendResult send_to(FakeScp::Script script, std::size_t bytes, int response_seconds = long_timeout,
                   bool expect_usable = false) {
    FakeScp scp([&](FakePeer& peer) {
        if (peer.accept()) {
            script(peer);
        }
    });
    DicomDestination destination(dicom_config(scp.port(), response_seconds));
    auto link = connect_or_fail(destination);
    if (!link) {
        return {};
    }
    SendResult result = link->send(make_object(bytes).parcel());
    EXPECT_EQ(link->usable(), expect_usable);
    if (!expect_usable) {
        EXPECT_EQ(link->send(make_object(bytes).parcel()).outcome, Outcome::retry_link)
            << "nothing is sent on a broken link";
    }
    link.reset();
    return result;
}

// A listener whose backlog is full: the kernel drops further SYNs, as a firewall does.
class FullBacklog {
  public:
    FullBacklog() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(sockets_[0], generic, length), 0);
        EXPECT_EQ(::listen(sockets_[0], 0), 0);
        EXPECT_EQ(::getsockname(sockets_[0], generic, &length), 0);
        port_ = ntohs(address.sin_port);
        for (int i = 0; i < 4; ++i) {
            sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
            (void)::connect(sockets_.back(), generic, length);
        }
    }
    ~FullBacklog() {
        for (const int socket : sockets_) {
            ::close(socket);
        }
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    std::vector<int> sockets_{::socket(AF_INET, SOCK_STREAM, 0)};
    std::uint16_t port_ = 0;
};

ConnectError connect_error(const DestinationConfig& config) {
    DicomDestination destination(config);
    const std::vector<Need> needs{need(ct_image, {std::string(explicit_le)})};
    auto link = destination.connect(needs);
    if (link) {
        ADD_FAILURE() << "the association was made";
        return {};
    }
    return link.error();
}

TEST(DicomConnect, NobodyListening) {
    std::uint16_t port = 0;
    {
        FakeScp scp([](FakePeer&) {});
        port = scp.port();
    }
    const ConnectError error = connect_error(dicom_config(port));
    EXPECT_FALSE(error.permanent);
    EXPECT_THAT(error.text,
                AllOf(HasSubstr("archive (ARCHIVE@127.0.0.1:" + std::to_string(port) + ")"),
                      HasSubstr("connection refused by 127.0.0.1:" + std::to_string(port)),
                      HasSubstr("is the PACS listening there?")));
}

TEST(DicomConnect, HostNameThatDoesNotExist) {
    DestinationConfig config = dicom_config(104);
    std::get<DicomTarget>(config.target).host = "no-such-host.invalid";
    const ConnectError error = connect_error(config);
    EXPECT_FALSE(error.permanent);
    EXPECT_THAT(error.text, HasSubstr("cannot resolve the host name no-such-host.invalid"));
}

TEST(DicomConnect, AcceptsTcpAndNeverAnswers) {
    FakeScp scp([](FakePeer& peer) { peer.drain(); });
    const ConnectError error = connect_error(dicom_config(scp.port(), short_timeout));
    EXPECT_FALSE(error.permanent);
    EXPECT_THAT(error.text, HasSubstr("no answer to the association request"));
}

TEST(DicomConnect, ClosesOnTheAssociationRequest) {
    FakeScp scp([](FakePeer& peer) { peer.read_associate_rq(); });
    const ConnectError error = connect_error(dicom_config(scp.port()));
    EXPECT_FALSE(error.permanent);
    EXPECT_THAT(error.text, HasSubstr("the peer closed the connection"));
}

struct RejectCase {
    std::uint8_t result, source, reason;
    bool permanent;
    const char* text;
};
class Rejected : public ::testing::TestWithParam<RejectCase> {};

TEST_P(Rejected, TellsPermanentFromTransient) {
    const RejectCase& tested = GetParam();
    FakeScp scp([&](FakePeer& peer) {
        peer.read_associate_rq();
        peer.reject(tested.result, tested.source, tested.reason);
        peer.drain();
    });
    const ConnectError error = connect_error(dicom_config(scp.port()));
    EXPECT_EQ(error.permanent, tested.permanent);
    EXPECT_THAT(error.text, HasSubstr(tested.text));
}
INSTANTIATE_TEST_SUITE_P(
    All, Rejected,
    ::testing::Values(RejectCase{1, 1, 7, true, "called AE title not recognised"},
                      RejectCase{1, 1, 3, true, "calling AE title not recognised"},
                      RejectCase{1, 1, 1, true, "no reason given"},
                      RejectCase{2, 1, 7, false, "called AE title not recognised"},
                      RejectCase{2, 3, 2, false, "local limit exceeded"},
                      RejectCase{1, 3, 1, false, "temporary congestion"},
                      RejectCase{2, 2, 1, false, "no reason given"}));

TEST(DicomConnect, AbortsTheAssociationRequest) {
    FakeScp scp([](FakePeer& peer) {
        peer.read_associate_rq();
        peer.abort(2, 2);
        peer.drain();
    });
    EXPECT_THAT(connect_error(dicom_config(scp.port())).text,
                HasSubstr("aborted by the peer by its network layer"));
}

TEST(DicomConnect, AnswersWithSomethingThatIsNotDicom) {
    FakeScp scp([](FakePeer& peer) {
        peer.read_associate_rq();
        Bytes http;
        for (const char c : std::string("HTTP/1.1 400 Bad Request\r\n\r\n")) {
            http.push_back(static_cast<std::byte>(c));
        }
        peer.write(http);
        peer.drain();
    });
    EXPECT_THAT(connect_error(dicom_config(scp.port())).text,
                HasSubstr("something that is not a PDU"));
}

TEST(DicomConnect, MalformedAcceptancesAreErrors) {
    // An item that claims more than there is; and one cut in its fixed part.
    const Bytes cases[] = {Bytes(70, std::byte{0x21}), Bytes(12, std::byte{0})};
    for (const Bytes& body : cases) {
        FakeScp scp([&](FakePeer& peer) {
            peer.read_associate_rq();
            Bytes pdu{std::byte{2}, std::byte{0}, std::byte{0},
                      std::byte{0}, std::byte{0}, static_cast<std::byte>(body.size())};
            pdu.insert(pdu.end(), body.begin(), body.end());
            peer.write(pdu);
            peer.drain();
        });
        EXPECT_THAT(connect_error(dicom_config(scp.port())).text, HasSubstr("A-ASSOCIATE-AC"));
    }
}

TEST(DicomConnect, AllContextsRefusedIsALinkThatTakesNothing) {
    FakeScp scp([](FakePeer& peer) {
        ScpOptions options;
        options.judge = [](const Proposed&) { return std::uint8_t{3}; };
        peer.serve(options);
    });
    DicomDestination destination(dicom_config(scp.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    EXPECT_TRUE(link->asked(ct_image, explicit_le));
    EXPECT_EQ(link->send(make_object(1'000).parcel()).outcome, Outcome::refused_context);
}

TEST(DicomSendFailure, PeerClosesBeforeAnythingIsSent) {
    Signal closed;
    FakeScp scp([&](FakePeer& peer) {
        peer.accept();
        peer.close();
        closed.set();
    });
    DicomDestination destination(dicom_config(scp.port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    ASSERT_TRUE(closed.wait());
    EXPECT_FALSE(link->usable());
    EXPECT_EQ(link->send(make_object(1'000).parcel()).outcome, Outcome::retry_link);
}

TEST(DicomSendFailure, AbortInMidTransferIsUnknown) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            peer.read_store(3);
            peer.abort(0, 0);
            peer.drain();
        },
        40U << 20);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, AllOf(HasSubstr("aborted by the peer by its application"),
                                   HasSubstr("of 40.0 MiB")));
}

TEST(DicomSendFailure, CloseInMidTransferIsUnknown) {
    const SendResult result = send_to([](FakePeer& peer) { peer.read_store(3); }, 40U << 20);
    EXPECT_EQ(result.outcome, Outcome::unknown);
}

TEST(DicomSendFailure, CloseBeforeTheResponseIsUnknown) {
    const SendResult result = send_to([](FakePeer& peer) { peer.read_store(); }, 100'000);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, AllOf(HasSubstr("the peer closed the connection"),
                                   HasSubstr("after the whole object was sent")));
}

TEST(DicomSendFailure, AbortInsteadOfAResponseIsUnknown) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            peer.read_store();
            peer.abort(2, 6);
        },
        100'000);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, HasSubstr("invalid PDU parameter"));
}

TEST(DicomSendFailure, StopsReadingInMidTransferTimesOut) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            peer.read_store(2);
            peer.wait_for_end();
        },
        64U << 20, short_timeout);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, HasSubstr("the peer took less than"));
}

TEST(DicomSendFailure, ResponseAfterTheTimeoutIsUnknownAndTooLate) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            const auto request = peer.read_store();
            peer.wait_for_end();
            peer.respond(*request, 0);
        },
        100'000, short_timeout);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, HasSubstr("no answer in time"));
}

TEST(DicomSendFailure, WrongMessageIdIsUnknown) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            const auto request = peer.read_store();
            peer.respond_as(request->context, 0x8001,
                            static_cast<std::uint16_t>(request->message_id + 1), 0,
                            request->sop_instance);
            peer.drain();
        },
        1'000);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, HasSubstr("the peer answered message"));
}

TEST(DicomSendFailure, ResponseForAnotherSopInstanceIsUnknown) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            const auto request = peer.read_store();
            peer.respond_as(request->context, 0x8001, request->message_id, 0, "1.2.3.4.5.6");
            peer.drain();
        },
        1'000);
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_THAT(result.text, HasSubstr("answered for SOP Instance UID 1.2.3.4.5.6"));
}

TEST(DicomSendFailure, AResponseToAnotherKindOfRequestIsUnknown) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            const auto request = peer.read_store();
            peer.respond_as(request->context, 0x8030, request->message_id, 0,
                            request->sop_instance);
            peer.drain();
        },
        1'000);
    EXPECT_EQ(result.outcome, Outcome::unknown);
}

TEST(DicomSendFailure, GarbageInsteadOfAResponseIsUnknown) {
    const auto word = [](std::initializer_list<int> values) {
        Bytes bytes;
        for (const int value : values) {
            bytes.push_back(static_cast<std::byte>(value));
        }
        return bytes;
    };
    const Bytes cases[] = {
        word({4, 0, 0xFF, 0xFF, 0xFF, 0xFF}),       // a PDU of 4 GiB
        word({9, 0, 0, 0, 0, 0}),                   // no such PDU
        word({4, 0, 0, 0, 0, 6, 0, 0, 0, 9, 1, 3}), // PDV longer than its PDU
        word({4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3}), // empty command
        word({4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 2}), // a data set unasked
        word({4, 0, 0, 0, 0, 14, 0,    0, 0, 10,
              1, 3, 0, 0, 0, 9,  0xFF, 0, 0, 0}), // element past the end
        word({2, 0, 0, 0, 0, 0}),                 // an association acceptance
        word({5, 0, 0, 0, 0, 4, 0, 0, 0, 0}),     // a release request
    };
    for (const Bytes& garbage : cases) {
        const SendResult result = send_to(
            [&](FakePeer& peer) {
                peer.read_store();
                peer.write(garbage);
                peer.drain();
            },
            1'000);
        EXPECT_EQ(result.outcome, Outcome::unknown) << result.text;
    }
}

TEST(DicomSendFailure, AnEarlyAnswerIsKeptUntilAllIsSent) {
    const SendResult result = send_to(
        [](FakePeer& peer) {
            auto request = peer.read_store(1);
            request->message_id = request->message_id == 0 ? 1 : request->message_id;
            peer.respond(*request, 0xA700);
            (void)peer.read_store(); // the rest
            peer.answer_release();
        },
        8U << 20, long_timeout, true);
    EXPECT_EQ(result.outcome, Outcome::retry_resources);
}

// Blocks the link in `script`, breaks it off from another thread, and expects an end long before
// the time-outs.
void abort_from_another_thread(const std::function<void(FakePeer&, Signal&)>& script,
                               std::size_t bytes) {
    Signal blocked;
    FakeScp scp([&](FakePeer& peer) {
        peer.accept();
        script(peer, blocked);
    });
    DicomDestination destination(dicom_config(scp.port(), 3600));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    std::thread breaker([&] {
        EXPECT_TRUE(blocked.wait());
        link->abort();
    });
    const SendResult result = link->send(make_object(bytes).parcel());
    breaker.join();
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_FALSE(link->usable());
}

TEST(DicomAbort, ReturnsFromAWaitForTheResponse) {
    abort_from_another_thread(
        [](FakePeer& peer, Signal& blocked) {
            peer.read_store();
            blocked.set();
            peer.drain();
        },
        100'000);
}

TEST(DicomAbort, ReturnsFromABlockedWrite) {
    abort_from_another_thread(
        [](FakePeer& peer, Signal& blocked) {
            peer.read_store(1);
            blocked.set();
            peer.wait_for_end();
        },
        64U << 20);
}

TEST(DicomAbort, InterruptReturnsFromAnAssociationRequest) {
    Signal asked;
    FakeScp scp([&](FakePeer& peer) {
        peer.read_associate_rq();
        asked.set();
        peer.drain();
    });
    DicomDestination destination(dicom_config(scp.port(), 3600));
    std::thread breaker([&] {
        EXPECT_TRUE(asked.wait());
        destination.interrupt();
    });
    const std::vector<Need> needs{need(ct_image, {std::string(explicit_le)})};
    const auto link = destination.connect(needs);
    breaker.join();
    ASSERT_FALSE(link);
    EXPECT_FALSE(link.error().permanent);
    EXPECT_THAT(link.error().text, HasSubstr("broken off by us"));
    EXPECT_FALSE(destination.connect(needs)) << "and later ones fail at once";
}

TEST(DicomAbort, InterruptReturnsFromAConnectThatNobodyAnswers) {
    const FullBacklog silent;
    DestinationConfig config = dicom_config(silent.port(), 3600);
    config.connect_timeout = std::chrono::seconds(3600);
    DicomDestination destination(config);
    std::thread breaker([&] { destination.interrupt(); });
    const std::vector<Need> needs{need(ct_image, {std::string(explicit_le)})};
    EXPECT_FALSE(destination.connect(needs));
    breaker.join();
}

TEST(DicomConnect, AConnectThatNobodyAnswersEndsAfterTheTimeout) {
    const FullBacklog silent;
    DestinationConfig config = dicom_config(silent.port(), 3600);
    config.connect_timeout = std::chrono::seconds(1);
    const ConnectError error = connect_error(config);
    EXPECT_FALSE(error.permanent);
    EXPECT_THAT(error.text, HasSubstr("is the host up and the port open in the firewall?"));
}

TEST(DicomRelease, APeerThatDoesNotAnswerTheReleaseIsLeftAfterASecond) {
    FakeScp scp([](FakePeer& peer) {
        peer.accept();
        peer.drain();
    });
    DicomDestination destination(dicom_config(scp.port(), 3600));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    link.reset(); // would hang for an hour
}

TEST(DicomProbe, StopsAtTheFirstFailure) {
    std::uint16_t port = 0;
    {
        FakeScp scp([](FakePeer&) {});
        port = scp.port();
    }
    DicomDestination destination(dicom_config(port));
    const auto steps = destination.probe({});
    ASSERT_EQ(steps.size(), 2U);
    EXPECT_TRUE(steps[0].ok);
    EXPECT_FALSE(steps[1].ok);
    EXPECT_THAT(steps[1].detail, HasSubstr("connection refused by 127.0.0.1"));
}

TEST(DicomProbe, SaysWhenCEchoIsNotTaken) {
    FakeScp scp([](FakePeer& peer) {
        ScpOptions options;
        options.judge = [](const Proposed& proposed) {
            return static_cast<std::uint8_t>(proposed.sop_class == "1.2.840.10008.1.1" ? 3 : 0);
        };
        peer.serve(options);
    });
    DicomDestination destination(dicom_config(scp.port()));
    const std::vector<Need> needs{need(ct_image, {std::string(explicit_le)})};
    const auto steps = destination.probe(needs);
    ASSERT_EQ(steps.size(), 4U);
    EXPECT_TRUE(steps[2].ok);
    EXPECT_FALSE(steps[3].ok);
    EXPECT_THAT(steps[3].detail, HasSubstr("does not accept the Verification SOP class"));
}

} // namespace
} // namespace dcmflow::testing
