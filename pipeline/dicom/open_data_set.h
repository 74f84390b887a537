// OpenedDataSet: a data set ready to be asked, whatever its transfer syntax: inflated if need be, then scanned.
//
// Move-only; refers to the caller's bytes unless they were deflated. The one way from stored bytes to a DataSet.
#pragma once

#include "pipeline/dicom/dataset.h"

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow {

class OpenedDataSet {
  public:
    // `bytes`: the data set without file meta information. Faults: as DataSet::scan and inflate_dataset.
    [[nodiscard]] static tl::expected<OpenedDataSet, ScanError> open(std::span<const std::byte> bytes,
                                                                     std::string_view transfer_syntax_uid,
                                                                     const ScanLimits& limits = {},
                                                                     std::uint64_t inflated_ceiling = max_inflated_bytes);
    OpenedDataSet(OpenedDataSet&&) = default;
    OpenedDataSet& operator=(OpenedDataSet&&) = default;

    [[nodiscard]] const DataSet& data_set() const { return data_set_; }

  private:
    OpenedDataSet(std::vector<std::byte> inflated, DataSet data_set);
    std::vector<std::byte> inflated_; // its heap block stays where it is when this moves
    DataSet data_set_;
};

} // namespace dcmflow
