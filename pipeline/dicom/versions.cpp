#include "pipeline/dicom/versions.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>
#include <zlib.h>

namespace dcmflow {

std::vector<std::pair<std::string, std::string>> dicom_library_versions() {
    return {{"DCMTK", OFFIS_DCMTK_VERSION_STRING}, {"zlib", zlibVersion()}};
}

} // namespace dcmflow
