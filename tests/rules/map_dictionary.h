// MapDictionary: a few DICOM keywords for the tests of rules/, which know no DCMTK.
#pragma once

#include "rules/map_attributes.h"
#include "rules/nearest.h"
#include "rules/ruleset.h"
#include "rules/tag_path.h"

#include <gtest/gtest.h>
#include <map>
#include <string>

namespace dcmflow::rules {

class MapDictionary : public Dictionary {
  public:
    [[nodiscard]] std::optional<DictionaryEntry>
    by_keyword(std::string_view keyword) const override {
        const auto found = entries().find(keyword);
        return found == entries().end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::optional<DictionaryEntry> by_tag(std::uint16_t group,
                                                        std::uint16_t element) const override {
        for (const auto& [keyword, entry] : entries())
            if (entry.group == group && entry.element == element)
                return entry;
        return std::nullopt;
    }
    [[nodiscard]] std::optional<std::string> suggest(std::string_view keyword) const override {
        NearestWord nearest(keyword);
        for (const auto& [name, entry] : entries())
            nearest.offer(name);
        return nearest.best();
    }
    [[nodiscard]] std::optional<std::string> uid_by_name(std::string_view name) const override {
        if (name == "CTImageStorage")
            return "1.2.840.10008.5.1.4.1.1.2";
        if (name == "jpeg-ls")
            return "1.2.840.10008.1.2.4.80";
        return std::nullopt;
    }

  private:
    using Entries = std::map<std::string, DictionaryEntry, std::less<>>;
    static const Entries& entries() {
        static const Entries all{
            {"MediaStorageSOPClassUID", {0x0002, 0x0002, "UI"}},
            {"TransferSyntaxUID", {0x0002, 0x0010, "UI"}},
            {"ImageType", {0x0008, 0x0008, "CS"}},
            {"SOPClassUID", {0x0008, 0x0016, "UI"}},
            {"StudyDate", {0x0008, 0x0020, "DA"}},
            {"AcquisitionDateTime", {0x0008, 0x002A, "DT"}},
            {"StudyTime", {0x0008, 0x0030, "TM"}},
            {"AccessionNumber", {0x0008, 0x0050, "SH"}},
            {"Modality", {0x0008, 0x0060, "CS"}},
            {"ModalitiesInStudy", {0x0008, 0x0061, "CS"}},
            {"Manufacturer", {0x0008, 0x0070, "LO"}},
            {"InstitutionName", {0x0008, 0x0080, "LO"}},
            {"CodeValue", {0x0008, 0x0100, "SH"}},
            {"StationName", {0x0008, 0x1010, "SH"}},
            {"StudyDescription", {0x0008, 0x1030, "LO"}},
            {"SeriesDescription", {0x0008, 0x103E, "LO"}},
            {"ReferencedSOPInstanceUID", {0x0008, 0x1155, "UI"}},
            {"SimpleFrameList", {0x0008, 0x1161, "UL"}},
            {"PatientName", {0x0010, 0x0010, "PN"}},
            {"PatientID", {0x0010, 0x0020, "LO"}},
            {"PatientAge", {0x0010, 0x1010, "AS"}},
            {"PatientComments", {0x0010, 0x4000, "LT"}},
            {"BodyPartExamined", {0x0018, 0x0015, "CS"}},
            {"SliceThickness", {0x0018, 0x0050, "DS"}},
            {"KVP", {0x0018, 0x0060, "DS"}},
            {"DiffusionBValue", {0x0018, 0x9087, "FD"}},
            {"FrameTime", {0x0018, 0x1063, "DS"}},
            {"InstanceNumber", {0x0020, 0x0013, "IS"}},
            {"NumberOfFrames", {0x0028, 0x0008, "IS"}},
            {"FrameIncrementPointer", {0x0028, 0x0009, "AT"}},
            {"Rows", {0x0028, 0x0010, "US"}},
            {"PixelSpacing", {0x0028, 0x0030, "DS"}},
            {"SmallestImagePixelValue", {0x0028, 0x0106, "SS"}},
            {"RescaleSlope", {0x0028, 0x1053, "DS"}},
            {"LossyImageCompression", {0x0028, 0x2110, "CS"}},
            {"RequestingService", {0x0032, 0x1033, "LO"}},
            {"RequestedProcedurePriority", {0x0040, 0x1003, "SH"}},
            {"ScheduledProcedureStepID", {0x0040, 0x0009, "SH"}},
            {"RequestAttributesSequence", {0x0040, 0x0275, "SQ"}},
            {"RequestedProcedureCodeSequence", {0x0032, 0x1064, "SQ"}},
            {"TextValue", {0x0040, 0xA160, "UT"}},
            {"RetrieveURL", {0x0008, 0x1190, "UR"}},
            {"RecommendedDisplayFrameRateInFloat", {0x0072, 0x0076, "FL"}},
            {"SelectorSVValue", {0x0072, 0x0082, "SV"}},
            {"SelectorUVValue", {0x0072, 0x0083, "UV"}},
            {"PixelData", {0x7FE0, 0x0010, "OW"}},
        };
        return all;
    }
};

using Given = std::map<std::string, std::string>;

inline MapAttributes object(const Given& given) {
    auto attributes = MapAttributes::make(given, MapDictionary{});
    if (!attributes)
        throw std::logic_error(attributes.error().name + ": " + attributes.error().error.what);
    return *attributes;
}

inline Expression parsed(std::string_view text) {
    auto expression = Expression::parse(text, MapDictionary{});
    if (!expression)
        throw std::logic_error(std::string(text) + " at " +
                               std::to_string(expression.error().offset) + ": " +
                               expression.error().what + "; " + expression.error().expected);
    return *expression;
}

inline bool holds(std::string_view text, const Given& given) {
    return parsed(text).holds(object(given));
}

} // namespace dcmflow::rules
