// TransferSyntax: THE table of transfer syntaxes: UIDs, config names, abilities (design §5).
//
// Static data; any thread. Adding a codec means one row here and one line in registry.cpp.
#pragma once

#include <span>
#include <string_view>

namespace dcmflow::codecs {

struct TransferSyntax {
    std::string_view uid;      // "1.2.840.10008.1.2.4.80"
    std::string_view name;     // as in the config: "jpeg-ls"; never empty
    std::string_view title;    // "JPEG-LS Lossless"
    bool encapsulated = false; // Pixel Data in fragments (PS3.5 A.4)
    bool implicit_vr = false;
    bool big_endian = false;
    bool deflated = false; // the whole data set (PS3.5 A.5)
    bool lossless = true;  // false: may carry lossy pixels
    bool can_read =
        false; // we decode it; a lossy one only to native, for a peer that takes nothing else
    bool can_write = false; // we encode it; the config accepts it in a ladder
};

[[nodiscard]] std::span<const TransferSyntax> transfer_syntaxes();
[[nodiscard]] const TransferSyntax* find_by_uid(std::string_view uid);   // nullptr if unknown
[[nodiscard]] const TransferSyntax* find_by_name(std::string_view name); // nullptr if unknown

// A UID we do not know is carried as received; every such syntax is Explicit VR Little Endian
// encapsulated (PS3.5 A.4), which is what scanners should assume.
[[nodiscard]] std::string_view display_name(std::string_view uid); // name, or the UID itself

namespace uid {
inline constexpr std::string_view implicit_le = "1.2.840.10008.1.2";
inline constexpr std::string_view explicit_le = "1.2.840.10008.1.2.1";
inline constexpr std::string_view explicit_be = "1.2.840.10008.1.2.2";
inline constexpr std::string_view deflated = "1.2.840.10008.1.2.1.99";
inline constexpr std::string_view jpeg_baseline = "1.2.840.10008.1.2.4.50";
inline constexpr std::string_view jpeg_extended = "1.2.840.10008.1.2.4.51";
inline constexpr std::string_view jpeg_lossless_57 = "1.2.840.10008.1.2.4.57";
inline constexpr std::string_view jpeg_lossless = "1.2.840.10008.1.2.4.70";
inline constexpr std::string_view jpeg_ls = "1.2.840.10008.1.2.4.80";
inline constexpr std::string_view jpeg_ls_near = "1.2.840.10008.1.2.4.81";
inline constexpr std::string_view jpeg2000 = "1.2.840.10008.1.2.4.90";
inline constexpr std::string_view jpeg2000_lossy = "1.2.840.10008.1.2.4.91";
inline constexpr std::string_view htj2k = "1.2.840.10008.1.2.4.201";
inline constexpr std::string_view htj2k_rpcl = "1.2.840.10008.1.2.4.202";
inline constexpr std::string_view htj2k_lossy = "1.2.840.10008.1.2.4.203";
inline constexpr std::string_view rle = "1.2.840.10008.1.2.5";
inline constexpr std::string_view deflated_frame = "1.2.840.10008.1.2.8.1";
} // namespace uid

} // namespace dcmflow::codecs
