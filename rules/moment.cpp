#include "rules/moment.h"

#include "rules/text.h"

#include <chrono>

namespace dcmflow::rules {

// Reads a Moment from the front of a text; every take_ says whether it found what it names.
class MomentReader {
  public:
    explicit MomentReader(std::string_view text) : rest_(text) {}

    std::optional<Moment> date() {
        return take_date() && rest_.empty() && moment_.real_date() ? std::optional(moment_)
                                                                   : std::nullopt;
    }

    std::optional<Moment> time() {
        moment_.first_ = moment_.precision_ = 3;
        return take_time() && rest_.empty() ? std::optional(moment_) : std::nullopt;
    }

    std::optional<Moment> date_time() {
        if (!take_date() || !moment_.real_date())
            return std::nullopt;
        const bool separated = rest_.starts_with('T') || rest_.starts_with(' ');
        if (separated)
            rest_.remove_prefix(1);
        if (separated || (compact_ && digits_ahead(1))) {
            if (moment_.precision_ < 3 || !take_time())
                return std::nullopt;
        }
        if (!rest_.empty() && !take_offset())
            return std::nullopt;
        return rest_.empty() ? std::optional(moment_) : std::nullopt;
    }

  private:
    [[nodiscard]] bool digits_ahead(std::size_t count, std::size_t from = 0) const {
        if (rest_.size() < from + count)
            return false;
        for (std::size_t i = from; i < from + count; ++i)
            if (!is_digit(rest_[i]))
                return false;
        return true;
    }

    bool take_number(std::size_t count, int& out) {
        if (!digits_ahead(count))
            return false;
        out = 0;
        for (const char c : rest_.substr(0, count))
            out = out * 10 + (c - '0');
        rest_.remove_prefix(count);
        return true;
    }

    bool take_part(std::size_t index, std::size_t count, int least, int most) {
        int& part = moment_.parts_[index];
        if (!take_number(count, part) || part < least || part > most)
            return false;
        moment_.precision_ = index + 1;
        return true;
    }

    // "-05" is a month or a day, but "-0500" is DT's offset.
    [[nodiscard]] bool separated_pair_ahead(char separator) const {
        return rest_.starts_with(separator) && digits_ahead(2, 1) && !digits_ahead(3, 1);
    }

    bool take_date() {
        if (!take_part(0, 4, 1, 9999))
            return false;
        for (const char separator : {'-', '.', '/'}) {
            if (!separated_pair_ahead(separator))
                continue;
            rest_.remove_prefix(1);
            compact_ = false;
            if (!take_part(1, 2, 1, 12))
                return false;
            if (!separated_pair_ahead(separator))
                return true;
            rest_.remove_prefix(1);
            return take_part(2, 2, 1, 31);
        }
        if (digits_ahead(1) && !take_part(1, 2, 1, 12))
            return false;
        return moment_.precision_ < 2 || !digits_ahead(1) || take_part(2, 2, 1, 31);
    }

    bool take_time() {
        if (!take_part(3, 2, 0, 23))
            return false;
        const bool colons = rest_.starts_with(':');
        for (const std::size_t part : {4U, 5U}) {
            if (colons ? !rest_.starts_with(':') : !digits_ahead(1))
                return true;
            if (colons)
                rest_.remove_prefix(1);
            if (!take_part(part, 2, 0, part == 5 ? 60 : 59))
                return false;
        }
        return !rest_.starts_with('.') || take_fraction();
    }

    bool take_fraction() {
        rest_.remove_prefix(1);
        if (!digits_ahead(1))
            return false;
        int& micros = moment_.parts_[6];
        for (int scale = 100'000; digits_ahead(1); scale /= 10) { // beyond six digits scale is 0
            micros += (rest_.front() - '0') * scale;
            rest_.remove_prefix(1);
        }
        moment_.precision_ = 7;
        return true;
    }

    bool take_offset() {
        if (rest_ == "Z") {
            rest_ = {};
            moment_.offset_ = 0;
            return true;
        }
        const bool west = rest_.starts_with('-');
        if (!west && !rest_.starts_with('+'))
            return false;
        rest_.remove_prefix(1);
        int hours = 0;
        int minutes = 0;
        if (!take_number(2, hours))
            return false;
        if (rest_.starts_with(':'))
            rest_.remove_prefix(1);
        if (!take_number(2, minutes) || hours > 14 || minutes > 59) // PS3.5 6.2: -1200 to +1400
            return false;
        moment_.offset_ = (west ? -1 : 1) * (hours * 60 + minutes);
        return true;
    }

    std::string_view rest_;
    Moment moment_;
    bool compact_ = true; // 20200131, not 2020-01-31
};

std::optional<Moment> Moment::parse_date(std::string_view text) {
    return MomentReader(text).date();
}
std::optional<Moment> Moment::parse_time(std::string_view text) {
    return MomentReader(text).time();
}
std::optional<Moment> Moment::parse_date_time(std::string_view text) {
    return MomentReader(text).date_time();
}

namespace {

std::chrono::year_month_day calendar_day(const std::array<int, 7>& parts) {
    using namespace std::chrono;
    return {year(parts[0]), month(static_cast<unsigned>(parts[1])),
            day(static_cast<unsigned>(parts[2]))};
}

} // namespace

bool Moment::real_date() const {
    return calendar_day(parts_).ok();
}

std::array<int, 7> Moment::parts_at(int minutes_east) const {
    using namespace std::chrono;
    const auto here = sys_days(calendar_day(parts_)) + hours(parts_[3]) + minutes(parts_[4]) -
                      minutes(offset_.value_or(minutes_east)) + minutes(minutes_east);
    const auto midnight = floor<days>(here);
    const year_month_day date(midnight);
    const auto of_day = static_cast<int>((here - midnight).count());
    return {static_cast<int>(date.year()),
            static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())),
            of_day / 60,
            of_day % 60,
            parts_[5],
            parts_[6]};
}

std::strong_ordering Moment::compared_to(const Moment& other) const {
    const bool zoned = offset_ && other.offset_ && *offset_ != *other.offset_;
    const auto mine = zoned ? parts_at(*other.offset_) : parts_;
    for (auto i = other.first_; i < other.precision_; ++i)
        if (mine[i] != other.parts_[i])
            return mine[i] <=> other.parts_[i];
    return std::strong_ordering::equal;
}

std::optional<std::int64_t> parse_age(std::string_view text) {
    if (text.size() < 2 || text.size() > 5)
        return std::nullopt;
    std::int64_t count = 0;
    for (const char c : text.substr(0, text.size() - 1)) {
        if (!is_digit(c))
            return std::nullopt;
        count = count * 10 + (c - '0');
    }
    switch (text.back()) {
    case 'D':
        return count * 16;
    case 'W':
        return count * 16 * 7;
    case 'M':
        return count * 487; // 365.25 / 12 × 16
    case 'Y':
        return count * 5844;
    default:
        return std::nullopt;
    }
}

} // namespace dcmflow::rules
