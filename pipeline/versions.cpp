#include "pipeline/versions.h"

#include "codecs/versions.h"
#include "pipeline/dicom/versions.h"
#include "pipeline/spool/versions.h"
#include "rules/versions.h"

#include <iterator>
#include <oneapi/tbb/version.h>

namespace dcmflow {

std::string_view dcmflow_version() {
    return DCMFLOW_VERSION;
}

std::vector<std::pair<std::string, std::string>> library_versions() {
    auto all = dicom_library_versions();
    const auto add = [&](std::vector<std::pair<std::string, std::string>> some) {
        all.insert(all.end(), std::make_move_iterator(some.begin()),
                   std::make_move_iterator(some.end()));
    };
    add(codecs::library_versions());
    add({{"oneTBB", TBB_runtime_version()}});
    add(spool_library_versions());
    add({{"yaml-cpp",
          DCMFLOW_YAML_CPP_VERSION}}); // tells none at run time: the one we were built with
    add(rules::library_versions());
    return all;
}

} // namespace dcmflow
