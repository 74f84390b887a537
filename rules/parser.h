// Parser: the text of a condition as a syntax tree. Pure; any thread. Internal to rules/.
//
//   or   := and ("or" and)*
//   and  := not ("and" not)*
//   not  := "not" not | "(" or ")" | ("exists" | "missing") TAG | TAG operator operand
#pragma once

#include "rules/condition.h"

#include <string_view>
#include <tl/expected.hpp>

namespace dcmflow::rules {

// Nesting of ( ) and not is bounded by 64, a list by 1000 values, the text by 64 KiB.
[[nodiscard]] tl::expected<Condition, ParseError> parse_condition(std::string_view text,
                                                                  const Dictionary& dictionary);

} // namespace dcmflow::rules
