// AllowList: who may connect and associate: "AETITLE@CIDR" entries of the config (design §7).
//
// Immutable after parse; any thread. AE titles are compared case by case with * and ? as wildcards;
// networks are IPv4 or IPv6, and an IPv4 peer seen through an IPv6 socket (::ffff:10.0.0.7) is an
// IPv4 peer. It never resolves names: a forged reverse DNS record opens nothing.
#pragma once

#include "pipeline/config/config.h"
#include "pipeline/result.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr_storage;

namespace dcmflow::scp {

// An IP address; IPv4 as ::ffff:a.b.c.d.
struct PeerIp {
    std::array<std::uint8_t, 16> bytes{};
    [[nodiscard]] static PeerIp from(const sockaddr_storage& address);
    [[nodiscard]] bool is_v4() const;
    [[nodiscard]] std::string text() const; // "10.0.0.7", "fd00::1"
};

class AllowList {
  public:
    // invalid_argument names the entry that is no network, or says that the list lets nobody in.
    [[nodiscard]] static Result<AllowList> parse(std::span<const AllowEntry> entries);
    // Whether any AE title could be let in from there; asked when the connection is accepted.
    [[nodiscard]] bool may_connect(const PeerIp& peer) const;
    [[nodiscard]] bool may_associate(std::string_view calling_aet, const PeerIp& peer) const;

  private:
    struct Entry {
        std::string aet;
        PeerIp network;
        int prefix = 0; // bits of 128
        [[nodiscard]] bool contains(const PeerIp& peer) const;
    };
    std::vector<Entry> entries_;
};

// * stands for any characters, ? for one. No recursion, at most pattern × text steps.
[[nodiscard]] bool matches_wildcards(std::string_view pattern, std::string_view text);

} // namespace dcmflow::scp
