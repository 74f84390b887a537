#include "pipeline/deliver/store_status.h"

#include <fmt/format.h>
#include <string>

namespace dcmflow::deliver {

namespace {

struct Row {
    std::uint16_t mask;
    std::uint16_t status;
    Outcome outcome;
    bool warning;
    std::string_view meaning;
};

// First match counts. PS3.4 B.2.3 and PS3.7 annex C; some peers print 0112 and 0214 where PS3.7 has
// 0122 and 0124. A9xx and Cxxx are permanent by the book, but some archives say them for "busy" or
// "locked".
constexpr Row rows[] = {
    {0xFFFF, 0x0000, Outcome::delivered, false, ""},
    {0xFFFF, 0xB000, Outcome::delivered, true, "elements were coerced"},
    {0xFFFF, 0xB006, Outcome::delivered, true, "elements were discarded"},
    {0xFFFF, 0xB007, Outcome::delivered, true, "data set does not match its SOP class"},
    {0xF000, 0xB000, Outcome::delivered, true, "stored with a warning"},
    {0xFFFF, 0x0001, Outcome::delivered, true, "stored with a warning"},
    {0xFFFF, 0x0107, Outcome::delivered, true, "stored with an attribute list warning"},
    {0xFFFF, 0x0116, Outcome::delivered, true, "stored, an attribute value is out of range"},
    {0xFFFF, 0x0111, Outcome::delivered, false, "the peer had this SOP instance already"},
    {0xFF00, 0xA700, Outcome::retry_resources, false, "out of resources"},
    {0xFFFF, 0x0213, Outcome::retry_resources, false, "resource limitation"},
    {0xFFFF, 0x0124, Outcome::refused, false,
     "not authorised: does the PACS let our AE title store?"},
    {0xFFFF, 0x0214, Outcome::refused, false,
     "not authorised: does the PACS let our AE title store?"},
    {0xFF00, 0xA900, Outcome::retry_object, false, "data set does not match its SOP class"},
    {0xF000, 0xC000, Outcome::retry_object, false, "the peer cannot understand the object"},
    {0xFFFF, 0x0110, Outcome::retry_object, false, "processing failure"},
    {0xFFFF, 0x0112, Outcome::retry_object, false, "no such SOP class or instance"},
    {0xFFFF, 0x0117, Outcome::retry_object, false, "invalid SOP Instance UID"},
    {0xFFFF, 0x0122, Outcome::retry_object, false, "SOP class not supported"},
    {0xFFFF, 0x0212, Outcome::retry_object, false, "mistyped argument"},
    {0x0000, 0x0000, Outcome::retry_object, false, "a status we do not know"},
};

} // namespace

SendResult store_result(std::uint16_t status, std::string_view comment) {
    SendResult result;
    result.dimse_status = status;
    for (const Row& row : rows) {
        if ((status & row.mask) != row.status) {
            continue;
        }
        result.outcome = row.outcome;
        result.warning = row.warning;
        if (status != 0) {
            result.text = fmt::format("status {:04X}: {}", status, row.meaning);
            if (!comment.empty()) {
                result.text += fmt::format(" (\"{}\")", comment);
            }
        }
        break;
    }
    return result;
}

} // namespace dcmflow::deliver
