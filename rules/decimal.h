// Decimal: a decimal number, exact, as DS and IS write it. No locale, no rounding: 1.0 == 1, 0.1 ==
// 0.10.
//
// A value.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dcmflow::rules {

class Decimal {
  public:
    // Sign, digits, point, exponent (PS3.5 6.2, DS); nothing else, no padding. At most 256
    // characters and exponents to ±999999, so that a number costs no more than its text.
    [[nodiscard]] static std::optional<Decimal> parse(std::string_view text);

    friend bool operator==(const Decimal&, const Decimal&) = default;
    friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);

  private:
    // ± 0.digits × 10^exponent, without leading or trailing zeros; zero has no digits and no sign.
    bool negative_ = false;
    std::string digits_;
    std::int64_t exponent_ = 0;
};

} // namespace dcmflow::rules
