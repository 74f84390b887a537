// Small objects and configs for the tests of this room.
#pragma once

#include "pipeline/deliver/destination.h"
#include "tests/deliver/fake_scp.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dcmflow::testing {

inline constexpr std::string_view ct_image = "1.2.840.10008.5.1.4.1.1.2";
inline constexpr std::string_view mr_image = "1.2.840.10008.5.1.4.1.1.4";
inline constexpr std::string_view explicit_le = "1.2.840.10008.1.2.1";
inline constexpr std::string_view implicit_le = "1.2.840.10008.1.2";
inline constexpr std::string_view jpeg_ls = "1.2.840.10008.1.2.4.80";
inline constexpr std::string_view htj2k = "1.2.840.10008.1.2.4.201";

// An object that owns what its parcel refers to.
struct Object {
    std::string sop_class{ct_image};
    std::string sop_instance = "1.2.3.4";
    std::string syntax{explicit_le};
    Bytes data_set;
    [[nodiscard]] Parcel parcel() const {
        return {sop_class, sop_instance, syntax, data_set, "MODALITY"};
    }
};

struct TextElement {
    std::uint16_t group;
    std::uint16_t element;
    std::string vr;
    std::string value;
};
// Explicit VR Little Endian, short-form VRs, ascending order as given.
[[nodiscard]] Bytes explicit_elements(const std::vector<TextElement>& elements);
// A CT object of about `bytes` bytes: identity, a patient, and Pixel Data of seeded noise.
[[nodiscard]] Object make_object(std::size_t bytes, std::string sop_instance = "1.2.3.4",
                                 std::string patient_id = "PAT1", unsigned seed = 1);

[[nodiscard]] DestinationConfig dicom_config(std::uint16_t port, int response_seconds = 20);
[[nodiscard]] DestinationConfig folder_config(const std::filesystem::path& root,
                                              const std::string& layout = {});

[[nodiscard]] Need need(std::string_view sop_class, std::vector<std::string> syntaxes);
// Connects with CT and MR in explicit-le and jpeg-ls; fails the test on an error.
[[nodiscard]] std::unique_ptr<Link> connect_or_fail(Destination& destination);

class TempFolder {
  public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

[[nodiscard]] Bytes read_file(const std::filesystem::path& path);
[[nodiscard]] std::vector<std::filesystem::path> files_below(const std::filesystem::path& root);

} // namespace dcmflow::testing
