// Every reason not to read a data set, from bytes made by hand.
#include "tests/dicom/dataset_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using namespace test;
using testing::HasSubstr;

ScanError fault_of(const DataSetBytes& bytes, const ScanLimits& limits = {}) {
    const auto data_set = bytes.scan(limits);
    EXPECT_FALSE(data_set);
    return data_set ? ScanError{} : data_set.error();
}

TEST(Faults, TruncatedInTheHeader) {
    DataSetBytes whole;
    whole.element(0x00080060, "CS", "CT").header(0x7FE00010, "OW", 0);
    for (std::size_t cut = 11; cut < 22; ++cut) {
        DataSetBytes bytes;
        bytes.raw(whole.view().substr(0, cut));
        const ScanError error = fault_of(bytes);
        EXPECT_EQ(error.fault, ScanFault::truncated) << cut;
        EXPECT_EQ(error.offset, 10U) << cut;
    }
}

TEST(Faults, TruncatedInTheValueNamesTheTag) {
    const ScanError error = fault_of(
        DataSetBytes().element(0x00080060, "CS", "CT").header(0x00100020, "LO", 5).raw("ID"));
    EXPECT_EQ(error.fault, ScanFault::truncated);
    EXPECT_EQ(error.offset, 10U);
    EXPECT_THAT(error.text, HasSubstr("(0010,0020)"));
    EXPECT_THAT(error.text, HasSubstr("5 bytes"));
}

TEST(Faults, TruncatedWithoutDelimiter) {
    EXPECT_EQ(fault_of(DataSetBytes().header(0x00081110, "SQ", undefined_length)).fault,
              ScanFault::truncated);
    EXPECT_EQ(
        fault_of(DataSetBytes().header(0x00081110, "SQ", undefined_length).item(undefined_length))
            .fault,
        ScanFault::truncated);
    EXPECT_EQ(fault_of(DataSetBytes().header(0x7FE00010, "OB", undefined_length).item("ab")).fault,
              ScanFault::truncated);
    EXPECT_EQ(
        fault_of(DataSetBytes().header(0x7FE00010, "OB", undefined_length).item(100).raw("ab"))
            .fault,
        ScanFault::truncated);
}

TEST(Faults, BadLengthPastItsContainer) {
    DataSetBytes inner;
    inner.header(0x00080060, "CS", 20).raw("CT");
    const ScanError error = fault_of(DataSetBytes()
                                         .element(0x00081110, "SQ", DataSetBytes().item(inner))
                                         .element(0x00100020, "LO", "a long text"));
    EXPECT_EQ(error.fault, ScanFault::bad_length);
    EXPECT_THAT(error.text, HasSubstr("(0008,0060)"));
    // An item without end inside a sequence with one.
    EXPECT_EQ(fault_of(DataSetBytes()
                           .element(0x00081110, "SQ", DataSetBytes().item(undefined_length))
                           .element(0x00100020, "LO", "ID"))
                  .fault,
              ScanFault::bad_length);
}

TEST(Faults, BadLengthUndefinedWhereItCannotBe) {
    for (const std::string_view vr : {"UT", "UC", "UR", "OD", "OF", "OL", "OV", "SV", "UV"}) {
        const ScanError error = fault_of(
            DataSetBytes().header(0x00091001, vr, undefined_length).item("").end_sequence());
        EXPECT_EQ(error.fault, ScanFault::bad_length) << vr;
        EXPECT_THAT(error.text, HasSubstr(std::string(vr)));
    }
}

TEST(Faults, BadVr) {
    // Implicit data in an explicit syntax: the length is where the VR should be.
    DataSetBytes bytes;
    bytes.raw(DataSetBytes(implicit_le).element(0x00080018, "", std::string(18, '1')).view());
    const ScanError error = fault_of(bytes);
    EXPECT_EQ(error.fault, ScanFault::bad_vr);
    EXPECT_THAT(error.text, HasSubstr("12 00"));
}

template <class Open, class Close> DataSetBytes nested(std::size_t depth, Open open, Close close) {
    DataSetBytes bytes;
    for (std::size_t i = 0; i < depth; ++i)
        open(bytes);
    for (std::size_t i = 0; i < depth; ++i)
        close(bytes);
    return bytes;
}
DataSetBytes nested_undefined(std::size_t depth) {
    return nested(
        depth,
        [](DataSetBytes& b) {
            b.header(0x00081110, "SQ", undefined_length).item(undefined_length);
        },
        [](DataSetBytes& b) { b.end_item().end_sequence(); });
}
DataSetBytes nested_defined(std::size_t depth) {
    DataSetBytes bytes;
    for (std::size_t i = 0; i < depth; ++i) {
        const auto inside = static_cast<std::uint32_t>(20 * (depth - i) - 12);
        bytes.header(0x00081110, "SQ", inside).item(inside - 8);
    }
    return bytes;
}

TEST(Faults, TooDeep) {
    for (const auto& make : {nested_undefined, nested_defined}) {
        EXPECT_TRUE(make(64).scan()) << make(64).scan().error().text;
        EXPECT_EQ(fault_of(make(65)).fault, ScanFault::too_deep);
        EXPECT_EQ(fault_of(make(20'000)).fault, ScanFault::too_deep);
        EXPECT_EQ(fault_of(make(3), ScanLimits{.depth = 2}).fault, ScanFault::too_deep);
    }
}

// Without the limit it is the heap that grows, not the stack.
TEST(Faults, DepthTakesNoStack) {
    ScanLimits limits;
    limits.depth = 1'000'000;
    for (const auto& make : {nested_undefined, nested_defined})
        EXPECT_TRUE(make(200'000).scan(limits));
}

TEST(Faults, TooManyElements) {
    DataSetBytes inner;
    for (int i = 0; i < 8; ++i)
        inner.element(0x00080060, "CS", "CT");
    DataSetBytes bytes;
    bytes.element(0x00081110, "SQ", DataSetBytes().item(inner)).element(0x00100020, "LO", "ID");
    EXPECT_TRUE(bytes.scan(ScanLimits{.elements = 10}));
    EXPECT_EQ(fault_of(bytes, ScanLimits{.elements = 9}).fault, ScanFault::too_many_elements);
}

TEST(Faults, ElementTooLarge) {
    const ScanLimits limits{.element_bytes = 8};
    EXPECT_TRUE(DataSetBytes().element(0x00104000, "LT", "12345678").scan(limits));
    EXPECT_EQ(fault_of(DataSetBytes().element(0x00104000, "LT", "123456789"), limits).fault,
              ScanFault::element_too_large);
    for (const std::uint32_t tag :
         {0x7FE00010U, 0x7FE00008U, 0x7FE00009U, 0x7FE00001U, 0x7FE00002U, 0x00420011U}) {
        EXPECT_TRUE(DataSetBytes().element(tag, "OB", "123456789").scan(limits)) << std::hex << tag;
    }
    const auto fragments = DataSetBytes()
                               .header(0x7FE00010, "OB", undefined_length)
                               .item("")
                               .item("123456789")
                               .end_sequence();
    EXPECT_TRUE(fragments.scan(limits));
    // Nested ones as well.
    EXPECT_EQ(fault_of(DataSetBytes().element(0x00081110, "SQ",
                                              DataSetBytes().item(DataSetBytes().element(
                                                  0x00104000, "LT", "123456789"))),
                       limits)
                  .fault,
              ScanFault::element_too_large);
}

TEST(Faults, ObjectTooLarge) {
    const DataSetBytes bytes = DataSetBytes().element(0x00080060, "CS", "CT");
    EXPECT_TRUE(bytes.scan(ScanLimits{.object_bytes = 10}));
    EXPECT_EQ(fault_of(bytes, ScanLimits{.object_bytes = 9}).fault, ScanFault::object_too_large);
}

TEST(Faults, BadSequence) {
    const DataSetBytes element = DataSetBytes().element(0x00080060, "CS", "CT");
    EXPECT_EQ(fault_of(DataSetBytes().element(0x00081110, "SQ", element)).fault,
              ScanFault::bad_sequence);
    EXPECT_EQ(fault_of(DataSetBytes()
                           .header(0x00081110, "SQ", undefined_length)
                           .raw(element.view())
                           .end_sequence())
                  .fault,
              ScanFault::bad_sequence);
    EXPECT_EQ(fault_of(DataSetBytes().raw(element.view()).end_item()).fault,
              ScanFault::bad_sequence);
    EXPECT_EQ(fault_of(DataSetBytes().raw(element.view()).end_sequence()).fault,
              ScanFault::bad_sequence);
    EXPECT_EQ(fault_of(DataSetBytes().item(element)).fault, ScanFault::bad_sequence);
    EXPECT_EQ(fault_of(DataSetBytes()
                           .header(0x00081110, "SQ", undefined_length)
                           .item(undefined_length)
                           .end_sequence())
                  .fault,
              ScanFault::bad_sequence);
    EXPECT_EQ(fault_of(DataSetBytes().header(0x00081110, "SQ", undefined_length).end_item()).fault,
              ScanFault::bad_sequence);
}

TEST(Faults, BadFragments) {
    const DataSetBytes element = DataSetBytes().element(0x00080060, "CS", "CT");
    EXPECT_EQ(fault_of(DataSetBytes()
                           .header(0x7FE00010, "OB", undefined_length)
                           .raw(element.view())
                           .end_sequence())
                  .fault,
              ScanFault::bad_fragments);
    EXPECT_EQ(fault_of(DataSetBytes()
                           .header(0x7FE00010, "OB", undefined_length)
                           .item("")
                           .item(undefined_length)
                           .end_item()
                           .end_sequence())
                  .fault,
              ScanFault::bad_fragments);
    EXPECT_EQ(
        fault_of(DataSetBytes().header(0x7FE00010, "OB", undefined_length).item("").end_item())
            .fault,
        ScanFault::bad_fragments);
}

TEST(Faults, BadGroup) {
    EXPECT_EQ(fault_of(DataSetBytes().element(0x00020010, "UI", "1.2.")).fault,
              ScanFault::bad_group);
    EXPECT_EQ(fault_of(DataSetBytes().element(0x00000002, "UI", "1.2.")).fault,
              ScanFault::bad_group);
    EXPECT_EQ(
        fault_of(DataSetBytes().element(0x00080060, "CS", "CT").element(0x00020010, "UI", "1.2."))
            .fault,
        ScanFault::bad_group);
    EXPECT_EQ(fault_of(DataSetBytes().element(
                           0x00081110, "SQ",
                           DataSetBytes().item(DataSetBytes().element(0x00020010, "UI", "1.2."))))
                  .fault,
              ScanFault::bad_group);
}

TEST(Faults, NamesAreTheEnumerators) {
    EXPECT_EQ(to_string(ScanFault::truncated), "truncated");
    EXPECT_EQ(to_string(ScanFault::bad_length), "bad_length");
    EXPECT_EQ(to_string(ScanFault::bad_vr), "bad_vr");
    EXPECT_EQ(to_string(ScanFault::too_deep), "too_deep");
    EXPECT_EQ(to_string(ScanFault::too_many_elements), "too_many_elements");
    EXPECT_EQ(to_string(ScanFault::element_too_large), "element_too_large");
    EXPECT_EQ(to_string(ScanFault::object_too_large), "object_too_large");
    EXPECT_EQ(to_string(ScanFault::bad_sequence), "bad_sequence");
    EXPECT_EQ(to_string(ScanFault::bad_fragments), "bad_fragments");
    EXPECT_EQ(to_string(ScanFault::bad_group), "bad_group");
    EXPECT_EQ(to_string(ScanFault::bad_uid), "bad_uid");
    EXPECT_EQ(to_string(ScanFault::bad_deflate), "bad_deflate");
}

} // namespace
} // namespace dcmflow
