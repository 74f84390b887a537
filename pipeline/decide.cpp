#include "pipeline/decide.h"

#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"

namespace dcmflow {

Result<rules::Decision> decide_stored(const rules::Ruleset& rules, const InstanceRow& row,
                                      std::span<const std::byte> file) {
    const auto meta = read_file_meta(file);
    if (!meta)
        return tl::unexpected(meta.error());
    const auto opened = OpenedDataSet::open(file.subspan(static_cast<std::size_t>(meta->dataset_offset)),
                                            row.instance.transfer_syntax_uid);
    if (!opened)
        return fail(ErrorCode::malformed, opened.error().text);
    return rules.decide(ObjectAttributes(opened->data_set(), row.origin, row.instance.transfer_syntax_uid));
}

} // namespace dcmflow
