#include "pipeline/deliver/association.h"

#include "pipeline/dimse/command_set.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dcmflow::deliver {

namespace {

using Clock = std::chrono::steady_clock;

// Larger PDUs gain nothing, and a peer that promises to take any size need not be believed.
constexpr std::size_t max_fragment_bytes = 256U << 10;
constexpr std::size_t pdus_per_call = 32;

std::string mebibytes(std::uint64_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / 1048576.0);
}

} // namespace

// Cuts a command and a data set into P-DATA-TF PDUs, a few dozen at a time, without copying either.
class Association::Outgoing {
  public:
    Outgoing(std::uint8_t context_id, std::span<const std::byte> command,
             std::span<const std::byte> data_set, std::size_t fragment_bytes)
        : context_id_(context_id), command_(command), data_set_(data_set),
          fragment_bytes_(fragment_bytes) {}

    [[nodiscard]] bool done() const {
        return next_ == pieces_.size() && command_.empty() && data_set_.empty();
    }

    // What to write next.
    [[nodiscard]] std::span<const iovec> pieces() {
        if (next_ == pieces_.size()) {
            refill();
        }
        return std::span<const iovec>(pieces_).subspan(next_);
    }

    void advance(std::size_t written) {
        total_ += written;
        while (written > 0) {
            iovec& piece = pieces_[next_];
            const std::size_t step = std::min(written, piece.iov_len);
            piece.iov_base = static_cast<std::byte*>(piece.iov_base) + step;
            piece.iov_len -= step;
            written -= step;
            next_ += piece.iov_len == 0 ? 1U : 0U;
        }
    }

    [[nodiscard]] std::uint64_t written() const { return total_; }
    // Bytes of the data set's PDUs that the kernel has taken.
    [[nodiscard]] std::uint64_t data_written() const {
        return total_ > command_bytes_ ? total_ - command_bytes_ : 0;
    }

  private:
    void refill() {
        pieces_.clear();
        next_ = 0;
        std::size_t pdus = 0;
        while (!command_.empty() && pdus < pdus_per_call) {
            command_bytes_ += add(command_, true, pdus++);
        }
        while (command_.empty() && !data_set_.empty() && pdus < pdus_per_call) {
            add(data_set_, false, pdus++);
        }
    }

    std::size_t add(std::span<const std::byte>& source, bool command, std::size_t pdu) {
        const std::size_t bytes = std::min(fragment_bytes_, source.size());
        headers_[pdu] =
            dimse::make_data_header(context_id_, command, bytes == source.size(), bytes);
        pieces_.push_back({headers_[pdu].data(), headers_[pdu].size()});
        pieces_.push_back({const_cast<std::byte*>(source.data()), bytes}); // only read by sendmsg
        source = source.subspan(bytes);
        return bytes + headers_[pdu].size();
    }

    std::uint8_t context_id_;
    std::span<const std::byte> command_;
    std::span<const std::byte> data_set_;
    std::size_t fragment_bytes_;
    std::array<dimse::DataHeader, pdus_per_call> headers_{};
    std::vector<iovec> pieces_;
    std::size_t next_ = 0;
    std::uint64_t total_ = 0;
    std::uint64_t command_bytes_ = 0;
};

Association::Association(std::shared_ptr<ClientSocket> socket, PresentationContexts contexts,
                         AssociationLimits limits)
    : socket_(std::move(socket)), contexts_(std::move(contexts)), limits_(limits) {}

tl::expected<std::unique_ptr<Association>, AssociationError>
Association::request(std::shared_ptr<ClientSocket> socket, std::string_view called_aet,
                     std::string_view calling_aet, PresentationContexts contexts,
                     const AssociationLimits& limits) {
    const auto failed = [](bool permanent, std::string text) {
        return tl::unexpected<AssociationError>(AssociationError{permanent, std::move(text)});
    };
    const auto rq = make_associate_rq(called_aet, calling_aet, contexts);
    std::unique_ptr<Association> association(
        new Association(std::move(socket), std::move(contexts), limits));
    association->broken_ = true; // nothing to release until the peer accepted
    const Deadline deadline = Clock::now() + limits.associate;
    const IoResult sent = association->socket_->write_all(rq, deadline);
    if (!sent.ok()) {
        return failed(false, "the association request could not be sent: " + sent.text());
    }
    auto pdu = association->read_pdu(deadline);
    if (!pdu) {
        association->give_up();
        return failed(false, "no answer to the association request: " + pdu.error().text);
    }
    switch (static_cast<dimse::PduType>(pdu->type)) {
    case dimse::PduType::associate_ac:
        break;
    case dimse::PduType::associate_rj: {
        Rejection rejection = parse_associate_rj(pdu->body);
        return failed(rejection.permanent, std::move(rejection.text));
    }
    case dimse::PduType::abort:
        return failed(false, "association aborted by the peer " + describe_abort(pdu->body));
    default:
        association->give_up();
        return failed(false,
                      fmt::format("the peer answered the association request with PDU type {:02X}",
                                  pdu->type));
    }
    const auto max_pdu = parse_associate_ac(pdu->body, association->contexts_);
    if (!max_pdu) {
        association->give_up();
        return failed(false, max_pdu.error().text);
    }
    association->peer_max_pdu_ = *max_pdu;
    association->broken_ = false;
    return association;
}

Association::~Association() {
    if (!broken_) {
        release();
    }
}

tl::expected<Association::Pdu, Association::Fault> Association::read_pdu(Deadline deadline) {
    std::array<std::byte, dimse::pdu_header_bytes> bytes{};
    IoResult result = socket_->read_exact(bytes, deadline);
    if (!result.ok()) {
        return tl::unexpected<Fault>(Fault{result.text()});
    }
    const dimse::PduHeader header = dimse::parse_pdu_header(bytes);
    if (header.type < 1 || header.type > 7 || header.length > max_incoming_pdu) {
        return tl::unexpected<Fault>(
            Fault{fmt::format("the peer sent something that is not a PDU (type {:02X}, {} bytes)",
                              header.type, header.length)});
    }
    Pdu pdu{header.type, {}};
    while (pdu.body.size() < header.length) { // grows as bytes come, not by what the header claims
        const std::size_t had = pdu.body.size();
        pdu.body.resize(had + std::min<std::size_t>(header.length - had, 64U << 10));
        result = socket_->read_exact(std::span(pdu.body).subspan(had), deadline);
        if (!result.ok()) {
            return tl::unexpected<Fault>(Fault{result.text()});
        }
    }
    return pdu;
}

std::optional<Association::Fault> Association::take_pdu(Deadline deadline) {
    auto pdu = read_pdu(deadline);
    if (!pdu) {
        return pdu.error();
    }
    switch (static_cast<dimse::PduType>(pdu->type)) {
    case dimse::PduType::data:
        break;
    case dimse::PduType::abort:
        return Fault{"association aborted by the peer " + describe_abort(pdu->body)};
    case dimse::PduType::release_rq:
        return Fault{"the peer asked for the release of the association"};
    default:
        return Fault{fmt::format("the peer sent an unexpected PDU, type {:02X}", pdu->type)};
    }
    const auto pdvs = parse_data_pdu(pdu->body);
    if (!pdvs) {
        return Fault{pdvs.error().text};
    }
    for (const Pdv& pdv : *pdvs) {
        if (auto fault = take_fragment(pdv)) {
            return fault;
        }
    }
    return std::nullopt;
}

std::optional<Association::Fault> Association::take_fragment(const Pdv& pdv) {
    // Responses to C-STORE and C-ECHO have no data set.
    if (!pdv.command || response_complete_ ||
        response_.size() + pdv.fragment.size() > dimse::max_command_bytes) {
        return Fault{"the peer sent data that belongs to no response"};
    }
    response_.insert(response_.end(), pdv.fragment.begin(), pdv.fragment.end());
    response_complete_ = pdv.last;
    return std::nullopt;
}

// The peer's A-ABORT often waits to be read when a write fails: it says more than "broken pipe".
std::string Association::write_fault(const IoResult& result) {
    if (result.status == IoStatus::failed) {
        if (auto pdu = read_pdu(Clock::now());
            pdu && static_cast<dimse::PduType>(pdu->type) == dimse::PduType::abort) {
            return "association aborted by the peer " + describe_abort(pdu->body);
        }
    }
    return result.text();
}

std::optional<Association::Fault> Association::send(Outgoing& message) {
    Deadline window_end = Clock::now() + limits_.stall;
    std::uint64_t window_start = 0;
    while (true) {
        std::size_t written = 0;
        const IoResult result = socket_->write_some(message.pieces(), written);
        if (!result.ok()) {
            return Fault{write_fault(result)};
        }
        message.advance(written);
        if (message.done()) {
            return std::nullopt;
        }
        if (message.written() - window_start >= limits_.progress) {
            window_start = message.written();
            window_end = Clock::now() + limits_.stall;
        }
        // Listen while sending: a peer that aborts in mid-transfer says so, and an early answer is
        // kept.
        const Ready ready = socket_->wait(!response_complete_, true, window_end);
        if (ready.status != IoStatus::ok) {
            return Fault{ready.status == IoStatus::timeout
                             ? fmt::format("the peer took less than {} KiB in {} s",
                                           limits_.progress / 1024,
                                           std::chrono::duration<double>(limits_.stall).count())
                             : "waiting for the socket failed"};
        }
        if (ready.readable && !response_complete_) {
            if (auto fault = take_pdu(window_end)) {
                return fault;
            }
        }
    }
}

Exchange Association::exchange(std::uint8_t context_id, std::span<const std::byte> command,
                               std::span<const std::byte> data_set,
                               std::chrono::milliseconds answer_within) {
    Exchange exchange;
    if (!usable()) {
        broken_ = true;
        exchange.text = "the peer has closed the association";
        return exchange;
    }
    response_.clear();
    response_complete_ = false;
    const std::size_t room =
        peer_max_pdu_ == 0 ? max_fragment_bytes : peer_max_pdu_ - dimse::pdv_header_bytes;
    const std::size_t fragment =
        std::min(room, max_fragment_bytes) & ~std::size_t{1}; // even (PS3.8 E.2)
    Outgoing message(context_id, command, data_set, fragment);
    std::optional<Fault> fault = send(message);
    const std::string progress =
        fault ? fmt::format(" (after {} of {})", mebibytes(message.data_written()),
                            mebibytes(data_set.size()))
              : std::string(" (after the whole object was sent)");
    if (message.data_written() > 0) {
        exchange.end = Exchange::End::unanswered;
    }
    const Deadline deadline = Clock::now() + answer_within;
    while (!fault && !response_complete_) {
        fault = take_pdu(deadline);
    }
    if (!fault) {
        auto response = parse_response(response_);
        if (response && !response->has_data_set) {
            exchange.end = Exchange::End::answered;
            exchange.response = std::move(*response);
            return exchange;
        }
        fault = Fault{response ? "the response announces a data set" : response.error().text};
    }
    exchange.text = fault->text + (data_set.empty() ? "" : progress);
    give_up();
    return exchange;
}

bool Association::usable() const {
    return !broken_ && !socket_->wait(true, false, Clock::now()).readable;
}

void Association::give_up() {
    broken_ = true;
    (void)socket_->write_all(dimse::make_abort_by_user(), Clock::now());
    socket_->abort();
}

void Association::abort() {
    socket_->abort();
}

void Association::release() {
    const Deadline deadline = Clock::now() + limits_.release;
    if (!socket_->write_all(dimse::make_release_rq(), deadline).ok()) {
        return;
    }
    while (true) {
        const auto pdu = read_pdu(deadline);
        if (!pdu) {
            give_up();
            return;
        }
        const auto type = static_cast<dimse::PduType>(pdu->type);
        if (type ==
            dimse::PduType::release_rq) { // collision (PS3.8 9.2, AR-8): answer, and go on waiting
            (void)socket_->write_all(dimse::make_release_rp(), deadline);
        } else if (type != dimse::PduType::data) {
            return;
        }
    }
}

} // namespace dcmflow::deliver
