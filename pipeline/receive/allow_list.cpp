#include "pipeline/receive/allow_list.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

namespace dcmflow::scp {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int v4_prefix_bits = 96;

PeerIp from_v4(const in_addr& address) {
    PeerIp ip;
    std::ranges::copy(v4_prefix, ip.bytes.begin());
    std::memcpy(ip.bytes.data() + v4_prefix.size(), &address, 4);
    return ip;
}

struct Network {
    PeerIp address;
    int prefix = 128;
};

std::optional<int> parse_prefix(std::string_view text, int most) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > most)
        return std::nullopt;
    return value;
}

// "10.0.0.0/8", "fd00::/8", "10.1.2.3", "" (anywhere).
std::optional<Network> parse_network(std::string_view text) {
    if (text.empty() || text == "*")
        return Network{{}, 0};
    const auto slash = text.find('/');
    const std::string address(text.substr(0, slash));
    in_addr v4{};
    in6_addr v6{};
    Network network;
    int offset = 0;
    if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
        network.address = from_v4(v4);
        offset = v4_prefix_bits;
    } else if (inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
        std::memcpy(network.address.bytes.data(), &v6, 16);
    } else {
        return std::nullopt;
    }
    if (slash != std::string_view::npos) {
        const auto prefix = parse_prefix(text.substr(slash + 1), 128 - offset);
        if (!prefix)
            return std::nullopt;
        network.prefix = offset + *prefix;
    }
    return network;
}

} // namespace

PeerIp PeerIp::from(const sockaddr_storage& address) {
    if (address.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        return from_v4(v4.sin_addr);
    }
    PeerIp ip;
    if (address.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(ip.bytes.data(), &v6.sin6_addr, 16);
    }
    return ip;
}

bool PeerIp::is_v4() const {
    return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin());
}

std::string PeerIp::text() const {
    std::array<char, INET6_ADDRSTRLEN> out{};
    const bool v4 = is_v4();
    const void* address = v4 ? bytes.data() + v4_prefix.size() : bytes.data();
    inet_ntop(v4 ? AF_INET : AF_INET6, address, out.data(), static_cast<socklen_t>(out.size()));
    return out.data();
}

bool AllowList::Entry::contains(const PeerIp& peer) const {
    const auto whole = static_cast<std::ptrdiff_t>(prefix / 8);
    if (!std::equal(network.bytes.begin(), network.bytes.begin() + whole, peer.bytes.begin()))
        return false;
    const int rest = prefix % 8;
    if (rest == 0)
        return true;
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
    const auto at = static_cast<std::size_t>(whole);
    return (network.bytes[at] & mask) == (peer.bytes[at] & mask);
}

Result<AllowList> AllowList::parse(std::span<const AllowEntry> entries) {
    AllowList list;
    for (const auto& entry : entries) {
        const auto network = parse_network(entry.network);
        if (!network)
            return fail(ErrorCode::invalid_argument,
                        "listen.dicom.allow: \"" + entry.aet + "@" + entry.network +
                            "\" is not AETITLE@CIDR; expected a network like "
                            "10.0.0.0/8 or fd00::/8 after the @");
        list.entries_.push_back(
            {entry.aet.empty() ? "*" : entry.aet, network->address, network->prefix});
    }
    if (list.entries_.empty())
        return fail(ErrorCode::invalid_argument, "listen.dicom.allow is empty: nobody could send; "
                                                 "expected at least one AETITLE@CIDR, or \"*\"");
    return list;
}

bool AllowList::may_connect(const PeerIp& peer) const {
    return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.contains(peer); });
}

bool AllowList::may_associate(std::string_view calling_aet, const PeerIp& peer) const {
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
        return entry.contains(peer) && matches_wildcards(entry.aet, calling_aet);
    });
}

bool matches_wildcards(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, retry = 0;
    auto star = std::string_view::npos; // the last * seen: only that one ever needs to take more
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

} // namespace dcmflow::scp
