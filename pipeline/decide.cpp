#include "pipeline/decide.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/part10.h"

#include <vector>

namespace dcmflow {

Result<rules::Decision> decide_stored(const rules::Ruleset& rules, const InstanceRow& row,
                                      std::span<const std::byte> file) {
    const auto meta = read_file_meta(file);
    if (!meta)
        return tl::unexpected(meta.error());
    auto bytes = file.subspan(static_cast<std::size_t>(meta->dataset_offset));
    std::vector<std::byte> inflated;
    const auto* syntax = codecs::find_by_uid(row.instance.transfer_syntax_uid);
    if (syntax != nullptr && syntax->deflated) {
        auto result = inflate_dataset(bytes, ScanLimits{}.object_bytes);
        if (!result)
            return fail(ErrorCode::malformed, result.error().text);
        inflated = std::move(*result);
        bytes = inflated;
    }
    const auto data_set = DataSet::scan(bytes, Encoding::of(row.instance.transfer_syntax_uid));
    if (!data_set)
        return fail(ErrorCode::malformed, data_set.error().text);
    return rules.decide(ObjectAttributes(*data_set, row.origin, row.instance.transfer_syntax_uid));
}

} // namespace dcmflow
