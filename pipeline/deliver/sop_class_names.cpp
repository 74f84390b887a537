#include "pipeline/deliver/sop_class_names.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcuid.h>

namespace dcmflow::deliver {

std::string sop_class_name(std::string_view uid) {
    const std::string text(uid);
    const char* keyword = dcmFindNameOfUID(text.c_str(), nullptr);
    if (keyword == nullptr) {
        return text;
    }
    // "CTImageStorage" → "CT Image Storage"
    std::string name;
    for (std::size_t i = 0; keyword[i] != '\0'; ++i) {
        const auto upper = [&](std::size_t at) { return keyword[at] >= 'A' && keyword[at] <= 'Z'; };
        const auto lower = [&](std::size_t at) { return keyword[at] >= 'a' && keyword[at] <= 'z'; };
        const bool starts_word =
            i > 0 && upper(i) && (lower(i - 1) || (upper(i - 1) && lower(i + 1)));
        if (starts_word && !name.empty() && name.back() != ' ') {
            name.push_back(' ');
        }
        name.push_back(keyword[i]);
    }
    return name;
}

} // namespace dcmflow::deliver
