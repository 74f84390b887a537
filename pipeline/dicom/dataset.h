// DataSet: a bounded index over the bytes of one data set; nothing is copied, nothing is trusted.
//
// scan() walks every element, nested ones included, without recursion, within the limits below,
// before any other parser sees the bytes. It is as lenient as DCMTK's parser: duplicate tags, tags
// out of order, odd lengths and unknown VRs pass; what cannot be walked is a fault. A DataSet
// refers to the caller's bytes, which must outlive it. Const: any thread. Handles Implicit VR LE,
// Explicit VR LE and BE (PS3.5 7.1, A.1 to A.4), encapsulated Pixel Data and unknown syntaxes
// (taken as Explicit VR LE). Deflated data sets are inflated by the caller first (inflate_dataset).
#pragma once

#include "pipeline/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

struct ScanLimits {
    std::uint32_t depth = 64;           // of nested sequences
    std::uint64_t elements = 1'000'000; // nested ones included
    std::uint64_t element_bytes = 64ULL
                                  << 20; // of any element but pixel data and encapsulated documents
    std::uint64_t object_bytes = 4ULL << 30;
};

// Why a data set could not be read, each with its DIMSE status (C000 … C0FF).
enum class ScanFault : std::uint8_t {
    truncated = 0x01,  // ends inside an element
    bad_length = 0x02, // a length that cannot be: odd 0xFFFFFFFF, past its container
    bad_vr = 0x03,     // not a VR, in an explicit syntax, and what follows cannot be walked
    too_deep = 0x04,
    too_many_elements = 0x05,
    element_too_large = 0x06,
    object_too_large = 0x07,
    bad_sequence = 0x08,  // delimiters and items out of order
    bad_fragments = 0x09, // encapsulated Pixel Data that is not items
    bad_group = 0x0A,     // a command (0000) or file meta (0002) element in a data set
    bad_uid = 0x0B,       // SOP Class or Instance UID missing, too long or not [0-9.]
    bad_deflate = 0x0C,
};
[[nodiscard]] std::string_view to_string(ScanFault fault);
struct ScanError {
    ScanFault fault = ScanFault::truncated;
    std::uint64_t offset = 0; // in the data set
    std::string text;         // names the tag
};

struct ElementRef {
    std::uint16_t group = 0;
    std::uint16_t element = 0;
    char vr[2] = {'U',
                  'N'}; // implicit VR: from the dictionary, "UN" if unknown; explicit: as it is
    bool undefined_length = false;
    std::uint64_t header_offset = 0; // of the tag
    std::uint64_t value_offset = 0;
    std::uint64_t value_length = 0; // in bytes; for undefined length up to before the delimiter
    std::uint64_t end_offset = 0;   // of the next element
    [[nodiscard]] std::uint32_t tag() const { return (std::uint32_t{group} << 16) | element; }
    [[nodiscard]] std::string_view vr_text() const { return {vr, 2}; }
};

// An item of a sequence, or a fragment of encapsulated Pixel Data (the first is the Basic Offset
// Table).
struct ItemRef {
    bool undefined_length = false;
    std::uint64_t header_offset = 0; // of the item's tag
    std::uint64_t value_offset = 0;
    std::uint64_t value_length = 0; // for undefined length up to before the delimiter
    std::uint64_t end_offset = 0;   // of what follows the item and its delimiter
};

struct Encoding {
    bool implicit_vr = false;
    bool big_endian = false;
    [[nodiscard]] static Encoding of(std::string_view transfer_syntax_uid);
    friend bool operator==(const Encoding&, const Encoding&) = default;
};

class DataSet {
  public:
    // Top-level elements in order, pixel data included.
    [[nodiscard]] static tl::expected<DataSet, ScanError>
    scan(std::span<const std::byte> bytes, Encoding encoding, const ScanLimits& limits = {});
    [[nodiscard]] const std::vector<ElementRef>& elements() const { return elements_; }
    [[nodiscard]] const ElementRef* find(std::uint16_t group,
                                         std::uint16_t element) const; // top level
    [[nodiscard]] std::span<const std::byte> value(const ElementRef& element) const;
    // Items of a top-level sequence or fragments of encapsulated Pixel Data; empty if it is
    // neither. A UN value of defined length that walks as a sequence counts as one. Offsets are in
    // bytes(), like those of elements.
    [[nodiscard]] std::vector<ItemRef> items(const ElementRef& element) const;
    [[nodiscard]] std::span<const std::byte> value(const ItemRef& item) const;
    // How the items of a sequence are encoded: those of UN in Implicit VR LE (PS3.5 6.2.2).
    [[nodiscard]] Encoding items_encoding(const ElementRef& sequence) const;
    // Text of a top-level string element: all values, trimmed, as the bytes are (no charset).
    [[nodiscard]] std::string text(std::uint16_t group, std::uint16_t element) const;
    // The same as UTF-8 by Specific Character Set (0008,0005); undecodable bytes become '?'.
    [[nodiscard]] std::string utf8(std::uint16_t group, std::uint16_t element) const;
    [[nodiscard]] std::optional<std::uint16_t> us(std::uint16_t group, std::uint16_t element) const;
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] Encoding encoding() const { return encoding_; }

  private:
    std::span<const std::byte> bytes_;
    Encoding encoding_;
    std::vector<ElementRef> elements_;
    bool ascending_ = true; // tags strictly ascend: find() may search
};

// A walk over every element in the order of the bytes, nested ones included; depth 0 is the data
// set itself. The element of end_sequence has its lengths filled in; that of begin_sequence lacks
// them if they are undefined. Fragments are not reported: see DataSet::items.
class DataSetVisitor {
  public:
    virtual ~DataSetVisitor() = default;
    virtual void element(const ElementRef& element, Encoding encoding, std::uint32_t depth) = 0;
    virtual void begin_sequence(const ElementRef& /*sequence*/, Encoding /*of items*/,
                                std::uint32_t /*depth*/) {}
    virtual void begin_item(const ItemRef& /*item*/, std::uint32_t /*depth*/) {}
    virtual void end_item(const ItemRef& /*item*/, std::uint32_t /*depth*/) {}
    virtual void end_sequence(const ElementRef& /*sequence*/, std::uint32_t /*depth*/) {}
};
[[nodiscard]] tl::expected<void, ScanError> walk(std::span<const std::byte> bytes,
                                                 Encoding encoding, DataSetVisitor& visitor,
                                                 const ScanLimits& limits = {});

// The ceiling for every inflated data set: above it a deflated object counts as unreadable.
inline constexpr std::uint64_t max_inflated_bytes = 256ULL << 20;

// Raw deflate of a data set (PS3.5 A.5), bounded by `ceiling` bytes out.
[[nodiscard]] tl::expected<std::vector<std::byte>, ScanError>
inflate_dataset(std::span<const std::byte> bytes, std::uint64_t ceiling);

} // namespace dcmflow
