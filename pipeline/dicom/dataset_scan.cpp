// What a scan keeps of a walk: the index of a data set, the items of an element, or whatever a
// visitor wants.
#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/dataset_walker.h"

namespace dcmflow {
namespace {

using scanning::Walker;

struct IndexSink {
    std::vector<ElementRef>& elements;
    void element(const ElementRef& element, Encoding /*encoding*/, std::uint32_t depth) {
        if (depth == 0)
            elements.push_back(element);
    }
    void begin_sequence(const ElementRef&, Encoding, std::uint32_t) {}
    void begin_item(const ItemRef&, std::uint32_t) {}
    void end_item(const ItemRef&, std::uint32_t) {}
    void end_sequence(const ElementRef& sequence, std::uint32_t depth) {
        if (depth == 0)
            elements.push_back(sequence);
    }
    void fragment(const ItemRef&, std::uint32_t) {}
};

struct ItemSink {
    std::vector<ItemRef>& items;
    void element(const ElementRef&, Encoding, std::uint32_t) {}
    void begin_sequence(const ElementRef&, Encoding, std::uint32_t) {}
    void begin_item(const ItemRef&, std::uint32_t) {}
    void end_item(const ItemRef& item, std::uint32_t depth) {
        if (depth == 1)
            items.push_back(item);
    }
    void end_sequence(const ElementRef&, std::uint32_t) {}
    void fragment(const ItemRef& fragment, std::uint32_t depth) {
        if (depth == 0)
            items.push_back(fragment);
    }
};

struct VisitorSink {
    DataSetVisitor& visitor;
    void element(const ElementRef& element, Encoding encoding, std::uint32_t depth) {
        visitor.element(element, encoding, depth);
    }
    void begin_sequence(const ElementRef& sequence, Encoding encoding, std::uint32_t depth) {
        visitor.begin_sequence(sequence, encoding, depth);
    }
    void begin_item(const ItemRef& item, std::uint32_t depth) { visitor.begin_item(item, depth); }
    void end_item(const ItemRef& item, std::uint32_t depth) { visitor.end_item(item, depth); }
    void end_sequence(const ElementRef& sequence, std::uint32_t depth) {
        visitor.end_sequence(sequence, depth);
    }
    void fragment(const ItemRef&, std::uint32_t) {}
};

} // namespace

tl::expected<DataSet, ScanError> DataSet::scan(std::span<const std::byte> bytes, Encoding encoding,
                                               const ScanLimits& limits) {
    DataSet data_set;
    data_set.bytes_ = bytes;
    data_set.encoding_ = encoding;
    data_set.elements_.reserve(192); // more than most headers have
    IndexSink sink{data_set.elements_};
    Walker<IndexSink> walker(bytes, encoding, limits, sink);
    if (!walker.run())
        return tl::unexpected(walker.take_error());
    std::uint32_t last = 0;
    for (const ElementRef& element : data_set.elements_) {
        if (element.tag() <= last) {
            data_set.ascending_ = false;
            break;
        }
        last = element.tag();
    }
    return data_set;
}

std::vector<ItemRef> DataSet::items(const ElementRef& element) const {
    std::vector<ItemRef> found;
    ItemSink sink{found};
    if (element.end_offset > bytes_.size() || element.header_offset >= element.end_offset)
        return found;
    bool walked = false;
    if (element.vr_text() == "UN" && !element.undefined_length) {
        const ScanLimits limits; // nobody has walked this before
        walked = Walker<ItemSink>(bytes_, encoding_, limits, sink).run_as_sequence(element);
    } else {
        // The whole was within its limits, so this part is.
        constexpr ScanLimits no_limits{~0U, ~0ULL, ~0ULL, ~0ULL};
        walked =
            Walker<ItemSink>(bytes_, encoding_, no_limits, sink).run_one(element.header_offset);
    }
    if (!walked)
        found.clear();
    return found;
}

tl::expected<void, ScanError> walk(std::span<const std::byte> bytes, Encoding encoding,
                                   DataSetVisitor& visitor, const ScanLimits& limits) {
    VisitorSink sink{visitor};
    Walker<VisitorSink> walker(bytes, encoding, limits, sink);
    if (!walker.run())
        return tl::unexpected(walker.take_error());
    return {};
}

} // namespace dcmflow
