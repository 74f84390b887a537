// Names of SOP classes for people, from DCMTK's dictionary of UIDs. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace dcmflow::deliver {

// "CT Image Storage"; the UID itself if DCMTK does not know it.
[[nodiscard]] std::string sop_class_name(std::string_view uid);

} // namespace dcmflow::deliver
