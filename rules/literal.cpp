#include "rules/literal.h"

#include "rules/text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace dcmflow::rules {
namespace {

struct VrRow {
    std::string_view vr;
    Family family;
    bool splits = true; // a backslash separates values
};

constexpr VrRow vr_table[] = {
    {"AE", Family::text},        {"AS", Family::age},         {"AT", Family::tag},
    {"CS", Family::text},        {"DA", Family::date},        {"DS", Family::number},
    {"DT", Family::date_time},   {"FD", Family::floating},    {"FL", Family::single},
    {"IS", Family::number},      {"LO", Family::text},        {"LT", Family::text, false},
    {"OB", Family::bulk, false}, {"OD", Family::bulk, false}, {"OF", Family::bulk, false},
    {"OL", Family::bulk, false}, {"OV", Family::bulk, false}, {"OW", Family::bulk, false},
    {"PN", Family::text},        {"SH", Family::text},        {"SL", Family::number},
    {"SQ", Family::sequence},    {"SS", Family::number},      {"ST", Family::text, false},
    {"SV", Family::number},      {"TM", Family::time},        {"UC", Family::text},
    {"UI", Family::uid},         {"UL", Family::number},      {"UR", Family::text, false},
    {"US", Family::number},      {"UT", Family::text, false}, {"UV", Family::number},
};

const VrRow* row_of(std::string_view vr) {
    const auto* row = std::ranges::find(vr_table, vr, &VrRow::vr);
    return row == std::end(vr_table) ? nullptr : row;
}

bool is_uid(std::string_view text) {
    return !text.empty() && text.size() <= 64 && is_digit(text.front()) && is_digit(text.back()) &&
           std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}

// The nearest binary floating-point number; beyond the largest, infinity.
template <class Float> std::optional<Float> rounded(std::string_view text) {
    if (!Decimal::parse(text))
        return std::nullopt;
    if (text.starts_with('+'))
        text.remove_prefix(1);
    Float value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc::result_out_of_range)
        return value;
    const bool negative = text.starts_with('-');
    const auto magnitude = negative ? text.substr(1) : text;
    if (*Decimal::parse(magnitude) < *Decimal::parse("1"))
        return Float{0};
    constexpr Float infinity = std::numeric_limits<Float>::infinity();
    return negative ? -infinity : infinity;
}

// AT as "(0018,1063)", "0018,1063" or "00181063".
std::optional<std::int64_t> parse_tag(std::string_view text) {
    if (text.size() == 11 && text.front() == '(' && text.back() == ')')
        text = text.substr(1, 9);
    std::string digits(text);
    if (digits.size() == 9 && digits[4] == ',')
        digits.erase(4, 1);
    std::int64_t tag = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), tag, 16);
    const bool whole = digits.size() == 8 && result.ec == std::errc{} &&
                       result.ptr == digits.data() + digits.size() && digits.front() != '-';
    return whole ? std::optional(tag) : std::nullopt;
}

std::optional<std::int64_t> tag_literal(std::string_view text, const Dictionary& dictionary) {
    if (const auto entry = dictionary.by_keyword(text))
        return std::int64_t{entry->group} << 16U | entry->element;
    return parse_tag(text);
}

std::optional<std::string> uid_literal(std::string_view text, const Dictionary& dictionary) {
    return is_uid(text) ? std::optional<std::string>(text) : dictionary.uid_by_name(text);
}

template <class Float>
std::optional<std::strong_ordering> order_rounded(std::string_view text, Float literal) {
    const auto value = rounded<Float>(text);
    if (!value)
        return std::nullopt;
    return *value < literal   ? std::strong_ordering::less
           : *value > literal ? std::strong_ordering::greater
                              : std::strong_ordering::equal;
}

std::strong_ordering order_text(std::string_view value, std::string_view literal) {
    return value.compare(literal) <=> 0; // bytes of UTF-8 sort as code points do
}

std::optional<std::strong_ordering> order_moment(const std::optional<Moment>& value,
                                                 const Moment& literal) {
    return value ? std::optional(value->compared_to(literal)) : std::nullopt;
}

template <class T>
std::optional<std::strong_ordering> order_values(const std::optional<T>& value, const T& literal) {
    return value ? std::optional<std::strong_ordering>(*value <=> literal) : std::nullopt;
}

} // namespace

Family family_of(std::string_view vr) {
    const auto* row = row_of(vr);
    return row == nullptr ? Family::unknown : row->family;
}

bool splits_values(std::string_view vr) {
    const auto* row = row_of(vr);
    return row != nullptr && row->splits;
}

bool is_ordered(Family family) {
    return family != Family::address;
}

bool is_comparable(Family family) {
    return family != Family::sequence && family != Family::bulk;
}

FamilyNames names_of(Family family) {
    switch (family) {
    case Family::uid:
        return {"a UID", "a UID such as 1.2.840.10008.1.2.1"};
    case Family::number:
    case Family::single:
    case Family::floating:
        return {"a number", "a number such as 512 or 1.25"};
    case Family::date:
        return {"a date", "a date such as 2020-01-31 or 20200131"};
    case Family::time:
        return {"a time", "a time such as 18:30 or 183000"};
    case Family::date_time:
        return {"a date and time", "a date and time such as 2020-01-31T18:30+01:00"};
    case Family::age:
        return {"an age", "an age such as 18Y, 6M, 2W or 10D"};
    case Family::tag:
        return {"a tag", "a tag such as 00181063 or FrameTime"};
    case Family::address:
        return {"an IP address", "an address such as 10.0.0.5"};
    default:
        return {"text", "text"};
    }
}

std::optional<Literal> Literal::make(Family family, std::string_view text,
                                     const Dictionary& dictionary) {
    const auto typed = [&](auto value) {
        return value ? std::optional(Literal(family, std::move(*value))) : std::nullopt;
    };
    const auto bare = trimmed(text);
    switch (family) {
    case Family::text:
        return Literal(family, std::string(bare));
    case Family::uid:
        return typed(uid_literal(bare, dictionary));
    case Family::number:
        return typed(Decimal::parse(bare));
    case Family::single:
        return typed(rounded<float>(bare));
    case Family::floating:
        return typed(rounded<double>(bare));
    case Family::date:
        return typed(Moment::parse_date(bare));
    case Family::time:
        return typed(Moment::parse_time(bare));
    case Family::date_time:
        return typed(Moment::parse_date_time(bare));
    case Family::age:
        return typed(parse_age(bare));
    case Family::tag:
        return typed(tag_literal(bare, dictionary));
    case Family::address:
        return typed(Network::parse(bare));
    case Family::unknown:
        return Literal(family, Loose{std::string(bare), Decimal::parse(bare)});
    case Family::sequence:
    case Family::bulk:
        break;
    }
    return std::nullopt;
}

std::optional<std::strong_ordering> Literal::order(std::string_view value) const {
    switch (family_) {
    case Family::text:
    case Family::uid:
        return order_text(value, std::get<std::string>(value_));
    case Family::number:
        return order_values(Decimal::parse(value), std::get<Decimal>(value_));
    case Family::single:
        return order_rounded(value, std::get<float>(value_));
    case Family::floating:
        return order_rounded(value, std::get<double>(value_));
    case Family::date:
        return order_moment(Moment::parse_date(value), std::get<Moment>(value_));
    case Family::time:
        return order_moment(Moment::parse_time(value), std::get<Moment>(value_));
    case Family::date_time:
        return order_moment(Moment::parse_date_time(value), std::get<Moment>(value_));
    case Family::age:
        return order_values(parse_age(value), std::get<std::int64_t>(value_));
    case Family::tag:
        return order_values(parse_tag(value), std::get<std::int64_t>(value_));
    case Family::address: {
        const auto address = Network::parse(value);
        if (!address)
            return std::nullopt;
        return std::get<Network>(value_).contains(*address) ? std::strong_ordering::equal
                                                            : std::strong_ordering::less;
    }
    case Family::unknown: {
        const auto& loose = std::get<Loose>(value_);
        const auto number = loose.number ? Decimal::parse(value) : std::nullopt;
        return number ? *number <=> *loose.number : order_text(value, loose.text);
    }
    case Family::sequence:
    case Family::bulk:
        break;
    }
    return std::nullopt;
}

bool Literal::is_network() const {
    const auto* network = std::get_if<Network>(&value_);
    return network != nullptr && !network->is_address();
}

} // namespace dcmflow::rules
