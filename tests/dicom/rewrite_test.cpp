// Data sets between implicit, explicit little and big endian: what is written, byte for byte.
#include "pipeline/dicom/rewrite.h"
#include "tests/dicom/transcode_object.h"

#include <gtest/gtest.h>

namespace dcmflow::testing {
namespace {

struct Rewritten {
    RewriteFault fault = RewriteFault::none;
    Bytes bytes;
};
Rewritten rewrite(const Bytes& bytes, std::string_view from, std::string_view to) {
    const DataSet source = scan(bytes, from);
    VectorSink sink;
    Output out(&sink);
    DataSetWriter writer(source, Encoding::of(to), out);
    for (const auto& element : source.elements())
        writer.keep(element);
    writer.finish();
    out.flush();
    return {writer.fault(), to_bytes(sink.bytes())};
}
void expect_rewritten(const Tree& before, std::string_view from, const Tree& after,
                      std::string_view to, bool group_lengths = false) {
    const auto result = rewrite(write(before, form_of(from, group_lengths)), from, to);
    EXPECT_EQ(result.fault, RewriteFault::none);
    EXPECT_EQ(result.bytes, write(after, form_of(to, group_lengths)));
}

TEST(Rewrite, ExplicitToImplicitByHand) {
    const Bytes source{0x08, 0x00, 0x60, 0x00, 'C', 'S', 2, 0, 'C',  'T', //
                       0x09, 0x00, 0x10, 0x10, 'U', 'N', 0, 0, 4,    0,    0,    0,
                       1,    2,    3,    4,                                            //
                       0x40, 0x00, 0x75, 0x02, 'S', 'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, //
                       0xFE, 0xFF, 0x00, 0xE0, 10,  0,   0, 0,                         //
                       0x40, 0x00, 0x09, 0x00, 'S', 'H', 2, 0, 'A',  'B',              //
                       0xFE, 0xFF, 0xDD, 0xE0, 0,   0,   0, 0};
    const Bytes expected{0x08, 0x00, 0x60, 0x00, 2,    0,    0,    0,    'C', 'T',       //
                         0x09, 0x00, 0x10, 0x10, 4,    0,    0,    0,    1,   2,   3, 4, //
                         0x40, 0x00, 0x75, 0x02, 0xFF, 0xFF, 0xFF, 0xFF,                 //
                         0xFE, 0xFF, 0x00, 0xE0, 10,   0,    0,    0,                    //
                         0x40, 0x00, 0x09, 0x00, 2,    0,    0,    0,    'A', 'B',       //
                         0xFE, 0xFF, 0xDD, 0xE0, 0,    0,    0,    0};
    EXPECT_EQ(rewrite(source, uid::explicit_le, uid::implicit_le).bytes, expected);
}

TEST(Rewrite, BigEndianToExplicitByHand) {
    const Bytes source{
        0x00, 0x08, 0x00, 0x60, 'C', 'S', 0, 2, 'C',  'T',                          //
        0x00, 0x28, 0x00, 0x10, 'U', 'S', 0, 2, 1,    2,                            //
        0x00, 0x28, 0x00, 0x09, 'A', 'T', 0, 4, 0x00, 0x18, 0x10, 0x63,             //
        0x60, 0x00, 0x30, 0x00, 'O', 'W', 0, 0, 0,    0,    0,    4,    1, 2, 3, 4, //
        0x7F, 0xE0, 0x00, 0x10, 'O', 'B', 0, 0, 0,    0,    0,    4,    1, 2, 3, 4};
    const Bytes expected{
        0x08, 0x00, 0x60, 0x00, 'C', 'S', 2, 0, 'C',  'T',                          //
        0x28, 0x00, 0x10, 0x00, 'U', 'S', 2, 0, 2,    1,                            //
        0x28, 0x00, 0x09, 0x00, 'A', 'T', 4, 0, 0x18, 0x00, 0x63, 0x10,             //
        0x00, 0x60, 0x00, 0x30, 'O', 'W', 0, 0, 4,    0,    0,    0,    2, 1, 4, 3, //
        0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 4,    0,    0,    0,    1, 2, 3, 4};
    EXPECT_EQ(rewrite(source, uid::explicit_be, uid::explicit_le).bytes, expected);
}

TEST(Rewrite, EveryVrIsSwappedByItsWidth) {
    Tree tree;
    std::uint32_t tag = 0x00091001;
    tree.push_back(text(0x00090010, "LO", "X"));
    for (const char* vr : {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO",
                           "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN", "SH", "SL", "SS",
                           "ST", "SV", "TM", "UC", "UI", "UL", "UR", "US", "UT", "UV"}) {
        EXPECT_EQ(swap_unit(vr), width_of(vr)) << vr;
        tree.push_back(raw(tag++, vr, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}));
    }
    EXPECT_EQ(swap_unit("UN"), 0U);
    EXPECT_EQ(swap_unit("SQ"), 0U);
    EXPECT_EQ(swap_unit("??"), 0U);
    expect_rewritten(tree, uid::explicit_be, tree, uid::explicit_le);
    expect_rewritten(tree, uid::explicit_be, tree, uid::implicit_le);
}

TEST(Rewrite, BigEndianValuesOfBrokenLengthAreRefused) {
    EXPECT_EQ(rewrite(write({raw(0x00091001, "OB", {1, 2, 3, 4, 5, 6})}, {false, true, false}),
                      uid::explicit_be, uid::explicit_le)
                  .fault,
              RewriteFault::none);
    Bytes bytes = write({raw(0x00091001, "OB", {1, 2, 3, 4, 5, 6})}, {false, true, false});
    bytes[4] = 'O';
    bytes[5] = 'F'; // six bytes are not a number of floats
    EXPECT_EQ(rewrite(bytes, uid::explicit_be, uid::explicit_le).fault, RewriteFault::unknown_vr);
}

// PS3.5 6.2.2: what a 16-bit length cannot hold becomes UN, which has a 32-bit one.
TEST(Rewrite, LongValuesOfShortVrsBecomeUnknown) {
    const Tree fits{text(0x00080018, "UI", "1.2"),
                    text(0x00184000, "LT", std::string(65'534, 'x'))};
    expect_rewritten(fits, uid::implicit_le, fits, uid::explicit_le);
    Tree long_one{text(0x00184000, "LT", std::string(65'536, 'x'))};
    Tree unknown = long_one;
    unknown[0].vr = "UN";
    expect_rewritten(long_one, uid::implicit_le, unknown, uid::explicit_le);
    expect_rewritten(unknown, uid::explicit_le, long_one, uid::implicit_le);
}

TEST(Rewrite, PrivateElementsBecomeUnknownAndTheirCreatorsDoNot) {
    const Tree tree{text(0x00090010, "LO", "MAKER"), raw(0x00091001, "OB", {1, 2}),
                    text(0x00091002, "LO", "text"),
                    sequence(0x00091003, {{us(0x00280010, 5)}}, false, true)};
    expect_rewritten(tree, uid::implicit_le, seen_in_implicit(tree, false), uid::explicit_le);
    EXPECT_EQ(seen_in_implicit(tree, false)[3].vr, "UN");
    EXPECT_EQ(seen_in_implicit(tree, false)[0].vr, "LO");
}

TEST(Rewrite, SequencesInsideUnknownAreNotTouched) {
    Node unknown = sequence(
        0x00091003, {{us(0x00280010, 5), sequence(0x00081140, {{us(0x00280011, 6)}}, true, true)}},
        true, true);
    unknown.vr = "UN";
    const Tree tree{unknown, text(0x00100020, "LO", "after")};
    expect_rewritten(tree, uid::explicit_le, tree, uid::implicit_le);
    // Of known length it is bytes, whatever they are.
    const Tree opaque{raw(0x00091003, "UN", write_items(unknown, {true, false, false})),
                      text(0x00100020, "LO", "after")};
    expect_rewritten(opaque, uid::explicit_le, opaque, uid::implicit_le);
}

TEST(Rewrite, SequencesKeepTheirKindOfLength) {
    for (const bool undefined : {false, true})
        for (const bool undefined_items : {false, true}) {
            const Tree tree{sequence(0x00081140,
                                     {{text(0x00080100, "SH", "A"),
                                       sequence(0x00081140, {{us(0x00280010, 1)}, {}}, !undefined,
                                                undefined_items)},
                                      {}},
                                     undefined, undefined_items),
                            sequence(0x00081199, {}, undefined, false)};
            for (const auto from : {uid::explicit_le, uid::explicit_be, uid::implicit_le})
                for (const auto to : {uid::explicit_le, uid::implicit_le})
                    if (from != to)
                        expect_rewritten(tree, from, seen_in_implicit(tree, false), to);
        }
}

TEST(Rewrite, DepthAsDeepAsTheScanAllows) {
    Tree tree{us(0x00280010, 7)};
    for (int depth = 0; depth < 64; ++depth) {
        const bool undefined = depth % 2 == 1;
        tree = {sequence(0x00081140, {std::move(tree)}, undefined, undefined)};
    }
    expect_rewritten(tree, uid::implicit_le, tree, uid::explicit_le);
    expect_rewritten(tree, uid::explicit_be, tree, uid::implicit_le);
}

TEST(Rewrite, GroupLengthsAreRecomputedEverywhere) {
    const Tree tree{
        text(0x00080060, "CS", "CT"),
        sequence(0x00081140, {{text(0x00080100, "SH", "A"), us(0x00280010, 1)}}, false, true),
        text(0x00100020, "LO", "id")};
    expect_rewritten(tree, uid::explicit_le, tree, uid::implicit_le, true);
    expect_rewritten(tree, uid::implicit_le, tree, uid::explicit_le, true);
    expect_rewritten(tree, uid::explicit_be, tree, uid::explicit_le, true);
    // A wrong one does not survive.
    Bytes wrong = write(tree, {false, false, true});
    wrong[8] ^= 0x7F;
    EXPECT_EQ(rewrite(wrong, uid::explicit_le, uid::implicit_le).bytes,
              write(tree, {true, false, true}));
}

TEST(Rewrite, SameEncodingIsACopy) {
    Bytes bytes = write({text(0x00080060, "CS", "CT"), sequence(0x00081140, {{}}, false, true)},
                        {false, false, true});
    bytes[8] ^= 0x7F; // even what is wrong
    EXPECT_EQ(rewrite(bytes, uid::explicit_le, uid::explicit_le).bytes, bytes);
    bytes.insert(bytes.end(), 64, 0); // a writer's last block
    EXPECT_EQ(rewrite(bytes, uid::explicit_le, uid::explicit_le).bytes, bytes);
}

// Where the dictionary says US or SS, Pixel Representation of the same data set decides, an item's
// own first.
TEST(Rewrite, SignOfPixelValues) {
    for (const bool is_signed : {false, true}) {
        const std::string vr = is_signed ? "SS" : "US";
        const Tree tree{
            numbers(0x00189810, vr, {0xFFFF}, 2),
            us(0x00280103, is_signed),
            us(0x00280106, 0x8000, vr),
            us(0x00280120, 0xFFFE, vr),
            sequence(0x00283000, {{numbers(0x00283002, vr, {4, 0xFFFF, 16}, 2)}}, true, true),
            sequence(
                0x00880200,
                {{us(0x00280103, is_signed ? 0 : 1), us(0x00280120, 1, (is_signed ? "US" : "SS"))}},
                false, false),
            sequence(0x52009230, {{us(0x00280106, 3, vr)}}, false, false)};
        expect_rewritten(tree, uid::implicit_le, tree, uid::explicit_le);
    }
}

// PS3.5 A.2: OW for cells of more than 8 bits; of 8 bits we write bytes, an icon's too.
TEST(Rewrite, PixelDataFromImplicit) {
    for (const std::uint16_t bits : std::initializer_list<std::uint16_t>{1, 8, 16}) {
        const Tree tree{us(0x00280100, bits),
                        sequence(0x00880200, {{us(0x00280100, 8), raw(0x7FE00010, "OB", {1, 2})}},
                                 false, false),
                        raw(0x60003000, "OW", {1, 2}),
                        raw(0x7FE00010, bits > 8 ? "OW" : "OB", {1, 2, 3, 4})};
        expect_rewritten(tree, uid::implicit_le, tree, uid::explicit_le);
        expect_rewritten(tree, uid::explicit_le, tree, uid::implicit_le);
    }
}

TEST(Rewrite, NestedFragmentsAreFoundAndRefused) {
    Bytes icon = write({us(0x00280010, 1)}, {});
    for (const std::uint8_t byte :
         Bytes{0xE0, 0x7F, 0x10, 0x00, 0x4F, 0x42, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, //
               0xFE, 0xFF, 0x00, 0xE0, 0,    0,    0, 0,                         //
               0xFE, 0xFF, 0x00, 0xE0, 2,    0,    0, 0, 1,    2,                //
               0xFE, 0xFF, 0xDD, 0xE0, 0,    0,    0, 0})
        icon.push_back(byte);
    Bytes bytes{0x88, 0x00, 0x00, 0x02, 'S', 'Q', 0, 0};
    put(bytes, icon.size() + 8, 4, false);
    put_tag(bytes, 0xFFFEE000, false);
    put(bytes, icon.size(), 4, false);
    bytes.insert(bytes.end(), icon.begin(), icon.end());
    EXPECT_TRUE(has_nested_fragments(scan(bytes, uid::explicit_le)));
    EXPECT_EQ(rewrite(bytes, uid::explicit_le, uid::implicit_le).fault, RewriteFault::fragments);
    EXPECT_EQ(rewrite(bytes, uid::explicit_le, uid::explicit_le).bytes, bytes);
    const Bytes plain = write({sequence(0x00880200, {{us(0x00280010, 1)}}, true, true)}, {});
    EXPECT_FALSE(has_nested_fragments(scan(plain, uid::explicit_le)));
}

TEST(Rewrite, SignaturesAreReadInEveryEncoding) {
    const Tree tree{
        sequence(0x4FFE0001,
                 {{us(0x04000005, 1), numbers(0x04000020, "AT", {0x00107FE0, 0x00180008}, 4)}},
                 false, false),
        sequence(0xFFFAFFFA, {{us(0x04000005, 1)}}, false, false)};
    for (const auto syntax : {uid::explicit_le, uid::implicit_le, uid::explicit_be}) {
        const Bytes bytes = write(tree, form_of(syntax, false));
        const DataSet data_set = scan(bytes, syntax);
        EXPECT_TRUE(is_signed(data_set, std::vector<std::uint32_t>{0x7FE00010}));
        EXPECT_TRUE(is_signed(data_set, std::vector<std::uint32_t>{1, 0x00080018}));
        EXPECT_FALSE(is_signed(data_set, std::vector<std::uint32_t>{0x00280004, 0x10007FE0}));
    }
}

// A large value passes through without being gathered in memory, swapped or not.
TEST(Rewrite, LargeValues) {
    Random rng(1);
    const Tree tree{raw(0x60003000, "OW", noise(rng, 3'000'002)),
                    raw(0x7FE00010, "OW", noise(rng, 1'000'000))};
    expect_rewritten(tree, uid::explicit_be, tree, uid::explicit_le);
    expect_rewritten(tree, uid::implicit_le, tree, uid::explicit_le);
    expect_rewritten(tree, uid::explicit_le, tree, uid::implicit_le);
}

} // namespace
} // namespace dcmflow::testing
