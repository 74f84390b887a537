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

    [[nodiscard]] bool subsampled() const;
    [[nodiscard]] bool ids_are_rgb() const; // component identifiers 'R', 'G', 'B'
};

// ok; corrupt: broken, truncated or not JPEG; unsupported: legal, but not one of the processes
// above, or a height that only a later DNL segment tells.
[[nodiscard]] CodecStatus parse_jpeg(std::span<const std::byte> stream, JpegHeader& header);

// What the colours of three components are (codecs.md §4 row 30): markers before identifiers before
// habit. Nothing if they contradict each other.
enum class JpegColour : std::uint8_t { rgb, ycbcr };
[[nodiscard]] std::optional<JpegColour> coded_colour(const JpegHeader& header);

} // namespace dcmflow::codecs
