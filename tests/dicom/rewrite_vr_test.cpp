// What fuzzing found of the writer: VRs that are not what the tag or the scanner expects.
#include "pipeline/dicom/rewrite.h"
#include "tests/dicom/dataset_bytes.h"

#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using namespace test;

std::vector<std::byte> rewritten(const DataSetBytes& bytes, Encoding target, RewriteFault& fault) {
    const auto source = bytes.scan();
    EXPECT_TRUE(source) << source.error().text;
    VectorSink sink;
    Output out(&sink);
    DataSetWriter writer(*source, target, out);
    for (const ElementRef& element : source->elements())
        writer.keep(element);
    writer.finish();
    out.flush();
    fault = writer.fault();
    return sink.take();
}

// (0010,0026) is a sequence for every reader of Implicit VR, whatever the VR was.
TEST(RewriteVr, TextUnderASequenceTagStaysExplicit) {
    DataSetBytes bytes;
    bytes.element(0x00080060, "CS", "CT").element(0x00100026, "PN", "Citizen^Jan ");
    RewriteFault fault{};
    (void)rewritten(bytes, implicit_le, fault);
    EXPECT_EQ(fault, RewriteFault::unknown_vr);
}

TEST(RewriteVr, NestedTextUnderASequenceTagStaysExplicit) {
    DataSetBytes inner;
    inner.element(0x00100026, "LO", "text");
    DataSetBytes bytes;
    bytes.element(0x00081140, "SQ", DataSetBytes().item(inner));
    RewriteFault fault{};
    (void)rewritten(bytes, implicit_le, fault);
    EXPECT_EQ(fault, RewriteFault::unknown_vr);
}

// UN holds Implicit VR (PS3.5 6.2.2): what is a sequence there may be one again.
TEST(RewriteVr, UnknownThatWalksAsItsSequenceBecomesIt) {
    DataSetBytes code(implicit_le);
    code.element(0x00080100, "SH", "CODE");
    DataSetBytes bytes;
    bytes.element(0x00100026, "UN", DataSetBytes(implicit_le).item(code));
    RewriteFault fault{};
    const auto out = rewritten(bytes, implicit_le, fault);
    EXPECT_EQ(fault, RewriteFault::none);
    const auto scanned = DataSet::scan(out, implicit_le);
    ASSERT_TRUE(scanned) << scanned.error().text;
    EXPECT_EQ(scanned->items(scanned->elements().front()).size(), 1U);
}

TEST(RewriteVr, EmptyUnderASequenceTagIsNoTrouble) {
    DataSetBytes bytes;
    bytes.element(0x00100026, "PN", "");
    RewriteFault fault{};
    const auto out = rewritten(bytes, implicit_le, fault);
    EXPECT_EQ(fault, RewriteFault::none);
    EXPECT_TRUE(DataSet::scan(out, implicit_le));
}

// Two capitals that are no VR yet have a 32-bit length for the scanner, so for the writer too.
TEST(RewriteVr, VrOfTheFutureKeepsItsLongForm) {
    DataSetBytes bytes(explicit_be);
    bytes.u16(0x0009).u16(0x1001).raw("ZZ").u16(0).u32(0);
    bytes.element(0x00100010, "PN", "A^B ");
    RewriteFault fault{};
    const auto out = rewritten(bytes, explicit_le, fault);
    EXPECT_EQ(fault, RewriteFault::none);
    const auto scanned = DataSet::scan(out, explicit_le);
    ASSERT_TRUE(scanned) << scanned.error().text;
    ASSERT_EQ(scanned->elements().size(), 2U);
    EXPECT_EQ(scanned->text(0x0010, 0x0010), "A^B");
}

// Pixel Data of undefined length is fragments, even with the VR of a sequence: no native syntax
// holds it.
TEST(RewriteVr, NestedFragmentsUnderASequencesVrAreRefused) {
    DataSetBytes icon;
    icon.header(0x7FE00010, "SQ", undefined_length).item("").item("abcd").end_sequence();
    DataSetBytes bytes;
    bytes.element(0x00880200, "SQ", DataSetBytes().item(icon));
    RewriteFault fault{};
    (void)rewritten(bytes, implicit_le, fault);
    EXPECT_EQ(fault, RewriteFault::fragments);
}

} // namespace
} // namespace dcmflow
