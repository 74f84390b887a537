// The index over a data set: what is found, where, and how leniently.
#include "tests/dicom/dataset_bytes.h"

#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using namespace test;

std::string tags_of(const DataSet& data_set) {
    std::string text;
    for (const ElementRef& element : data_set.elements()) {
        char line[64];
        std::snprintf(line, sizeof line, "%08X%s%c%llu ", element.tag(),
                      std::string(element.vr_text()).c_str(), element.undefined_length ? '?' : ':',
                      static_cast<unsigned long long>(element.value_length));
        text += line;
    }
    return text;
}

class EveryEncoding : public testing::TestWithParam<Encoding> {};
INSTANTIATE_TEST_SUITE_P(Scan, EveryEncoding,
                         testing::Values(explicit_le, implicit_le, explicit_be),
                         [](const auto& param) {
                             return std::string(param.param.implicit_vr ? "Implicit" : "Explicit") +
                                    (param.param.big_endian ? "BE" : "LE");
                         });

TEST_P(EveryEncoding, FindsPlainElements) {
    DataSetBytes bytes(GetParam());
    bytes.element(0x00080060, "CS", "CT")
        .element(0x00280010, "US", DataSetBytes(GetParam()).u16(512));
    bytes.element(0x7FE00010, "OW", "abcdef");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    EXPECT_EQ(tags_of(*data_set), "00080060CS:2 00280010US:2 7FE00010OW:6 ");
    EXPECT_EQ(data_set->us(0x0028, 0x0010), 512);
    EXPECT_EQ(data_set->text(0x0008, 0x0060), "CT");
    EXPECT_EQ(data_set->elements().back().end_offset, bytes.bytes().size());
    EXPECT_EQ(data_set->find(0x0008, 0x0061), nullptr);
}

TEST_P(EveryEncoding, WalksSequencesOfEveryKindOfLength) {
    const Encoding encoding = GetParam();
    DataSetBytes inner(encoding);
    inner.element(0x00081150, "UI", "1.2.3 ");
    DataSetBytes undefined_item(encoding);
    undefined_item.item(undefined_length).raw(inner.view()).end_item();
    DataSetBytes defined_item(encoding);
    defined_item.item(inner);
    DataSetBytes bytes(encoding);
    bytes.header(0x00081110, "SQ", undefined_length)
        .raw(undefined_item.view())
        .raw(defined_item.view())
        .end_sequence();
    bytes.element(0x00081111, "SQ", undefined_item);
    bytes.element(0x00081140, "SQ", defined_item);
    bytes.element(0x00081199, "SQ", "");
    bytes.element(0x00100010, "PN", "Doe^John");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    ASSERT_EQ(data_set->elements().size(), 5U);
    const std::size_t both = undefined_item.bytes().size() + defined_item.bytes().size();
    EXPECT_EQ(data_set->elements()[0].value_length, both);
    EXPECT_TRUE(data_set->elements()[0].undefined_length);
    EXPECT_EQ(data_set->elements()[0].end_offset, data_set->elements()[1].header_offset);
    EXPECT_EQ(data_set->elements()[1].value_length, undefined_item.bytes().size());
    EXPECT_EQ(data_set->elements()[2].value_length, defined_item.bytes().size());
    const auto items = data_set->items(data_set->elements()[0]);
    ASSERT_EQ(items.size(), 2U);
    EXPECT_TRUE(items[0].undefined_length);
    EXPECT_FALSE(items[1].undefined_length);
    for (const ItemRef& item : items) {
        const auto nested =
            DataSet::scan(data_set->value(item), data_set->items_encoding(data_set->elements()[0]));
        ASSERT_TRUE(nested);
        EXPECT_EQ(nested->text(0x0008, 0x1150), "1.2.3");
    }
    EXPECT_TRUE(data_set->items(data_set->elements()[3]).empty());
    EXPECT_TRUE(data_set->items(data_set->elements()[4]).empty());
    EXPECT_EQ(data_set->text(0x0010, 0x0010), "Doe^John");
}

TEST_P(EveryEncoding, EmptyDataSetIsOne) {
    const auto data_set = DataSetBytes(GetParam()).scan();
    ASSERT_TRUE(data_set);
    EXPECT_TRUE(data_set->elements().empty());
}

TEST(Scan, LengthFieldsByVr) {
    // Sixteen bits for these, thirty-two for the others (PS3.5 7.1.2).
    for (const std::string_view vr :
         {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO",
          "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}) {
        DataSetBytes bytes;
        bytes.u16(9).u16(0x1001).raw(vr).u16(4).raw("abcd").element(0x00091002, "UL", "wxyz");
        const auto data_set = bytes.scan();
        ASSERT_TRUE(data_set) << vr << data_set.error().text;
        EXPECT_EQ(data_set->elements().size(), 2U) << vr;
    }
    for (const std::string_view vr :
         {"OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV", "ZZ"}) {
        DataSetBytes bytes;
        bytes.u16(9).u16(0x1001).raw(vr).u16(0).u32(4).raw("abcd").element(0x00091002, "UL",
                                                                           "wxyz");
        const auto data_set = bytes.scan();
        ASSERT_TRUE(data_set) << vr << data_set.error().text;
        EXPECT_EQ(data_set->elements().size(), 2U) << vr;
        EXPECT_EQ(data_set->elements()[0].value_length, 4U) << vr;
    }
}

TEST(Scan, VrsOfOldWritersHaveShortLengths) {
    for (const std::string_view vr :
         {std::string_view("??"), std::string_view("  "), std::string_view("\0\0", 2),
          std::string_view("ox"), std::string_view("- "), std::string_view("\x01\xFF")}) {
        DataSetBytes bytes;
        bytes.u16(9).u16(0x1001).raw(vr).u16(3).raw("abc").element(0x00091002, "UL", "wxyz");
        const auto data_set = bytes.scan();
        ASSERT_TRUE(data_set) << vr << data_set.error().text;
        EXPECT_EQ(data_set->elements()[0].value_length, 3U);
    }
}

TEST(Scan, ImplicitVrComesFromTheDictionary) {
    DataSetBytes bytes(implicit_le);
    bytes.element(0x00080000, "", DataSetBytes().u32(0)); // group length
    bytes.element(0x00080018, "", "1.2.3 ");
    bytes.element(0x00090010, "", "ACME");  // private creator
    bytes.element(0x00091001, "", "what?"); // private
    bytes.element(0x00280106, "", "ab");    // US or SS
    bytes.element(0x00283006, "", "ab");    // LUT Data: US or OW
    bytes.element(0x0028EEEE, "", "ab");    // unknown
    bytes.element(0x50020010, "", "ab");    // repeating groups
    bytes.element(0x60120010, "", "ab");
    bytes.element(0x60123000, "", "ab");
    bytes.element(0x7FE00010, "", "ab");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    EXPECT_EQ(tags_of(*data_set), "00080000UL:4 00080018UI:6 00090010LO:4 00091001UN:5 "
                                  "00280106US:2 00283006OW:2 0028EEEEUN:2 "
                                  "50020010US:2 60120010US:2 60123000OW:2 7FE00010OW:2 ");
}

TEST(Scan, UnOfUndefinedLengthHoldsImplicitLittleEndian) {
    for (const Encoding outer : {explicit_le, explicit_be}) {
        DataSetBytes inner(implicit_le);
        inner.item(undefined_length).element(0x00080060, "", "MR");
        // UN inside UN content has no VR of its own any more: a nested sequence of undefined
        // length.
        inner.header(0x00091002, "", undefined_length)
            .item(DataSetBytes(implicit_le).element(0x00080060, "", "CT"));
        inner.end_sequence().end_item().end_sequence();
        DataSetBytes bytes(outer);
        bytes.header(0x00091001, "UN", undefined_length).raw(inner.view());
        bytes.element(0x00100020, "LO", "ID");
        const auto data_set = bytes.scan();
        ASSERT_TRUE(data_set) << data_set.error().text;
        ASSERT_EQ(data_set->elements().size(), 2U);
        const ElementRef& unknown = data_set->elements()[0];
        EXPECT_EQ(unknown.vr_text(), "UN");
        EXPECT_EQ(data_set->items_encoding(unknown), implicit_le);
        const auto items = data_set->items(unknown);
        ASSERT_EQ(items.size(), 1U);
        const auto nested = DataSet::scan(data_set->value(items[0]), implicit_le);
        ASSERT_TRUE(nested);
        EXPECT_EQ(nested->text(0x0008, 0x0060), "MR");
        EXPECT_EQ(nested->items(nested->elements()[1]).size(), 1U);
    }
}

TEST(Scan, UnOfDefinedLengthMayBeAsked) {
    DataSetBytes inner(implicit_le);
    inner.item(DataSetBytes(implicit_le).element(0x00080060, "", "MR"));
    DataSetBytes bytes;
    bytes.element(0x00091001, "UN", inner)
        .element(0x00091002, "UN", std::string_view("\xFE\xFF\x00\xE0 no items", 13));
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set);
    EXPECT_EQ(data_set->items(data_set->elements()[0]).size(), 1U);
    EXPECT_TRUE(data_set->items(data_set->elements()[1]).empty());
}

TEST(Scan, EncapsulatedPixelDataIsFragments) {
    DataSetBytes bytes;
    bytes.header(0x7FE00010, "OB", undefined_length)
        .item("")
        .item("abcd")
        .item("efghij")
        .end_sequence();
    bytes.element(0xFFFCFFFC, "OB", "padding");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    ASSERT_EQ(data_set->elements().size(), 2U);
    const auto fragments = data_set->items(data_set->elements()[0]);
    ASSERT_EQ(fragments.size(), 3U);
    EXPECT_EQ(fragments[0].value_length, 0U);
    EXPECT_EQ(fragments[2].value_length, 6U);
    EXPECT_EQ(std::to_integer<char>(data_set->value(fragments[2])[0]), 'e');
    EXPECT_EQ(fragments[2].end_offset,
              data_set->elements()[0].value_offset + data_set->elements()[0].value_length);
}

TEST(Scan, EncapsulatedIconsToo) {
    for (const bool defined : {false, true}) {
        DataSetBytes icon;
        icon.header(0x7FE00010, "OB", undefined_length).item("").item("abcd").end_sequence();
        DataSetBytes bytes;
        if (defined) {
            bytes.element(0x00880200, "SQ", DataSetBytes().item(icon));
        } else {
            bytes.header(0x00880200, "SQ", undefined_length)
                .item(undefined_length)
                .raw(icon.view());
            bytes.end_item().end_sequence();
        }
        bytes.element(0x7FE00010, "OW", "ab");
        const auto data_set = bytes.scan();
        ASSERT_TRUE(data_set) << data_set.error().text;
        EXPECT_EQ(data_set->elements().size(), 2U);
    }
}

TEST(Scan, ToleratesOddLengthsDuplicatesAndDisorder) {
    DataSetBytes bytes;
    bytes.element(0x00100020, "LO", "odd")
        .element(0x00080060, "CS", "CT")
        .element(0x00080060, "CS", "MR");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set);
    EXPECT_EQ(data_set->elements().size(), 3U);
    EXPECT_EQ(data_set->text(0x0010, 0x0020), "odd");
    EXPECT_EQ(data_set->text(0x0008, 0x0060), "CT"); // the first, as DCMTK
}

TEST(Scan, ToleratesNeedlessDelimiters) {
    DataSetBytes inner;
    inner.element(0x00080060, "CS", "CT").end_item();
    DataSetBytes bytes;
    bytes.element(0x00081110, "SQ", DataSetBytes().item(inner).end_sequence())
        .element(0x00100020, "LO", "ID");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    EXPECT_EQ(data_set->text(0x0010, 0x0020), "ID");
}

TEST(Scan, ItemThatClaimsTooMuchEndsWithItsSequence) {
    const DataSetBytes inner = DataSetBytes().element(0x00080060, "CS", "CT");
    DataSetBytes bytes;
    bytes.header(0x00081110, "SQ", static_cast<std::uint32_t>(8 + inner.bytes().size()));
    bytes.item(static_cast<std::uint32_t>(inner.bytes().size() + 24))
        .raw(inner.view())
        .element(0x00100020, "LO", "ID");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    EXPECT_EQ(data_set->text(0x0010, 0x0020), "ID");
    EXPECT_EQ(data_set->items(data_set->elements()[0])[0].value_length, inner.bytes().size());
}

TEST(Scan, ZerosOfALastBlockAreNoElements) {
    DataSetBytes bytes;
    bytes.element(0x00100020, "LO", "ID").zeros(40);
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set) << data_set.error().text;
    EXPECT_EQ(data_set->elements().size(), 1U);
}

TEST(Scan, EncodingOfSyntaxes) {
    EXPECT_EQ(Encoding::of("1.2.840.10008.1.2"), implicit_le);
    EXPECT_EQ(Encoding::of("1.2.840.10008.1.2.1"), explicit_le);
    EXPECT_EQ(Encoding::of("1.2.840.10008.1.2.2"), explicit_be);
    EXPECT_EQ(Encoding::of("1.2.840.10008.1.2.1.99"), explicit_le);
    EXPECT_EQ(Encoding::of("1.2.840.10008.1.2.4.201"), explicit_le);
    EXPECT_EQ(Encoding::of("9.9.9"), explicit_le);
    EXPECT_EQ(Encoding::of(std::string_view("1.2.840.10008.1.2\0", 18)), implicit_le);
}

// Writes what it is told, so that order and depths can be compared.
struct Recorder final : DataSetVisitor {
    std::string log;
    void element(const ElementRef& e, Encoding encoding, std::uint32_t depth) override {
        log += "e" + std::to_string(depth) + (encoding.implicit_vr ? "i" : "x") +
               std::to_string(e.value_length) + " ";
    }
    void begin_sequence(const ElementRef&, Encoding, std::uint32_t depth) override {
        log += "s" + std::to_string(depth) + "[ ";
    }
    void begin_item(const ItemRef&, std::uint32_t depth) override {
        log += "i" + std::to_string(depth) + "( ";
    }
    void end_item(const ItemRef& item, std::uint32_t) override {
        log += std::to_string(item.value_length) + ") ";
    }
    void end_sequence(const ElementRef& e, std::uint32_t) override {
        log += std::to_string(e.value_length) + "] ";
    }
};

TEST(Walk, ReportsInTheOrderOfTheBytes) {
    DataSetBytes unknown(implicit_le);
    unknown.item(DataSetBytes(implicit_le).element(0x00080060, "", "MR")).end_sequence();
    DataSetBytes bytes;
    bytes.element(0x00080060, "CS", "CT");
    bytes.header(0x00081110, "SQ", undefined_length)
        .item(undefined_length)
        .element(0x00081150, "UI", "1.2.");
    bytes.header(0x00091001, "UN", undefined_length).raw(unknown.view());
    bytes.end_item().end_sequence();
    Recorder recorder;
    ASSERT_TRUE(walk(bytes.bytes(), explicit_le, recorder));
    EXPECT_EQ(recorder.log, "e0x2 s0[ i1( e1x4 s1[ i2( e2i2 10) 18] 50) 66] ");
}

} // namespace
} // namespace dcmflow
