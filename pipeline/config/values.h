// The values a config is made of, read from text: AE titles, peers, networks, numbers. No YAML
// here.
//
// Pure functions; any thread. On bad input they say in words what is wrong with it.
#pragma once

#include "pipeline/config/config.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace dcmflow {

// 1 to 16 characters of the default repertoire without backslash, no space at either end
// (PS3.5 6.2, VR AE). Also without * and ?: legal, but here always a pattern in the wrong place.
[[nodiscard]] bool is_ae_title(std::string_view text);

// "AET@host:port"; host is a name, an IPv4 address or an IPv6 address in brackets. The error says
// what is wrong.
[[nodiscard]] tl::expected<DicomTarget, std::string> parse_dicom_target(std::string_view text);

// "*", "AET", "AET@NETWORK". The network comes back in canonical form, host bits cleared.
[[nodiscard]] tl::expected<AllowEntry, std::string> parse_allow(std::string_view text);

// An IPv4 or IPv6 address, or a network in CIDR form, in canonical form: "10.1.2.3/8" →
// "10.0.0.0/8".
[[nodiscard]] std::optional<std::string> parse_network(std::string_view text);
[[nodiscard]] bool is_ip_address(std::string_view text);

// Decimal digits only, nothing around them, in the bounds.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t min,
                                                        std::int64_t max);

// The candidate that was probably meant, by edit distance; empty if none is near.
[[nodiscard]] std::string nearest(std::string_view text,
                                  std::span<const std::string_view> candidates);
[[nodiscard]] std::string nearest(std::string_view text, std::span<const std::string> candidates);

// The words joined by ", ".
[[nodiscard]] std::string join(std::span<const std::string> words,
                               std::string_view separator = ", ");
[[nodiscard]] std::string join(std::span<const std::string_view> words,
                               std::string_view separator = ", ");

} // namespace dcmflow
