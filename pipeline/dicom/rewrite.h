// DataSetWriter: the elements of a scanned data set into an Output, in another encoding where
// asked.
//
// Same encoding: bytes are copied. Else (implicit, explicit, big endian to implicit or explicit
// little endian) elements are written one by one, nested ones included, without recursion. Retired
// group lengths (gggg,0000) are recomputed wherever their group may have changed. Sequences and
// items keep their kind of length. One transcode, one thread. It never decodes pixels, never
// changes a value except the order of its bytes.
#pragma once

#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/transcode_sink.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dcmflow {

enum class RewriteFault : std::uint8_t {
    none,
    unknown_vr, // big endian, and the VR does not say what to swap; or to implicit, and the value is
                // not what the dictionary's VR says
    fragments, // encapsulated Pixel Data where the source's or target's syntax has none (PS3.5 A.4)
    too_long,  // a length that no longer fits 32 bits
    malformed, // not what was scanned
};

class DataSetWriter final : private DataSetVisitor {
  public:
    // `target` is little endian.
    DataSetWriter(const DataSet& source, Encoding target, Output& out);

    // Groups whose length changes although the encoding does not. Call before their elements.
    void touch(std::uint16_t group) { touched_.push_back(group); }
    // Each of these writes one top-level element; tags must ascend.
    void keep(const ElementRef& element);
    void replace(const ElementRef& element, std::string_view vr, std::span<const std::byte> value);
    // Announces an element that the caller writes himself.
    void enter(std::uint16_t group) { enter_group(levels_.front(), group); }
    // After the last element: the last group's length, and what follows in the source (zeros of a
    // last block).
    void finish();

    void write_header(std::uint16_t group, std::uint16_t element, std::string_view vr,
                      std::uint32_t length);
    [[nodiscard]] RewriteFault fault() const { return fault_; }

  private:
    struct Level {                   // the data set, a sequence or an item that is being written
        std::uint64_t length_at = 0; // of the length to fill in; 0 if undefined
        std::uint64_t content_at = 0;
        std::uint64_t group_length_at = 0; // of the value to fill in; 0 if none
        std::uint16_t group = 0;           // the one that it belongs to
        bool signed_pixels = false;        // Pixel Representation in force
        std::uint16_t bits_allocated = 16; // the same
    };

    void element(const ElementRef& element, Encoding encoding, std::uint32_t depth) override;
    void begin_sequence(const ElementRef& sequence, Encoding encoding,
                        std::uint32_t depth) override;
    void begin_item(const ItemRef& item, std::uint32_t depth) override;
    void end_item(const ItemRef& item, std::uint32_t depth) override;
    void end_sequence(const ElementRef& sequence, std::uint32_t depth) override;

    void enter_group(Level& level, std::uint16_t group);
    void open(bool undefined_length);
    void close(bool undefined_length, std::uint16_t delimiter);
    void write_group_length(const ElementRef& element);
    void write_value(std::span<const std::byte> value, std::string_view vr);
    [[nodiscard]] std::string_view target_vr(const ElementRef& element, const Level& level) const;
    [[nodiscard]] std::span<const std::byte> bytes_of(std::uint64_t from, std::uint64_t to) const;
    [[nodiscard]] bool is_touched(std::uint16_t group) const;
    void fail(RewriteFault fault) { fault_ = fault_ == RewriteFault::none ? fault : fault_; }

    const DataSet& source_;
    Encoding target_;
    bool copies_; // the encoding stays
    Output& out_;
    std::uint64_t base_ = 0; // of the offsets that the walk reports
    std::vector<Level> levels_;
    std::vector<std::uint16_t> touched_;
    std::optional<std::uint32_t> raw_depth_; // inside UN of undefined length: kept as it is
    RewriteFault fault_ = RewriteFault::none;
};

// Bytes that are swapped together in a big endian value of this VR: 1, 2, 4 or 8; 0 if that cannot
// be known.
[[nodiscard]] std::size_t swap_unit(std::string_view vr);

// Whether encapsulated Pixel Data (or any OB or OW in fragments) lies inside a sequence.
[[nodiscard]] bool has_nested_fragments(const DataSet& source);

// Whether a digital signature of the data set covers one of these attributes (PS3.3
// C.12.1.1.3.1.1). One whose list of attributes cannot be found counts as covering everything.
[[nodiscard]] bool is_signed(const DataSet& source, std::span<const std::uint32_t> tags);

} // namespace dcmflow
