// Literal: a value as a rule writes it, typed once by the VR it is compared with. Immutable; any
// thread.
//
// Internal to rules/. THE table of what each VR compares as is in literal.cpp.
#pragma once

#include "rules/decimal.h"
#include "rules/moment.h"
#include "rules/network.h"
#include "rules/tag_path.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace dcmflow::rules {

enum class Family : std::uint8_t {
    unknown,   // no VR known: numbers if both sides are, else text
    text,      // AE CS LO LT PN SH ST UC UR UT
    uid,       // UI
    number,    // DS IS US SS UL SL UV SV
    single,    // FL: rounded to the nearest binary32 on both sides
    floating,  // FD: the same with binary64
    date,      // DA
    time,      // TM
    date_time, // DT
    age,       // AS
    tag,       // AT
    address,   // peer_ip
    sequence,  // SQ
    bulk,      // OB OW OF OD OL OV
};
[[nodiscard]] Family family_of(std::string_view vr);

// For messages: "a date", "a date such as 2020-01-31".
struct FamilyNames {
    std::string_view noun;
    std::string_view example;
};
[[nodiscard]] FamilyNames names_of(Family family);

// Whether < and > mean something / whether values can be compared at all.
[[nodiscard]] bool is_ordered(Family family);
[[nodiscard]] bool is_comparable(Family family);
// Whether a backslash separates values in this VR (PS3.5 6.2).
[[nodiscard]] bool splits_values(std::string_view vr);

class Literal {
  public:
    // nullopt if `text` cannot be a value of the family.
    [[nodiscard]] static std::optional<Literal> make(Family family, std::string_view text,
                                                     const Dictionary& dictionary);
    // How a value (trimmed) stands to this; nullopt if it is not of the family, which no comparison
    // holds for. For addresses only equality means anything: inside the network or not.
    [[nodiscard]] std::optional<std::strong_ordering> order(std::string_view value) const;
    [[nodiscard]] bool is_network() const; // a block of addresses, not one

  private:
    struct Loose {
        std::string text;
        std::optional<Decimal> number;
    };
    using Value =
        std::variant<std::string, Decimal, float, double, Moment, std::int64_t, Network, Loose>;
    Literal(Family family, Value value) : family_(family), value_(std::move(value)) {}

    Family family_;
    Value value_;
};

} // namespace dcmflow::rules
