#include "pipeline/dicom/open_data_set.h"

#include "codecs/transfer_syntax.h"

#include <algorithm>
#include <utility>

namespace dcmflow {

OpenedDataSet::OpenedDataSet(std::vector<std::byte> inflated, DataSet data_set)
    : inflated_(std::move(inflated)), data_set_(std::move(data_set)) {}

tl::expected<OpenedDataSet, ScanError> OpenedDataSet::open(std::span<const std::byte> bytes,
                                                           std::string_view transfer_syntax_uid,
                                                           const ScanLimits& limits,
                                                           std::uint64_t inflated_ceiling) {
    std::vector<std::byte> inflated;
    const auto* syntax = codecs::find_by_uid(transfer_syntax_uid);
    if (syntax != nullptr && syntax->deflated) {
        auto result = inflate_dataset(bytes, std::min(inflated_ceiling, limits.object_bytes));
        if (!result)
            return tl::unexpected(result.error());
        inflated = std::move(*result);
        bytes = inflated;
    }
    auto data_set = DataSet::scan(bytes, Encoding::of(transfer_syntax_uid), limits);
    if (!data_set)
        return tl::unexpected(data_set.error());
    return OpenedDataSet(std::move(inflated), std::move(*data_set));
}

} // namespace dcmflow
