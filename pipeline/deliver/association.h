// Association: the requestor's side of one DICOM association over a ClientSocket (PS3.8).
//
// Owned by a Link; one thread at a time, except abort(): any thread. Every wait has a deadline; a
// data set goes out from the caller's bytes in PDUs of the peer's size, uncopied. One message at a
// time. It never retries, and after any failure it is broken for good. Why it is ours and not
// DCMTK's: the requestor of DCMTK 3.6.7 connects by itself, to IPv4 only, with one connect time-out
// for the whole process, and cannot be given a connected socket; nor does it tell whether a byte of
// the data set went out before a failure.
#pragma once

#include "pipeline/deliver/client_socket.h"
#include "pipeline/deliver/dimse_command.h"
#include "pipeline/deliver/presentation_contexts.h"
#include "pipeline/deliver/upper_layer.h"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dcmflow::deliver {

struct AssociationError {
    bool permanent = false;
    std::string text;
};

// How one request and its response went.
struct Exchange {
    enum class End : std::uint8_t {
        answered,   // `response` holds; whether it fits the request is for the caller
        not_sent,   // broke before a byte of the data set went out
        unanswered, // broke or timed out after that
    };
    End end = End::not_sent;
    DimseResponse response;
    std::string text; // why not answered
};

struct AssociationLimits {
    std::chrono::milliseconds associate{30'000}; // for the A-ASSOCIATE-AC
    std::chrono::milliseconds stall{30'000}; // at least `progress` bytes must go out within this
    std::uint64_t progress = 16U << 10;
    std::chrono::milliseconds release{1'000};
};

class Association {
  public:
    [[nodiscard]] static tl::expected<std::unique_ptr<Association>, AssociationError>
    request(std::shared_ptr<ClientSocket> socket, std::string_view called_aet,
            std::string_view calling_aet, PresentationContexts contexts,
            const AssociationLimits& limits);
    ~Association(); // releases politely within the limit, else aborts

    [[nodiscard]] const PresentationContexts& contexts() const { return contexts_; }
    [[nodiscard]] std::uint16_t next_message_id() { return ++message_id_; } // wraps
    // `data_set` may be empty: a command alone. The response must be complete `answer_within` after
    // the last byte went out.
    [[nodiscard]] Exchange exchange(std::uint8_t context_id, std::span<const std::byte> command,
                                    std::span<const std::byte> data_set,
                                    std::chrono::milliseconds answer_within);
    // Nothing failed, and the peer has neither closed nor said anything unasked.
    [[nodiscard]] bool usable() const;
    void give_up(); // sends A-ABORT if that is possible at once, and breaks the connection
    void abort();   // any thread: a blocked call returns soon

  private:
    struct Pdu {
        std::uint8_t type = 0;
        std::vector<std::byte> body;
    };
    struct Fault {
        std::string text;
    };
    class Outgoing; // the iovecs of one message

    Association(std::shared_ptr<ClientSocket> socket, PresentationContexts contexts,
                AssociationLimits limits);
    [[nodiscard]] tl::expected<Pdu, Fault> read_pdu(Deadline deadline);
    [[nodiscard]] std::optional<Fault> send(Outgoing& message);
    // Takes one PDU that belongs to a response; a fault for any other.
    [[nodiscard]] std::optional<Fault> take_pdu(Deadline deadline);
    [[nodiscard]] std::optional<Fault> take_fragment(const Pdv& pdv);
    [[nodiscard]] std::string write_fault(const IoResult& result);
    void release();

    std::shared_ptr<ClientSocket> socket_; // shared with whoever may break off the request
    PresentationContexts contexts_;
    AssociationLimits limits_;
    std::uint32_t peer_max_pdu_ = 0;
    std::uint16_t message_id_ = 0;
    bool broken_ = false;
    std::vector<std::byte> response_; // command fragments so far
    bool response_complete_ = false;
};

} // namespace dcmflow::deliver
