// FolderLayout: a template of path and placeholders → the path of one object below a folder.
//
// A value; const; any thread. Whatever the data set says, the result stays below the folder: a
// placeholder fills part of one component and never adds one, a component is never empty, "." or
// "..", and holds no separator, no control character and none that Windows shares refuse. It
// touches no file system.
#pragma once

#include "pipeline/deliver/destination.h"
#include "pipeline/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dcmflow::deliver {

class FolderLayout {
  public:
    // "{PatientID}/{StudyInstanceUID}/{SOPInstanceUID}.dcm"; invalid_argument names what is wrong
    // with it.
    [[nodiscard]] static Result<FolderLayout> parse(std::string_view text);
    // Components, the file name last. An object that cannot be read gives "unknown" for what its
    // command did not say.
    [[nodiscard]] std::vector<std::string> path_of(const Parcel& parcel) const;

    // At most 64 bytes of UTF-8, safe as (part of) a file name; "unknown" if nothing is left.
    [[nodiscard]] static std::string sanitise(std::string_view value);

  private:
    struct Placeholder {
        std::uint16_t group = 0;
        std::uint16_t element = 0;
    };
    using Piece = std::variant<std::string, Placeholder>;
    [[nodiscard]] static Result<std::vector<Piece>> parse_component(std::string_view text);
    std::vector<std::vector<Piece>> components_;
};

} // namespace dcmflow::deliver
