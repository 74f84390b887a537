// FragmentReader, FragmentWriter: encapsulated Pixel Data (PS3.5 A.4) as frames.
//
// The reader lends views of the caller's bytes, which must outlive it, and trusts neither the items
// nor the offset tables: what does not fit together exactly is an error, never a guess. Const once
// made: any thread. The writer belongs to one transcode, one thread. Neither looks inside a
// codestream.
#pragma once

#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/transcode_sink.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow {

enum class FragmentFault : std::uint8_t {
    not_items,   // the value is not a sequence of items
    bad_table,   // an offset table is ill-formed, points outside, or contradicts the fragments
    wrong_count, // neither table nor fragments give as many frames as the header
    too_many,    // more fragments than the limit
};
[[nodiscard]] std::string_view to_string(FragmentFault fault);

// What the first fragment of a frame begins with, where the transfer syntax says so. Tells frames
// apart without a table: inside a codestream these bytes do not begin a fragment but by an accident
// of one in billions.
enum class FrameStart : std::uint8_t {
    unknown, // RLE, deflated frames: a fragment is a frame
    soi,     // JPEG and JPEG-LS: FF D8 FF (T.81 B.1.1.3)
    soc,     // JPEG 2000 and HTJ2K: FF 4F FF 51 (T.800 A.4), or a JP2 file around it
};

class FragmentReader {
  public:
    struct Source {
        std::span<const std::byte> pixel_data;       // items, the Basic Offset Table first
        std::span<const std::byte> extended_offsets; // value of (7FE0,0001), empty if absent
        std::span<const std::byte> extended_lengths; // value of (7FE0,0002), empty if absent
        std::uint32_t frames = 1;
        FrameStart start = FrameStart::unknown;
        std::size_t max_fragments = 16U << 20;
    };
    // Frames by the Basic Offset Table, the Extended one, one fragment each, all fragments of a
    // single frame, or by what frames start with: as many as the header says, or it is a fault.
    [[nodiscard]] static tl::expected<FragmentReader, FragmentFault> open(const Source& source);

    [[nodiscard]] std::uint32_t frames() const {
        return static_cast<std::uint32_t>(first_.size() - 1);
    }
    [[nodiscard]] std::size_t fragments() const { return fragments_.size(); }
    // The fragments of one frame, in order; never empty, but their bytes may be.
    [[nodiscard]] std::span<const std::span<const std::byte>> frame(std::uint32_t index) const;
    // One frame's bytes in one piece: lent if it is one fragment, else joined in `scratch`.
    [[nodiscard]] std::span<const std::byte> contiguous(std::uint32_t index,
                                                        std::vector<std::byte>& scratch) const;

  private:
    using Fragments = std::vector<std::span<const std::byte>>;
    [[nodiscard]] tl::expected<void, FragmentFault> read_items(const Source& source);
    [[nodiscard]] tl::expected<void, FragmentFault> by_extended_table(const Source& source);
    [[nodiscard]] tl::expected<void, FragmentFault> by_basic_table(std::uint32_t frames);
    [[nodiscard]] tl::expected<void, FragmentFault> without_table(const Source& source);
    [[nodiscard]] std::uint64_t item_offset(std::size_t fragment) const; // as tables count them

    std::span<const std::byte> table_; // of the Basic Offset Table item
    std::span<const std::byte> pixel_data_;
    Fragments fragments_;
    std::vector<std::size_t> first_; // first fragment of each frame, and one past the last
};

enum class OffsetTable : std::uint8_t {
    none,     // empty Basic Offset Table: fine for a single frame
    basic,    // 32-bit offsets
    extended, // (7FE0,0001) and (7FE0,0002), empty Basic Offset Table
};

// Writes Pixel Data with its offset tables: one fragment per frame. The tables' room is reserved by
// begin() and filled by end(), since offsets are known only then.
class FragmentWriter {
  public:
    FragmentWriter(Output& out, std::uint32_t frames, OffsetTable table);
    // Which table an object needs whose fragments, headers included, take at most `bytes`.
    [[nodiscard]] static OffsetTable table_for(std::uint32_t frames, std::uint64_t bytes,
                                               std::uint64_t basic_limit);

    void begin();                                // tables and headers
    void frame(std::span<const std::byte> data); // padded to even length
    // False if the frames were not `frames`, or an offset does not fit its table.
    [[nodiscard]] bool end();

  private:
    Output& out_;
    std::uint32_t frames_;
    OffsetTable table_;
    std::uint64_t offsets_at_ = 0; // in the output
    std::uint64_t lengths_at_ = 0;
    std::uint64_t first_item_at_ = 0;
    std::vector<std::uint64_t> offsets_;
    std::vector<std::uint64_t> lengths_;
};

} // namespace dcmflow
