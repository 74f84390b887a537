#include "codecs/versions.h"

#include <charls/charls.h>
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <openjpeg.h>
#include <openjph/ojph_version.h>

namespace dcmflow::codecs {

namespace {

// libjpeg-turbo has no call for its version; the number is 2001005 for 2.1.5.
std::string jpeg_turbo_version() {
#ifdef LIBJPEG_TURBO_VERSION_NUMBER
    constexpr int number = LIBJPEG_TURBO_VERSION_NUMBER;
    return std::to_string(number / 1'000'000) + "." + std::to_string(number / 1'000 % 1'000) + "." +
           std::to_string(number % 1'000);
#else
    return "libjpeg " + std::to_string(JPEG_LIB_VERSION);
#endif
}

// OpenJPH has none either; its library is named after the minor version, so the header is right.
std::string openjph_version() {
    return std::to_string(OPENJPH_VERSION_MAJOR) + "." + std::to_string(OPENJPH_VERSION_MINOR) +
           "." + std::to_string(OPENJPH_VERSION_PATCH);
}

} // namespace

std::vector<std::pair<std::string, std::string>> library_versions() {
    return {{"CharLS", charls_get_version_string()},
            {"OpenJPEG", opj_version()},
            {"OpenJPH", openjph_version()},
            {"libjpeg-turbo", jpeg_turbo_version()}};
}

} // namespace dcmflow::codecs
