#include "pipeline/receive/door.h"

#include "pipeline/receive/negotiation.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <span>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace dcmflow::scp {

namespace {

constexpr std::size_t scratch_bytes = 64U << 10;
constexpr int accepts_at_once = 64; // per listening socket, so that visitors have their turn

UniqueFd open_reserve() {
    return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Descriptors are for objects too: visitors may have a quarter of them.
std::size_t affordable(std::size_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    return std::clamp<std::size_t>(limit.rlim_cur / 4, 16, std::max<std::size_t>(wanted, 16));
}

} // namespace

Door::Door(Listening listening, DoorPolicy policy, const DimseOptions& options,
           DimseCounters& counters, Logger& logger, Admit admit)
    : listening_(std::move(listening)), policy_(std::move(policy)), options_(options),
      counters_(counters), logger_(logger), admit_(std::move(admit)),
      most_pending_(std::min(options.pending, affordable(options.pending))),
      reserve_(open_reserve()), scratch_(scratch_bytes) {}

void Door::stop_accepting() {
    accepting_ = false;
    wake_.raise();
}

void Door::end() {
    ended_.raise();
}

void Door::close_gently(Stream stream) {
    stream.close_write();
    const std::lock_guard lock(mutex_);
    closing_.push_back(std::move(stream));
    wake_.raise();
}

void Door::run() {
    std::vector<pollfd> entries;
    while (!ended_.raised()) {
        if (!accepting_ && !listening_.sockets.empty()) {
            listening_.sockets.clear();
            for (auto& visitor : visitors_)
                visitor.gone = visitor.gone || !visitor.closing;
            sweep();
        }
        wait(entries);
        // The entries stand in the order in which wait() made them: signals, visitors, listening
        // sockets.
        std::size_t at = 2;
        const auto now = std::chrono::steady_clock::now();
        for (auto& visitor : visitors_) {
            if (entries[at++].revents != 0)
                receive(visitor);
            else if (now >= visitor.deadline)
                expire(visitor);
        }
        if (entries[0].revents != 0)
            take_closing();
        for (const auto& listener : listening_.sockets)
            if (at < entries.size() && entries[at++].revents != 0)
                accept_from(listener);
        sweep();
    }
}

void Door::wait(std::vector<pollfd>& entries) {
    entries.clear();
    entries.push_back({wake_.descriptor(), POLLIN, 0});
    entries.push_back({ended_.descriptor(), POLLIN, 0});
    auto next = Deadline::max();
    for (const auto& visitor : visitors_) {
        entries.push_back({visitor.stream.descriptor(), POLLIN, 0});
        next = std::min(next, visitor.deadline);
    }
    for (const auto& listener : listening_.sockets)
        entries.push_back({listener.get(), POLLIN, 0});
    int timeout = -1;
    if (next != Deadline::max()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(next - std::chrono::steady_clock::now());
        timeout = static_cast<int>(
            std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
    }
    if (poll(entries.data(), entries.size(), timeout) < 0)
        for (auto& entry : entries)
            entry.revents = 0; // interrupted
}

void Door::take_closing() {
    wake_.lower();
    const std::lock_guard lock(mutex_);
    for (auto& stream : closing_)
        visitors_.push_back(
            {std::move(stream), std::chrono::steady_clock::now() + options_.times.artim, {}, true});
    closing_.clear();
}

// Descriptors have run out: the newest connection is closed at once, so that it neither hangs nor
// keeps the listening socket readable for ever.
bool Door::spend_reserve(int listener) {
    reserve_.reset();
    const UniqueFd refused(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    const bool taken = static_cast<bool>(refused);
    if (taken) {
        counters_.connections_refused.fetch_add(1, std::memory_order_relaxed);
        log_refusal("connection_refused", {}, "no file descriptors left");
    }
    return taken;
}

void Door::accept_from(const UniqueFd& listener) {
    for (int count = 0; count < accepts_at_once; ++count) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        UniqueFd fd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&address), &length,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            if ((errno == EMFILE || errno == ENFILE) && spend_reserve(listener.get())) {
                reserve_ = open_reserve();
                continue;
            }
            return; // nothing more, or an error of that one connection
        }
        const auto peer = PeerIp::from(address);
        counters_.connections.fetch_add(1, std::memory_order_relaxed);
        if (!policy_.allow.may_connect(peer)) {
            counters_.connections_refused.fetch_add(1, std::memory_order_relaxed);
            log_refusal("connection_refused", peer, "its network is not in the allow list");
            continue;
        }
        visitors_.push_back({Stream(std::move(fd), peer),
                             std::chrono::steady_clock::now() + options_.times.artim,
                             {}});
    }
}

void Door::receive(Visitor& visitor) {
    if (visitor.gone)
        return;
    const auto got = visitor.stream.read_now(scratch_);
    if (got.state == IoState::closed || got.state == IoState::failed)
        visitor.gone = true;
    else if (got.state == IoState::ok && !visitor.closing)
        collect(visitor, std::span<const std::byte>(scratch_).first(got.bytes));
}

void Door::collect(Visitor& visitor, std::span<const std::byte> bytes) {
    auto& request = visitor.request;
    request.insert(request.end(), bytes.begin(), bytes.end());
    pending_bytes_ += bytes.size();
    if (request[0] != std::byte(dimse::PduType::associate_rq))
        return abort(visitor, AbortReason::unexpected_pdu, "the first PDU is no A-ASSOCIATE-RQ");
    if (request.size() < dimse::pdu_header_bytes)
        return;
    const auto header = dimse::parse_pdu_header(
        std::span<const std::byte>(request).first<dimse::pdu_header_bytes>());
    if (header.length > max_associate_pdu)
        return abort(visitor, AbortReason::invalid_parameter,
                     "an A-ASSOCIATE-RQ of " + std::to_string(header.length) + " bytes");
    if (request.size() >= dimse::pdu_header_bytes + header.length)
        return settle(visitor, header.length);
    if (pending_bytes_ > options_.pending_bytes) { // whoever sent most has to go
        const auto smaller = [](const Visitor& a, const Visitor& b) {
            return a.request.size() < b.request.size();
        };
        abort(*std::ranges::max_element(visitors_, smaller), AbortReason::not_specified,
              "too many long association requests are under way");
    }
}

void Door::settle(Visitor& visitor, std::size_t request_bytes) {
    const auto bytes = std::span<const std::byte>(visitor.request).subspan(dimse::pdu_header_bytes);
    const auto request = parse_associate_rq(bytes.first(request_bytes));
    if (!request)
        return abort(visitor, AbortReason::invalid_parameter, request.error().text);
    if ((request->protocol_version & 1U) == 0)
        return reject(visitor, protocol_not_supported, *request);
    if (request->application_context != dimse::dicom_application_context)
        return reject(visitor, application_context_not_supported, *request);
    if (!policy_.allow.may_associate(request->calling_aet, visitor.stream.peer()))
        return reject(visitor, calling_aet_not_recognised, *request);
    const auto called = [&](const std::string& aet) {
        return matches_wildcards(aet, request->called_aet);
    };
    if (!policy_.called.empty() && std::ranges::none_of(policy_.called, called))
        return reject(visitor, called_aet_not_recognised, *request);

    auto negotiated = negotiate(*request);
    const auto behind = bytes.subspan(request_bytes);
    Admission admission{std::move(visitor.stream),
                        request->calling_aet,
                        request->called_aet,
                        request->implementation_version,
                        request->max_pdu,
                        std::move(negotiated.contexts),
                        make_associate_ac(*request, negotiated.answers),
                        {behind.begin(), behind.end()}};
    if (admit_(admission)) {
        visitor.gone = true;
        return;
    }
    visitor.stream = std::move(admission.stream);
    counters_.rejected_over_limit.fetch_add(1, std::memory_order_relaxed);
    reject(visitor, local_limit_exceeded, *request);
}

void Door::reject(Visitor& visitor, const Rejection& rejection, const AssociateRequest& request) {
    counters_.rejected.fetch_add(1, std::memory_order_relaxed);
    log_refusal("association_rejected", visitor.stream.peer(),
                std::string(rejection.text) + " (calling \"" + request.calling_aet +
                    "\", called \"" + request.called_aet + "\")");
    say(visitor, make_associate_rj(rejection));
}

void Door::abort(Visitor& visitor, AbortReason reason, const std::string& why) {
    counters_.broken.fetch_add(1, std::memory_order_relaxed);
    log_refusal("association_aborted", visitor.stream.peer(), why);
    say(visitor, make_abort_by_provider(reason));
}

void Door::say(Visitor& visitor, std::span<const std::byte> last_word) {
    (void)visitor.stream.write_now(last_word); // ten bytes into an empty socket buffer
    visitor.stream.close_write();
    visitor.closing = true;
    pending_bytes_ -= visitor.request.size();
    std::vector<std::byte>().swap(visitor.request);
    visitor.deadline = std::chrono::steady_clock::now() + options_.times.artim;
}

void Door::expire(Visitor& visitor) {
    if (visitor.gone)
        return;
    visitor.gone = true;
    if (visitor.closing)
        return;
    counters_.connections_refused.fetch_add(1, std::memory_order_relaxed);
    log_refusal("connection_refused", visitor.stream.peer(),
                "it sent no whole A-ASSOCIATE-RQ in time");
}

// Removes who is gone and keeps the number of visitors bounded.
void Door::sweep() {
    std::erase_if(visitors_, [](const Visitor& visitor) { return visitor.gone; });
    while (visitors_.size() > most_pending_) {
        auto& oldest = visitors_.front();
        counters_.connections_refused.fetch_add(1, std::memory_order_relaxed);
        log_refusal("connection_refused", oldest.stream.peer(),
                    "too many connections wait; it was the oldest");
        visitors_.pop_front();
    }
    pending_bytes_ = 0;
    for (const auto& visitor : visitors_)
        pending_bytes_ += visitor.request.size();
}

// A flood of refusals must not fill the disk with lines about it.
void Door::log_refusal(std::string_view event, const PeerIp& peer, const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    if (now - log_second_ >= std::chrono::seconds(1)) {
        log_second_ = now;
        logged_ = 0;
    }
    if (++logged_ > options_.refusals_logged_per_second) {
        ++unlogged_;
        return;
    }
    logger_.log(LogLevel::warning, event,
                {{"peer", peer.text()}, {"why", why}, {"not_logged", std::to_string(unlogged_)}});
    unlogged_ = 0;
}

} // namespace dcmflow::scp
