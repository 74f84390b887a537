#include "pipeline/config/sections.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dcmflow {

namespace {

constexpr std::string_view layout_example =
    "a path like {PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm";

// VRs whose values are text that can be part of a file name.
bool names_a_file(std::string_view vr) {
    static constexpr std::array<std::string_view, 12> vrs{"AE", "AS", "CS", "DA", "DS", "DT",
                                                          "IS", "LO", "PN", "SH", "TM", "UI"};
    return std::find(vrs.begin(), vrs.end(), vr) != vrs.end();
}

void check_placeholder(Reader& reader, const YamlNode& node, std::size_t offset,
                       std::string_view keyword, const rules::Dictionary& dictionary) {
    const auto entry = dictionary.by_keyword(keyword);
    if (!entry)
        reader.error_in(node, offset,
                        fmt::format("unknown keyword {} in the layout", shown(keyword)),
                        "a DICOM keyword, like {PatientID}");
    else if (!names_a_file(entry->vr))
        reader.error_in(
            node, offset,
            fmt::format("{} ({}) can't be part of a file name", shown(keyword), entry->vr),
            "a keyword with a short text, date, number or UID");
}

// A folder of the layout that leads out of the destination, or nowhere.
void check_steps(Reader& reader, const YamlNode& node) {
    const std::string_view text = node.text;
    if (text.starts_with('/'))
        reader.error_in(node, 0, "the layout begins with /",
                        "a path inside the destination's folder");
    for (std::size_t at = 0; at <= text.size();) {
        const auto end = std::min(text.find('/', at), text.size());
        const auto step = text.substr(at, end - at);
        for (std::size_t i = 0; i < step.size(); ++i)
            if (static_cast<unsigned char>(step[i]) < 0x20 || step[i] == 0x7F)
                return reader.error_in(node, at + i, "a control character in the layout",
                                       std::string(layout_example));
        if (step == ".." || step == "." || (step.empty() && at != 0))
            reader.error_in(node, at, fmt::format("{} as a folder in the layout", shown(step)),
                            "a path inside the destination's folder");
        at = end + 1;
    }
}

} // namespace

void check_layout(Reader& reader, const YamlNode& node, const rules::Dictionary& dictionary) {
    const std::string_view text = node.text;
    const auto before = reader.error_count();
    bool has_uid = false;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '}')
            return reader.error_in(node, at, "a } without { in the layout",
                                   std::string(layout_example));
        if (text[at] != '{') {
            ++at;
            continue;
        }
        const auto end = text.find_first_of("{}/", at + 1);
        if (end == std::string_view::npos || text[end] != '}')
            return reader.error_in(node, at, "a { without } in the layout",
                                   std::string(layout_example));
        const auto keyword = text.substr(at + 1, end - at - 1);
        has_uid = has_uid || keyword == "SOPInstanceUID";
        check_placeholder(reader, node, at + 1, keyword, dictionary);
        at = end + 1;
    }
    check_steps(reader, node);
    if (!has_uid && reader.error_count() == before)
        reader.error(node, "the layout has no {SOPInstanceUID}: objects would overwrite each other",
                     std::string(layout_example));
}

} // namespace dcmflow
