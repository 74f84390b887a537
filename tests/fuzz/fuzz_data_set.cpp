// A data set in one of the four native encodings (first byte): the scanner, all that is asked of a
// scanned data set, and writing it again. A copy in the same encoding is the same bytes; in another
// encoding it is a data set of the same tags.
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/rewrite.h"
#include "tests/fuzz/data_set_input.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>

namespace dcmflow::fuzz {

namespace {

// Elements follow one another without gap or overlap and lie in the bytes; items lie in theirs.
void check_index(const DataSet& data_set) {
    std::uint64_t at = 0;
    for (const ElementRef& element : data_set.elements()) {
        require(element.header_offset == at, "elements follow one another");
        require(element.value_offset >= at + 8, "a value follows its header");
        require(element.value_offset + element.value_length <= element.end_offset,
                "a value lies in its element");
        require(element.end_offset <= data_set.bytes().size(), "an element lies in the data set");
        at = element.end_offset;
        std::uint64_t inside = element.value_offset;
        for (const ItemRef& item : data_set.items(element)) {
            require(item.header_offset >= inside, "items follow one another");
            require(item.value_offset + item.value_length <= item.end_offset,
                    "an item's value lies in the item");
            require(item.end_offset <= element.value_offset + element.value_length,
                    "an item lies in its sequence");
            inside = item.end_offset;
        }
    }
}

struct Balance final : DataSetVisitor {
    std::int64_t open = 0;
    void element(const ElementRef&, Encoding, std::uint32_t depth) override {
        require(depth <= ScanLimits{}.depth, "nesting is bounded");
    }
    void begin_sequence(const ElementRef&, Encoding, std::uint32_t) override { ++open; }
    void begin_item(const ItemRef&, std::uint32_t) override { ++open; }
    void end_item(const ItemRef&, std::uint32_t) override { --open; }
    void end_sequence(const ElementRef&, std::uint32_t) override { --open; }
};

rules::PathStep step_of(std::uint16_t group, std::uint16_t element) {
    rules::PathStep step;
    step.group = group;
    step.element = element;
    return step;
}

void ask(const DataSet& data_set, std::string_view syntax) {
    const Origin origin;
    const ObjectAttributes attributes(data_set, origin, std::string(syntax));
    const rules::PathStep last = step_of(0x0008, 0x0104);
    std::size_t asked = 0;
    for (const ElementRef& element : data_set.elements()) {
        const rules::PathStep step = step_of(element.group, element.element);
        require(attributes.find({{step}, ""}).has_value(), "an element that is there is found");
        (void)attributes.find({{step, last}, ""});
        (void)attributes.find({{step, step_of(0x0040, 0xA170), last}, ""});
        rules::PathStep hidden = step_of(element.group, element.element & 0xFF);
        hidden.private_creator = "ACME";
        (void)attributes.find({{hidden}, ""});
        (void)data_set.utf8(element.group, element.element);
        (void)data_set.us(element.group, element.element);
        if (++asked == 100) // each asks for all: time grows with the square
            break;
    }
    (void)identify(data_set, syntax);
    (void)has_nested_fragments(data_set);
    static constexpr std::array tags{0x7FE00010U};
    (void)is_signed(data_set, tags);
}

std::vector<std::byte> written(const DataSet& source, Encoding target, RewriteFault& fault) {
    VectorSink sink;
    Output out(&sink);
    DataSetWriter writer(source, target, out);
    for (const ElementRef& element : source.elements())
        writer.keep(element);
    writer.finish();
    out.flush();
    fault = writer.fault();
    return sink.take();
}

void check_copy(const DataSet& source) {
    if (source.encoding().big_endian)
        return;
    RewriteFault fault{};
    const auto copy = written(source, source.encoding(), fault);
    require(fault == RewriteFault::none, "a copy never fails");
    require(std::ranges::equal(copy, source.bytes()), "a copy is the same bytes");
}

void check_rewrite(const DataSet& source, Encoding target) {
    if (source.encoding() == target)
        return;
    const auto tags = [](const DataSet& data_set) {
        std::vector<std::uint32_t> list;
        for (const ElementRef& element : data_set.elements())
            list.push_back(element.tag());
        return list;
    };
    RewriteFault fault{};
    const auto bytes = written(source, target, fault);
    if (fault != RewriteFault::none)
        return;
    const auto scanned = DataSet::scan(bytes, target);
    require(scanned.has_value(), "what was written can be scanned");
    require(tags(source) == tags(*scanned), "what was written has the same tags");
    const auto again = written(*scanned, target, fault);
    require(again == bytes, "a copy of what was written is the same bytes");
}

} // namespace

void data_set(Input input) {
    const auto syntax = native_syntaxes[take8(input) % native_syntaxes.size()];
    const auto opened = OpenedDataSet::open(input, syntax, {}, largest_inflated);
    const bool inflates = syntax == codecs::uid::deflated;
    if (!inflates) {
        Balance balance;
        const auto walked = walk(input, Encoding::of(syntax), balance);
        require(walked.has_value() == opened.has_value(), "walk and scan agree");
        require(!walked || balance.open == 0, "what begins ends");
    }
    if (!opened) {
        require(inflates || opened.error().offset <= input.size(), "a fault lies in the bytes");
        require(!opened.error().text.empty(), "a fault says what it is");
        return;
    }
    const DataSet& data_set = opened->data_set();
    check_index(data_set);
    ask(data_set, syntax);
    check_copy(data_set);
    check_rewrite(data_set, Encoding::of(codecs::uid::implicit_le));
    check_rewrite(data_set, Encoding::of(codecs::uid::explicit_le));
}

} // namespace dcmflow::fuzz
