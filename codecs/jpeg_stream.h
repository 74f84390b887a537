// JpegHeader: what a JPEG stream (ITU-T T.81) says about itself.
//
// Read by our own bounded parser before any library may see the stream. Pure; any thread. It walks
// every marker from SOI to EOI, checks tables and scans as far as their form goes, decodes no
// sample and allocates nothing. Baseline, extended sequential and lossless, Huffman coded; the
// progressive, arithmetic and hierarchical processes are unsupported.
#pragma once

#include "codecs/codec.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace dcmflow::codecs {

enum class JpegProcess : std::uint8_t { baseline, extended, lossless }; // SOF0, SOF1, SOF3

struct JpegHeader {
    struct Component {
        std::uint8_t id = 0;
        std::uint8_t horizontal = 1, vertical = 1; // sampling factors
    };

    JpegProcess process = JpegProcess::baseline;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint8_t components = 0; // 1 … 4
    std::uint8_t precision = 0;  // bits per sample, 2 … 16
    std::array<Component, 4> component{};
    std::uint8_t predictor = 0;                  // of lossless scans, 1 … 7
    std::uint8_t point_transform = 0;            // of lossless scans
    bool jfif = false;                           // APP0 "JFIF"
    std::optional<std::uint8_t> adobe_transform; // APP14 "Adobe": 0 none, 1 YCbCr, 2 YCCK
    std::size_t end = 0;                         // one past EOI; only pad bytes follow
    std::uint8_t short_bands = 0;                // sequential scans that end their band at 0 …
    std::array<std::size_t, 4> short_band{};     // … where they say so; see repaired()

    [[nodiscard]] bool subsampled() const;
    [[nodiscard]] bool ids_are_rgb() const; // component identifiers 'R', 'G', 'B'
};

// ok; corrupt: broken, truncated or not JPEG; unsupported: legal, but not one of the processes
// above, or a height that only a later DNL segment tells.
[[nodiscard]] CodecStatus parse_jpeg(std::span<const std::byte> stream, JpegHeader& header);

// The stream, or a copy in which every sequential scan ends its band at coefficient 63, the only
// one there is (T.81 table B.3). An encoder of 1999 wrote 0 (WG04's official 12-bit samples), which
// decoders warn about and then ignore; we take warnings for damage.
[[nodiscard]] std::span<const std::byte> repaired(std::span<const std::byte> stream,
                                                  const JpegHeader& header, FrameBuffer& copy);

// What the colours of three components are (codecs.md §4 row 30): markers before identifiers before
// subsampling, which only chrominance has, before Photometric Interpretation. Nothing if markers
// contradict each other, or if no more than an "RGB" tells: real streams of that kind are of both
// sorts (pydicom's SC_jpeg_no_color_transform, older SC_rgb_jpeg_lossy_gdcm).
enum class JpegColour : std::uint8_t { rgb, ycbcr };
[[nodiscard]] std::optional<JpegColour> coded_colour(const JpegHeader& header,
                                                     Photometric photometric);

} // namespace dcmflow::codecs
