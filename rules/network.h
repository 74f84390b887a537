// Network: an IPv4 or IPv6 address or CIDR block. A value; no name is ever looked up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dcmflow::rules {

class Network {
  public:
    // "10.1.2.3", "10.0.0.0/8", "fd00::/8", "fe80::1%eth0" (the zone is ignored).
    [[nodiscard]] static std::optional<Network> parse(std::string_view text);
    // "::ffff:10.1.2.3" is the same host as "10.1.2.3".
    [[nodiscard]] bool contains(const Network& address) const;
    [[nodiscard]] bool is_address() const { return bits_ == 128; }

  private:
    std::array<std::uint8_t, 16> bytes_{}; // IPv4 as ::ffff:a.b.c.d
    unsigned bits_ = 128;
};

} // namespace dcmflow::rules
