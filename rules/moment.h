// Moment: a date, a time of day or both, to the precision in which it was written. Age: a patient's
// age.
//
// Values; no locale, no clock, no time zone database.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dcmflow::rules {

class Moment {
  public:
    // DA: 20200131, 2020-01-31, 2020.01.31 (ACR-NEMA), 2020/01/31; also 2020-01, 202001 and 2020.
    [[nodiscard]] static std::optional<Moment> parse_date(std::string_view text);
    // TM: HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF; colons may stand between. Second 60 is a leap
    // second.
    [[nodiscard]] static std::optional<Moment> parse_time(std::string_view text);
    // DT: YYYY[MM[DD[HH[MM[SS[.F]]]]]] and an offset +HHMM; also 2020-01-31T10:30:00+01:00, Z for
    // UTC.
    [[nodiscard]] static std::optional<Moment> parse_date_time(std::string_view text);

    // How this compares with `other` at the precision of `other`: 2020-05-17 equals 2020, and is
    // not later than it. Parts that this does not give count as the first (January, the 1st, 0).
    // Offsets are applied if both have one, else the clock readings are compared as they stand.
    [[nodiscard]] std::strong_ordering compared_to(const Moment& other) const;

  private:
    friend class MomentReader;
    [[nodiscard]] bool real_date() const;
    [[nodiscard]] std::array<int, 7> parts_at(int minutes_east) const;

    std::array<int, 7> parts_{0, 1, 1, 0, 0, 0, 0}; // year month day hour minute second microsecond
    std::size_t first_ = 0;                         // a time of day begins at part 3
    std::size_t precision_ = 0;                     // parts known, counted from the year
    std::optional<int> offset_;                     // minutes east of UTC
};

// AS: nnnD, nnnW, nnnM, nnnY (PS3.5 6.2), leading zeros optional. A year is 365.25 days, a month
// the twelfth of one, so 12M is 1Y. In sixteenths of a day, which makes all of these whole numbers.
[[nodiscard]] std::optional<std::int64_t> parse_age(std::string_view text);

} // namespace dcmflow::rules
