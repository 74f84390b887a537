// ObjectAttributes: a DataSet as the rules see it. DicomDictionary: keywords by DCMTK's dictionary.
//
// Nested data sets are scanned when a path leads there, with the character set of the outer one
// unless they have their own. Refers to the DataSet and Origin it was made from. One thread at a
// time.
#pragma once

#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/instance.h"
#include "rules/attributes.h"

#include <string>

namespace dcmflow {

class ObjectAttributes final : public rules::Attributes {
  public:
    ObjectAttributes(const DataSet& data_set, const Origin& origin,
                     std::string transfer_syntax_uid);
    // An index on the last step picks an item of a sequence, or one value of anything else. Values
    // of more than 64 KiB and those of binary VRs (OB, OW, …) are present, but not given.
    [[nodiscard]] std::optional<rules::AttributeValues>
    find(const rules::TagPath& path) const override;
    [[nodiscard]] std::string context(rules::ContextKey key) const override;

  private:
    const DataSet& data_set_;
    const Origin& origin_;
    std::string transfer_syntax_uid_;
};

class DicomDictionary final : public rules::Dictionary {
  public:
    [[nodiscard]] std::optional<rules::DictionaryEntry>
    by_keyword(std::string_view keyword) const override;
    [[nodiscard]] std::optional<rules::DictionaryEntry>
    by_tag(std::uint16_t group, std::uint16_t element) const override;
    [[nodiscard]] std::optional<std::string> suggest(std::string_view keyword) const override;
    [[nodiscard]] std::optional<std::string> uid_by_name(std::string_view name) const override;
};

// Identity of a data set; malformed with the fault's text if UIDs are missing or bad. `blob`,
// `bytes` and `digest` are left for the caller.
[[nodiscard]] Result<Instance> identify(const DataSet& data_set,
                                        std::string_view transfer_syntax_uid);

} // namespace dcmflow
