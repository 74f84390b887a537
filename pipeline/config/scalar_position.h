// Where a byte of a YAML scalar's value stands in the file: undoes quoting, escapes and folding.
//
// Pure functions; any thread. Never fail: the answer is clamped into the text.
#pragma once

#include <cstddef>
#include <string_view>

namespace dcmflow {

// The first byte of the scalar itself, past an anchor (&name) and a tag (!name) before it.
[[nodiscard]] std::size_t scalar_value_start(std::string_view file, std::size_t node_offset);

// `value` is what YAML made of the scalar at `node_offset`; gives the place of value[value_offset].
[[nodiscard]] std::size_t scalar_offset(std::string_view file, std::size_t node_offset,
                                        std::string_view value, std::size_t value_offset);

} // namespace dcmflow
