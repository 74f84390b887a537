#include "pipeline/config/values.h"

#include "rules/nearest.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>

namespace dcmflow {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// PS3.5 6.2: AE takes the default repertoire but for backslash and control characters.
bool is_ae_text(std::string_view text) {
    if (text.empty() || text.size() > 16 || text.front() == ' ' || text.back() == ' ')
        return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= 0x20 && c < 0x7F && c != '\\'; });
}

struct Unit {
    std::string_view suffix;
    std::uint64_t factor;
};

// "12unit" → 12 × factor; nullopt if it is not that or above `max`.
std::optional<std::uint64_t> scaled(std::string_view text, std::span<const Unit> units,
                                    std::uint64_t max) {
    const auto digits = static_cast<std::size_t>(
        std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (digits == 0 || error != std::errc{} || end != text.data() + digits)
        return std::nullopt;
    const auto suffix = text.substr(digits);
    for (const auto& unit : units)
        if (unit.suffix == suffix) {
            if (number > max / unit.factor)
                return std::nullopt;
            return number * unit.factor;
        }
    return std::nullopt;
}

template <class Text>
std::string nearest_of(std::string_view text, std::span<const Text> candidates) {
    rules::NearestWord word(text);
    for (const std::string_view candidate : candidates)
        word.offer(candidate);
    return word.best().value_or("");
}

template <class Text> std::string join_of(std::span<const Text> words, std::string_view separator) {
    std::string all;
    for (const auto& word : words) {
        if (!all.empty())
            all += separator;
        all += word;
    }
    return all;
}

bool is_host(std::string_view host) {
    if (host.empty() || host.size() > 253 || host.front() == '-' || host.front() == '.')
        return false;
    return std::all_of(host.begin(), host.end(), [](char c) {
        return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_';
    });
}

// An address as bytes in network order: 4, 16, or 0 if it is none.
std::size_t address_bytes(std::string_view text, std::array<unsigned char, 16>& bytes) {
    const std::string copy(text);
    if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1)
        return 4;
    if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1)
        return 16;
    return 0;
}

std::string address_text(const std::array<unsigned char, 16>& bytes, std::size_t size) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size()) ==
        nullptr)
        return {};
    return text.data();
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 5> units{
        {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
    constexpr std::uint64_t century = 36'500ULL * 86'400'000ULL;
    if (text == "0")
        return std::chrono::milliseconds{0};
    const auto ms = scaled(text, units, century);
    if (!ms)
        return std::nullopt;
    return std::chrono::milliseconds{static_cast<std::int64_t>(*ms)};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    static constexpr std::array<Unit, 10> units{{{"", 1},
                                                 {"B", 1},
                                                 {"KiB", 1ULL << 10},
                                                 {"MiB", 1ULL << 20},
                                                 {"GiB", 1ULL << 30},
                                                 {"TiB", 1ULL << 40},
                                                 {"kB", 1'000},
                                                 {"MB", 1'000'000},
                                                 {"GB", 1'000'000'000},
                                                 {"TB", 1'000'000'000'000}}};
    return scaled(text, units, std::uint64_t{1} << 62);
}

bool is_ae_title(std::string_view text) {
    return is_ae_text(text) && text.find_first_of("*?") == text.npos;
}

tl::expected<DicomTarget, std::string> parse_dicom_target(std::string_view text) {
    const auto at = text.rfind('@'); // an AE title may contain one, a host may not
    if (at == std::string_view::npos)
        return tl::unexpected(std::string("there is no @ in it"));
    DicomTarget target;
    target.aet = text.substr(0, at);
    if (!is_ae_title(target.aet))
        return tl::unexpected("'" + target.aet + "' is not an AE title");
    auto rest = text.substr(at + 1);
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        std::array<unsigned char, 16> bytes{};
        if (end == std::string_view::npos || address_bytes(rest.substr(1, end - 1), bytes) != 16)
            return tl::unexpected(std::string("there is no IPv6 address in the brackets"));
        target.host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
    } else {
        const auto colon = rest.find(':');
        if (colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos)
            return tl::unexpected(std::string("an IPv6 address goes in brackets"));
        target.host = rest.substr(0, std::min(colon, rest.size()));
        rest.remove_prefix(target.host.size());
        if (!is_host(target.host))
            return tl::unexpected("'" + target.host + "' is not a host name or address");
    }
    if (!rest.starts_with(':'))
        return tl::unexpected(std::string("there is no port"));
    const auto port = parse_integer(rest.substr(1), 1, 65535);
    if (!port)
        return tl::unexpected("'" + std::string(rest.substr(1)) + "' is not a port");
    target.port = static_cast<std::uint16_t>(*port);
    return target;
}

std::optional<std::string> parse_network(std::string_view text) {
    const auto slash = text.find('/');
    std::array<unsigned char, 16> bytes{};
    const auto size = address_bytes(text.substr(0, std::min(slash, text.size())), bytes);
    if (size == 0)
        return std::nullopt;
    if (slash == std::string_view::npos)
        return address_text(bytes, size);
    const auto prefix =
        parse_integer(text.substr(slash + 1), 0, static_cast<std::int64_t>(size) * 8);
    if (!prefix)
        return std::nullopt;
    for (std::size_t bit = static_cast<std::size_t>(*prefix); bit < size * 8; ++bit)
        bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
    return address_text(bytes, size) + "/" + std::to_string(*prefix);
}

bool is_ip_address(std::string_view text) {
    std::array<unsigned char, 16> bytes{};
    return address_bytes(text, bytes) != 0;
}

tl::expected<AllowEntry, std::string> parse_allow(std::string_view text) {
    AllowEntry entry;
    const auto at = text.rfind('@');
    entry.aet = text.substr(0, std::min(at, text.size()));
    if (!is_ae_text(entry.aet))
        return tl::unexpected("'" + entry.aet + "' is not an AE title");
    if (at == std::string_view::npos)
        return entry;
    const auto network = parse_network(text.substr(at + 1));
    if (!network)
        return tl::unexpected("'" + std::string(text.substr(at + 1)) + "' is not a network");
    entry.network = *network;
    return entry;
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t min,
                                          std::int64_t max) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
    if (!digits || error != std::errc{} || end != text.data() + text.size() || number < min ||
        number > max)
        return std::nullopt;
    return number;
}

std::string nearest(std::string_view text, std::span<const std::string_view> candidates) {
    return nearest_of(text, candidates);
}
std::string nearest(std::string_view text, std::span<const std::string> candidates) {
    return nearest_of(text, candidates);
}
std::string join(std::span<const std::string> words, std::string_view separator) {
    return join_of(words, separator);
}
std::string join(std::span<const std::string_view> words, std::string_view separator) {
    return join_of(words, separator);
}

} // namespace dcmflow
