#include "rules/network.h"

#include "rules/text.h"

#include <algorithm>
#include <arpa/inet.h>
#include <string>

namespace dcmflow::rules {

std::optional<Network> Network::parse(std::string_view text) {
    if (text.size() > 100)
        return std::nullopt;
    const auto slash = text.find('/');
    const auto percent = text.find('%');
    const std::string host(text.substr(0, std::min(slash, percent)));

    Network network;
    const bool v4 = inet_pton(AF_INET, host.c_str(), network.bytes_.data() + 12) == 1;
    if (v4)
        network.bytes_[10] = network.bytes_[11] = 0xFF;
    else if (inet_pton(AF_INET6, host.c_str(), network.bytes_.data()) != 1)
        return std::nullopt;
    if (slash == std::string_view::npos)
        return network;

    const auto digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 || !std::ranges::all_of(digits, is_digit))
        return std::nullopt;
    network.bits_ = 0;
    for (const char c : digits)
        network.bits_ = network.bits_ * 10 + static_cast<unsigned>(c - '0');
    if (v4)
        network.bits_ += 96;
    return network.bits_ <= 128 ? std::optional(network) : std::nullopt;
}

bool Network::contains(const Network& address) const {
    if (address.bits_ < bits_)
        return false;
    const auto whole = bits_ / 8;
    if (!std::equal(bytes_.begin(), bytes_.begin() + whole, address.bytes_.begin()))
        return false;
    const auto rest = bits_ % 8;
    return rest == 0 || ((bytes_[whole] ^ address.bytes_[whole]) >> (8 - rest)) == 0;
}

} // namespace dcmflow::rules
