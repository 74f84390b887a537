// Against DCMTK's storescp, as a process: what a real SCP accepts, stores, refuses and breaks.
#include "pipeline/deliver/dicom_destination.h"
#include "pipeline/dicom/part10.h"
#include "tests/deliver/support.h"

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dcmflow::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

std::uint16_t free_port() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    (void)::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length);
    (void)::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(descriptor);
    return ntohs(address.sin_port);
}

bool answers(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(port);
    const bool connected =
        ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(descriptor);
    return connected;
}

class StoreScp {
  public:
    explicit StoreScp(std::vector<std::string> options) : port_(free_port()) {
        std::vector<std::string> words{"storescp", "-q", "-od", folder_.path().string()};
        words.insert(words.end(), options.begin(), options.end());
        words.push_back(std::to_string(port_));
        child_ = ::fork();
        if (child_ == 0) {
            std::vector<char*> arguments;
            for (std::string& word : words) {
                arguments.push_back(word.data());
            }
            arguments.push_back(nullptr);
            const int null = ::open("/dev/null", O_WRONLY);
            ::dup2(null, STDOUT_FILENO);
            ::dup2(null, STDERR_FILENO);
            ::execvp("storescp", arguments.data());
            ::_exit(127);
        }
    }
    ~StoreScp() {
        if (child_ > 0) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, nullptr, 0);
        }
    }
    // False if the process ended (not installed) or never listened.
    bool ready() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (std::chrono::steady_clock::now() < deadline) {
            if (::waitpid(child_, nullptr, WNOHANG) == child_) {
                child_ = -1;
                return false;
            }
            if (answers(port_)) {
                return true;
            }
            (void)::poll(nullptr, 0, 10); // nothing tells when another process listens
        }
        return false;
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const fs::path& folder() const { return folder_.path(); }

  private:
    TempFolder folder_;
    std::uint16_t port_;
    pid_t child_ = -1;
};

#define START_OR_SKIP(scp)                                                                         \
    if (!scp.ready()) {                                                                            \
        GTEST_SKIP() << "storescp (package dcmtk) could not be started";                           \
    }

Bytes data_set_of(const Bytes& file) {
    const auto meta = read_file_meta(file);
    return meta
               ? Bytes(file.begin() + static_cast<std::ptrdiff_t>(meta->dataset_offset), file.end())
               : Bytes();
}

TEST(StoreScp, StoresByteForByteAtAnyPduSize) {
    for (const char* pdu : {"4096", "16384", "131072"}) {
        StoreScp scp({"+xa", "+B", "-pdu", pdu});
        START_OR_SKIP(scp);
        DicomDestination destination(dicom_config(scp.port()));
        auto link = connect_or_fail(destination);
        ASSERT_TRUE(link);
        const Object object = make_object(2'000'000);
        const SendResult result = link->send(object.parcel());
        EXPECT_EQ(result.outcome, Outcome::delivered) << result.text;
        link.reset();
        const auto files = files_below(scp.folder());
        ASSERT_EQ(files.size(), 1U);
        EXPECT_EQ(data_set_of(read_file(scp.folder() / files[0])), object.data_set);
    }
}

TEST(StoreScp, EachSyntaxIsLearnedOnItsOwn) {
    StoreScp scp({"+xa"});
    START_OR_SKIP(scp);
    DicomDestination destination(dicom_config(scp.port()));
    const std::vector<Need> needs{
        need(ct_image, {std::string(htj2k), std::string(jpeg_ls), std::string(explicit_le)}),
        need("1.2.826.0.1.3680043.10.1462.7", {std::string(explicit_le)})};
    auto link = destination.connect(needs);
    ASSERT_TRUE(link) << link.error().text;
    EXPECT_TRUE((*link)->takes(ct_image, jpeg_ls));
    EXPECT_TRUE((*link)->takes(ct_image, explicit_le));
    EXPECT_FALSE((*link)->takes(ct_image, htj2k));                              // unknown to DCMTK
    EXPECT_FALSE((*link)->takes("1.2.826.0.1.3680043.10.1462.7", explicit_le)); // private class
}

TEST(StoreScp, AbortsDuringAndAfterAreUnknown) {
    for (const char* option : {"--abort-during", "--abort-after"}) {
        StoreScp scp({"+xa", option});
        START_OR_SKIP(scp);
        DicomDestination destination(dicom_config(scp.port()));
        auto link = connect_or_fail(destination);
        ASSERT_TRUE(link);
        const SendResult result = link->send(make_object(8'000'000).parcel());
        EXPECT_EQ(result.outcome, Outcome::unknown) << option;
        EXPECT_FALSE(link->usable());
    }
}

TEST(StoreScp, RefusalOfTheAssociationIsAConnectError) {
    StoreScp scp({"--refuse"});
    START_OR_SKIP(scp);
    DicomDestination destination(dicom_config(scp.port()));
    const std::vector<Need> needs{need(ct_image, {std::string(explicit_le)})};
    const auto link = destination.connect(needs);
    ASSERT_FALSE(link);
    EXPECT_THAT(link.error().text, HasSubstr("association rejected"));
}

TEST(StoreScp, SlowAnswersAreWaitedForUpToTheTimeout) {
    StoreScp scp({"+xa", "--sleep-after", "2"});
    START_OR_SKIP(scp);
    const Object object = make_object(10'000);
    DicomDestination patient(dicom_config(scp.port(), 60));
    auto link = connect_or_fail(patient);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->send(object.parcel()).outcome, Outcome::delivered);
}

TEST(StoreScp, KilledInMidAssociation) {
    auto scp = std::make_unique<StoreScp>(std::vector<std::string>{"+xa"});
    START_OR_SKIP((*scp));
    DicomDestination destination(dicom_config(scp->port()));
    auto link = connect_or_fail(destination);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->send(make_object(10'000).parcel()).outcome, Outcome::delivered);
    scp.reset();
    EXPECT_THAT(link->send(make_object(10'000, "1.2.3.5").parcel()).outcome,
                AnyOf(Outcome::retry_link, Outcome::unknown));
    EXPECT_FALSE(link->usable());
}

TEST(StoreScp, ProbeGoesAllTheWay) {
    StoreScp scp({"+xa"});
    START_OR_SKIP(scp);
    DicomDestination destination(dicom_config(scp.port()));
    const auto steps = destination.probe({});
    ASSERT_EQ(steps.size(), 4U);
    for (const ProbeStep& step : steps) {
        EXPECT_TRUE(step.ok) << step.what << ": " << step.detail;
    }
}

} // namespace
} // namespace dcmflow::testing
