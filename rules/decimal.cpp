#include "rules/decimal.h"

#include "rules/text.h"

namespace dcmflow::rules {
namespace {

constexpr std::size_t longest_number = 256;
constexpr std::int64_t largest_exponent = 999'999;

std::string_view take_digits(std::string_view& text) {
    std::size_t n = 0;
    while (n < text.size() && is_digit(text[n]))
        ++n;
    const auto digits = text.substr(0, n);
    text.remove_prefix(n);
    return digits;
}

bool take_sign(std::string_view& text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    return negative;
}

// The "e-3" at the end of a number, 0 if there is none; nullopt if it is malformed or out of
// bounds.
std::optional<std::int64_t> read_exponent(std::string_view text) {
    if (text.empty())
        return 0;
    if (text.front() != 'e' && text.front() != 'E')
        return std::nullopt;
    text.remove_prefix(1);
    const bool negative = take_sign(text);
    const auto digits = take_digits(text);
    if (digits.empty() || !text.empty())
        return std::nullopt;
    std::int64_t exponent = 0;
    for (const char c : digits) {
        exponent = exponent * 10 + (c - '0');
        if (exponent > largest_exponent)
            return std::nullopt;
    }
    return negative ? -exponent : exponent;
}

} // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
    if (text.empty() || text.size() > longest_number)
        return std::nullopt;
    Decimal number;
    number.negative_ = take_sign(text);
    const auto whole = take_digits(text);
    std::string_view fraction;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fraction = take_digits(text);
    }
    const auto exponent = read_exponent(text);
    if ((whole.empty() && fraction.empty()) || !exponent)
        return std::nullopt;

    number.digits_.reserve(whole.size() + fraction.size());
    number.digits_.append(whole).append(fraction);
    const auto first = number.digits_.find_first_not_of('0');
    if (first == std::string::npos)
        return Decimal{};
    number.digits_.erase(number.digits_.find_last_not_of('0') + 1);
    number.digits_.erase(0, first);
    number.exponent_ =
        *exponent + static_cast<std::int64_t>(whole.size()) - static_cast<std::int64_t>(first);
    return number;
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
    const auto sign = [](const Decimal& d) { return d.digits_.empty() ? 0 : d.negative_ ? -1 : 1; };
    if (sign(a) != sign(b))
        return sign(a) <=> sign(b);
    auto magnitude = a.exponent_ <=> b.exponent_;
    if (magnitude == 0)
        magnitude = a.digits_.compare(b.digits_) <=> 0; // 0.12 < 0.123: a prefix is the smaller
    return a.negative_ ? 0 <=> magnitude : magnitude;
}

} // namespace dcmflow::rules
