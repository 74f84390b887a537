#include "tests/deliver/fake_scp.h"

#include <chrono>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dcmflow::testing {

namespace {

std::uint32_t be(const Bytes& bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        value = (value << 8) | std::to_integer<std::uint32_t>(bytes.at(at + i));
    }
    return value;
}

std::uint32_t le(const Bytes& bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = count; i > 0; --i) {
        value = (value << 8) | std::to_integer<std::uint32_t>(bytes.at(at + i - 1));
    }
    return value;
}

void put_be(Bytes& out, std::uint64_t value, int count) {
    for (int i = count - 1; i >= 0; --i) {
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
}

void put_le(Bytes& out, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) {
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
}

void put(Bytes& out, const std::string& text) {
    for (const char c : text) {
        out.push_back(static_cast<std::byte>(c));
    }
}

std::string text_at(const Bytes& bytes, std::size_t at, std::size_t count) {
    std::string text(reinterpret_cast<const char*>(bytes.data()) + at, count);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) {
        text.pop_back();
    }
    return text;
}

void put_element(Bytes& out, std::uint16_t element, const Bytes& value) {
    put_le(out, 0, 2);
    put_le(out, element, 2);
    put_le(out, value.size(), 4);
    out.insert(out.end(), value.begin(), value.end());
}

Bytes us(std::uint16_t value) {
    Bytes bytes;
    put_le(bytes, value, 2);
    return bytes;
}

Bytes padded(const std::string& text, char pad) {
    Bytes bytes;
    put(bytes, text);
    if (bytes.size() % 2 != 0) {
        bytes.push_back(static_cast<std::byte>(pad));
    }
    return bytes;
}

bool read_all(int descriptor, std::byte* into, std::size_t count) {
    while (count > 0) {
        const ssize_t got = ::recv(descriptor, into, count, 0);
        if (got <= 0) {
            return false;
        }
        into += got;
        count -= static_cast<std::size_t>(got);
    }
    return true;
}

} // namespace

std::optional<FakePeer::Pdu> FakePeer::read_pdu() {
    if (pending_) {
        auto pdu = std::move(pending_);
        pending_.reset();
        return pdu;
    }
    Bytes header(6);
    if (!read_all(descriptor_, header.data(), header.size())) {
        return std::nullopt;
    }
    Pdu pdu{std::to_integer<std::uint8_t>(header[0]), Bytes(be(header, 2, 4))};
    if (!read_all(descriptor_, pdu.body.data(), pdu.body.size())) {
        return std::nullopt;
    }
    return pdu;
}

std::optional<AssociateRq> FakePeer::read_associate_rq() {
    const auto pdu = read_pdu();
    if (!pdu || pdu->type != 1) {
        return std::nullopt;
    }
    AssociateRq request;
    request.called = text_at(pdu->body, 4, 16);
    request.calling = text_at(pdu->body, 20, 16);
    for (std::size_t at = 68; at + 4 <= pdu->body.size();) {
        const auto type = be(pdu->body, at, 1);
        const std::size_t end = at + 4 + be(pdu->body, at + 2, 2);
        if (type == 0x20) {
            Proposed proposed;
            proposed.id = static_cast<std::uint8_t>(be(pdu->body, at + 4, 1));
            for (std::size_t sub = at + 8; sub + 4 <= end;) {
                const std::size_t length = be(pdu->body, sub + 2, 2);
                const std::string uid = text_at(pdu->body, sub + 4, length);
                if (be(pdu->body, sub, 1) == 0x30) {
                    proposed.sop_class = uid;
                } else {
                    proposed.syntaxes.push_back(uid);
                }
                sub += 4 + length;
            }
            request.contexts.push_back(proposed);
        } else if (type == 0x50) {
            for (std::size_t sub = at + 4; sub + 4 <= end;) {
                const std::size_t length = be(pdu->body, sub + 2, 2);
                if (be(pdu->body, sub, 1) == 0x51) {
                    request.max_pdu = be(pdu->body, sub + 4, 4);
                } else if (be(pdu->body, sub, 1) == 0x52) {
                    request.implementation_class = text_at(pdu->body, sub + 4, length);
                }
                sub += 4 + length;
            }
        }
        at = end;
    }
    return request;
}

std::optional<AssociateRq> FakePeer::accept(const ScpOptions& options) {
    auto request = read_associate_rq();
    if (!request) {
        return std::nullopt;
    }
    Bytes body;
    put_be(body, 1, 2);
    put_be(body, 0, 2);
    body.resize(68, std::byte{' '});
    put_be(body, 0x10000015, 4);
    put(body, "1.2.840.10008.3.1.1.1");
    for (const Proposed& proposed : request->contexts) {
        const std::uint8_t result = options.judge ? options.judge(proposed) : 0;
        const std::string& syntax = proposed.syntaxes.at(0);
        put_be(body, 0x2100, 2);
        put_be(body, 8 + syntax.size(), 2);
        put_be(body, proposed.id, 1);
        put_be(body, 0, 1);
        put_be(body, result, 1);
        put_be(body, 0, 1);
        put_be(body, 0x4000, 2);
        put_be(body, syntax.size(), 2);
        put(body, syntax);
    }
    put_be(body, 0x50000008, 4);
    put_be(body, 0x51000004, 4);
    put_be(body, options.max_pdu, 4);
    Bytes pdu;
    put_be(pdu, 0x0200, 2);
    put_be(pdu, body.size(), 4);
    pdu.insert(pdu.end(), body.begin(), body.end());
    write(pdu);
    return request;
}

std::optional<StoreRq> FakePeer::read_store(std::size_t stop_after_pdus) {
    StoreRq request;
    Bytes command;
    bool data_follows = true;
    while (true) {
        auto pdu = read_pdu();
        if (!pdu) {
            return std::nullopt;
        }
        if (pdu->type != 4) {
            pending_ = std::move(pdu);
            return std::nullopt;
        }
        request.largest_pdu = std::max(request.largest_pdu, pdu->body.size());
        for (std::size_t at = 0; at + 6 <= pdu->body.size();) {
            const std::size_t length = be(pdu->body, at, 4);
            const auto control = be(pdu->body, at + 5, 1);
            request.context = static_cast<std::uint8_t>(be(pdu->body, at + 4, 1));
            const auto* fragment = pdu->body.data() + at + 6;
            Bytes& target = (control & 1) != 0 ? command : request.data_set;
            target.insert(target.end(), fragment, fragment + length - 2);
            at += 4 + length;
            if (control == 3) {
                for (std::size_t e = 0; e + 8 <= command.size(); e += 8 + le(command, e + 4, 4)) {
                    const auto count = le(command, e + 4, 4);
                    switch (le(command, e + 2, 2)) {
                    case 0x0002:
                        request.sop_class = text_at(command, e + 8, count);
                        break;
                    case 0x1000:
                        request.sop_instance = text_at(command, e + 8, count);
                        break;
                    case 0x0100:
                        request.command_field = static_cast<std::uint16_t>(le(command, e + 8, 2));
                        break;
                    case 0x0110:
                        request.message_id = static_cast<std::uint16_t>(le(command, e + 8, 2));
                        break;
                    case 0x0700:
                        request.priority = static_cast<std::uint16_t>(le(command, e + 8, 2));
                        break;
                    case 0x0800:
                        data_follows = le(command, e + 8, 2) != 0x0101;
                        break;
                    default:
                        break;
                    }
                }
                if (!data_follows) {
                    return request;
                }
            } else if ((control & 1) == 0) {
                ++request.data_pdus;
                if ((control & 2) != 0 || request.data_pdus >= stop_after_pdus) {
                    return request;
                }
            }
        }
    }
}

void FakePeer::respond(const StoreRq& request, std::uint16_t status, const std::string& comment) {
    respond_as(request.context, request.command_field == 0x30 ? 0x8030 : 0x8001, request.message_id,
               status, request.sop_instance, comment);
}

void FakePeer::respond_as(std::uint8_t context, std::uint16_t command, std::uint16_t message_id,
                          std::uint16_t status, const std::string& sop_instance,
                          const std::string& comment) {
    Bytes elements;
    put_element(elements, 0x0100, us(command));
    put_element(elements, 0x0120, us(message_id));
    put_element(elements, 0x0800, us(0x0101));
    put_element(elements, 0x0900, us(status));
    if (!comment.empty()) {
        put_element(elements, 0x0902, padded(comment, ' '));
    }
    if (!sop_instance.empty()) {
        put_element(elements, 0x1000, padded(sop_instance, '\0'));
    }
    Bytes group;
    put_le(group, elements.size(), 4);
    Bytes set;
    put_element(set, 0x0000, group);
    set.insert(set.end(), elements.begin(), elements.end());
    Bytes pdu;
    put_be(pdu, 0x0400, 2);
    put_be(pdu, set.size() + 6, 4);
    put_be(pdu, set.size() + 2, 4);
    put_be(pdu, context, 1);
    put_be(pdu, 3, 1);
    pdu.insert(pdu.end(), set.begin(), set.end());
    write(pdu);
}

void FakePeer::reject(std::uint8_t result, std::uint8_t source, std::uint8_t reason) {
    Bytes pdu;
    put_be(pdu, 0x0300, 2);
    put_be(pdu, 4, 4);
    put_be(pdu, 0, 1);
    put_be(pdu, result, 1);
    put_be(pdu, source, 1);
    put_be(pdu, reason, 1);
    write(pdu);
}

void FakePeer::abort(std::uint8_t source, std::uint8_t reason) {
    Bytes pdu;
    put_be(pdu, 0x0700, 2);
    put_be(pdu, 4, 4);
    put_be(pdu, 0, 2);
    put_be(pdu, source, 1);
    put_be(pdu, reason, 1);
    write(pdu);
}

void FakePeer::close() {
    ::shutdown(descriptor_, SHUT_RDWR);
}

void FakePeer::wait_for_end() {
    // POLLRDHUP tells of the end although unread bytes are in the way; none asked for: none is
    // read.
    pollfd entry{descriptor_, POLLRDHUP, 0};
    (void)::poll(&entry, 1, 60'000);
}

void FakePeer::drain() {
    std::byte buffer[4096];
    while (::recv(descriptor_, buffer, sizeof buffer, 0) > 0) {
    }
}

bool FakePeer::answer_release() {
    const auto pdu = read_pdu();
    if (!pdu || pdu->type != 5) {
        return false;
    }
    Bytes reply;
    put_be(reply, 0x0600, 2);
    put_be(reply, 4, 4);
    put_be(reply, 0, 4);
    write(reply);
    return true;
}

std::vector<StoreRq> FakePeer::serve(const ScpOptions& options, std::uint16_t status) {
    std::vector<StoreRq> got;
    if (accept(options)) {
        while (auto request = read_store()) {
            respond(*request, status);
            got.push_back(std::move(*request));
        }
        (void)answer_release();
    }
    return got;
}

void FakePeer::write(const Bytes& bytes) {
    (void)::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

FakeScp::FakeScp(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 64 * 1024; // so that a peer that does not read is felt soon
    (void)::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
        ::listen(listener_, 64) == 0) {
        (void)::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
    }
    acceptor_ = std::thread([this] { accept_loop(); });
}

FakeScp::~FakeScp() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int descriptor : open_) {
            ::shutdown(descriptor, SHUT_RDWR);
        }
    }
    for (std::thread& worker : workers_) {
        worker.join();
    }
    for (const int descriptor : open_) {
        ::close(descriptor);
    }
    ::close(listener_);
}

void FakeScp::accept_loop() {
    while (true) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) {
            return;
        }
        const int on = 1;
        (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ++connections_;
        const std::lock_guard lock(mutex_);
        open_.push_back(descriptor);
        workers_.emplace_back([this, descriptor] {
            FakePeer peer(descriptor);
            script_(peer);
            peer.close();
        });
    }
}

void Signal::set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    condition_.notify_all();
}

bool Signal::wait() {
    std::unique_lock lock(mutex_);
    return condition_.wait_for(lock, std::chrono::seconds(60), [this] { return set_; });
}

} // namespace dcmflow::testing
