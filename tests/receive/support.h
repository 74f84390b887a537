// What the receiver's tests share: a running receiver on a real spool, a peer made of a bare socket
// that can say what no toolkit would, real tools as child processes. Nothing here uses the
// receiver's own PDU code.
#pragma once

#include "pipeline/log.h"
#include "pipeline/receive/dimse_receiver.h"
#include "pipeline/spool/spool.h"
#include "tests/dicom/dataset_bytes.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::receive_test {

using Bytes = std::vector<std::byte>;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline const std::string ct_class = "1.2.840.10008.5.1.4.1.1.2";
inline const std::string verification = "1.2.840.10008.1.1";
inline const std::string explicit_le = "1.2.840.10008.1.2.1";
inline const std::string implicit_le = "1.2.840.10008.1.2";
inline const std::string htj2k = "1.2.840.10008.1.2.4.201";

class TempFolder {
  public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// Keeps what was logged; waits for an event.
class Log final : public Logger {
  public:
    struct Line {
        LogLevel level;
        std::string event;
        std::vector<std::pair<std::string, std::string>> fields;
        [[nodiscard]] std::string field(std::string_view name) const;
    };
    void log(LogLevel level, std::string_view event,
             std::initializer_list<LogField> fields) override;
    [[nodiscard]] std::vector<Line> lines(std::string_view event) const;
    // The n-th line (from 1) of an event, as soon as it is there.
    [[nodiscard]] std::optional<Line> wait_for(std::string_view event, std::size_t n = 1) const;

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<Line> lines_;
};

struct SiteOptions {
    DicomListenConfig listen{
        .address = "127.0.0.1", .port = 0, .allow = {AllowEntry{}}, .called = {}};
    DimseOptions dimse;
    IntakeLimits intake;
    std::uint64_t quota = 0;
    std::vector<rules::Rule> rules;
};

// A receiver with all that is behind it.
class Site {
  public:
    explicit Site(SiteOptions options = {});
    ~Site();
    [[nodiscard]] std::uint16_t port() const { return receiver->port(); }
    [[nodiscard]] std::vector<InstanceRow> rows() const;
    [[nodiscard]] Bytes data_set(const InstanceRow& row) const; // as it lies in the spool
    // Files in the folder, recursively, but for notes.
    [[nodiscard]] std::size_t files(std::string_view folder) const;

    TempFolder folder;
    Log log;
    std::unique_ptr<Spool> spool;
    std::unique_ptr<Intake> intake;
    std::unique_ptr<DimseReceiver> receiver;
};

// --- objects
// -----------------------------------------------------------------------------------------------

// A small, whole CT-like object in Explicit VR Little Endian; `content` makes its pixels.
[[nodiscard]] Bytes object(const std::string& uid, std::size_t pixel_bytes = 512,
                           unsigned content = 0, const std::string& sop_class = ct_class);
// Encapsulated: Pixel Data as items of raw bytes.
[[nodiscard]] Bytes encapsulated_object(const std::string& uid, std::size_t fragment_bytes,
                                        unsigned content = 0);
void write_part10(const std::filesystem::path& file, const std::string& sop_class,
                  const std::string& uid, const std::string& transfer_syntax,
                  const Bytes& data_set);

// --- the bare peer
// -----------------------------------------------------------------------------------------

struct Proposal {
    std::string abstract_syntax;
    std::vector<std::string> transfer_syntaxes;
};
// Context IDs 1, 3, 5, … in the order given.
[[nodiscard]] Bytes associate_rq(const std::vector<Proposal>& proposals,
                                 const std::string& calling = "TESTSCU",
                                 const std::string& called = "DCMFLOW",
                                 std::uint32_t max_pdu = 16384);
[[nodiscard]] Bytes pdu(std::uint8_t type, const Bytes& body);
[[nodiscard]] Bytes pdv(std::uint8_t context, std::uint8_t control,
                        std::span<const std::byte> fragment);
[[nodiscard]] Bytes command_element(std::uint16_t element, std::string_view value);
[[nodiscard]] Bytes command_number(std::uint16_t element, std::uint16_t value);
[[nodiscard]] Bytes echo_rq(std::uint16_t message_id = 1);
[[nodiscard]] Bytes store_rq(const std::string& sop_class, const std::string& uid,
                             std::uint16_t message_id = 1);
[[nodiscard]] Bytes operator+(Bytes left, const Bytes& right);

struct Pdu {
    std::uint8_t type = 0; // 0: the connection was closed; 255: nothing came in time
    Bytes body;
};
struct Response {
    std::uint16_t status = 0xFFFF;
    std::uint16_t command = 0;
    std::uint16_t message_id = 0;
    std::string comment;
};

class Peer {
  public:
    explicit Peer(std::uint16_t port, const std::string& address = "127.0.0.1");
    ~Peer();
    Peer(Peer&& other) noexcept;
    Peer(const Peer&) = delete;
    void send(const Bytes& bytes); // a closed connection is no error: read() will say so
    [[nodiscard]] Pdu read(milliseconds patience = seconds(20));
    void close();
    [[nodiscard]] int fd() const { return fd_; }

    // Associates; true if accepted. `answer` is what came.
    bool associate(const std::vector<Proposal>& proposals, const std::string& calling = "TESTSCU",
                   const std::string& called = "DCMFLOW");
    [[nodiscard]] std::uint8_t context_result(std::size_t index) const; // of the answer
    [[nodiscard]] Response store(const std::string& sop_class, const std::string& uid,
                                 const Bytes& data_set, std::uint8_t context = 1,
                                 std::size_t fragment = 16000);
    [[nodiscard]] Response echo(std::uint8_t context = 1);
    [[nodiscard]] Response response();
    bool release();
    Pdu answer;

  private:
    int fd_ = -1;
};

// --- processes
// ---------------------------------------------------------------------------------------------

struct Ended {
    int code = -1;
    std::string output; // stdout and stderr
};
[[nodiscard]] Ended run(const std::vector<std::string>& command);
[[nodiscard]] bool have_tool(const std::string& name);

// Polls, for what has no condition to wait on.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              milliseconds patience = seconds(20));

} // namespace dcmflow::receive_test
