// ParseError: why a rule's text was not taken, and where. A value.
#pragma once

#include <cstddef>
#include <string>

namespace dcmflow::rules {

struct ParseError {
    std::size_t offset = 0; // byte offset into the text that was parsed
    std::string what;       // "unknown tag 'Modalty' (did you mean 'Modality'?)"
    std::string expected;   // "a DICOM keyword, (gggg,eeee) or a context name"; may be empty
};

} // namespace dcmflow::rules
