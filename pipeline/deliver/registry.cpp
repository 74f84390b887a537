// The one table of destination kinds: one row per alternative of DestinationConfig::target.
#include "pipeline/deliver/destination.h"
#include "pipeline/deliver/dicom_destination.h"
#include "pipeline/deliver/folder_destination.h"

namespace dcmflow {

namespace {

struct Maker {
    const DestinationConfig& config;
    std::unique_ptr<Destination> operator()(const DicomTarget&) const {
        return std::make_unique<DicomDestination>(config);
    }
    std::unique_ptr<Destination> operator()(const FolderTarget&) const {
        return std::make_unique<FolderDestination>(config);
    }
};

} // namespace

std::unique_ptr<Destination> make_destination(const DestinationConfig& config) {
    return std::visit(Maker{config}, config.target);
}

} // namespace dcmflow
