// FakeScp: a scripted storage SCP over raw sockets, for peers that misbehave in one chosen way.
//
// It shares no code with the SCU under test. One thread accepts; each connection runs the script on
// a thread of its own, joined in the destructor, which also breaks every connection.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dcmflow::testing {

using Bytes = std::vector<std::byte>;

struct Proposed {
    std::uint8_t id = 0;
    std::string sop_class;
    std::vector<std::string> syntaxes;
};

struct AssociateRq {
    std::string called;
    std::string calling;
    std::vector<Proposed> contexts;
    std::uint32_t max_pdu = 0;
    std::string implementation_class;
};

struct StoreRq {
    std::uint8_t context = 0;
    std::uint16_t command_field = 0;
    std::uint16_t message_id = 0;
    std::uint16_t priority = 0xFFFF;
    std::string sop_class;
    std::string sop_instance;
    Bytes data_set;
    std::size_t data_pdus = 0;
    std::size_t largest_pdu = 0;
};

struct ScpOptions {
    std::uint32_t max_pdu = 16384;
    // Result for a proposed context (PS3.8 9.3.3.2); default: accept all.
    std::function<std::uint8_t(const Proposed&)> judge;
};

class FakePeer {
  public:
    explicit FakePeer(int descriptor) : descriptor_(descriptor) {}
    // Nothing: the connection ended.
    std::optional<AssociateRq> read_associate_rq();
    std::optional<AssociateRq> accept(const ScpOptions& options = {});
    // `stop_after_pdus`: returns after so many data PDUs, with what came so far.
    std::optional<StoreRq> read_store(std::size_t stop_after_pdus = SIZE_MAX);
    void respond(const StoreRq& request, std::uint16_t status, const std::string& comment = {});
    void respond_as(std::uint8_t context, std::uint16_t command, std::uint16_t message_id,
                    std::uint16_t status, const std::string& sop_instance,
                    const std::string& comment = {});
    void reject(std::uint8_t result, std::uint8_t source, std::uint8_t reason);
    void abort(std::uint8_t source = 0, std::uint8_t reason = 0);
    void close();          // polite TCP close
    void wait_for_end();   // until the other side ends; reads nothing before
    void drain();          // reads until the other side ends
    bool answer_release(); // true if the next PDU was an A-RELEASE-RQ; answers it
    // Accepts, then answers every C-STORE and C-ECHO with `status` until released.
    std::vector<StoreRq> serve(const ScpOptions& options = {}, std::uint16_t status = 0);
    void write(const Bytes& bytes);

  private:
    struct Pdu {
        std::uint8_t type = 0;
        Bytes body;
    };
    std::optional<Pdu> read_pdu();
    int descriptor_;
    std::optional<Pdu> pending_;
};

class FakeScp {
  public:
    using Script = std::function<void(FakePeer&)>;
    explicit FakeScp(Script script);
    ~FakeScp();
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] int connections() const { return connections_.load(); }

  private:
    void accept_loop();
    Script script_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_{0};
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::thread> workers_;
    std::thread acceptor_;
};

// A latch that a script and a test share; wait() gives false after a generous deadline.
class Signal {
  public:
    void set();
    bool wait();

  private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool set_ = false;
};

} // namespace dcmflow::testing
