// Reading a tag path from tokens. Pure. Internal to rules/.
#pragma once

#include "rules/lexer.h"
#include "rules/tag_path.h"

#include <string_view>
#include <tl/expected.hpp>

namespace dcmflow::rules {

// Leaves the cursor after the path. `text` is what the tokens were made from.
[[nodiscard]] tl::expected<TagPath, ParseError>
read_tag_path(TokenCursor& cursor, std::string_view text, const Dictionary& dictionary);

} // namespace dcmflow::rules
