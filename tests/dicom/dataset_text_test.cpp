// Text of a data set: trimming, numbers, and UTF-8 by Specific Character Set with the examples of
// PS3.5.
#include "pipeline/dicom/charset.h"
#include "tests/dicom/dataset_bytes.h"

#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using namespace test;

TEST(Text, IsTrimmedAndWhole) {
    DataSetBytes bytes;
    bytes.element(0x00080008, "CS", "ORIGINAL\\PRIMARY ");
    bytes.element(0x00080018, "UI", std::string_view("1.2.3\0", 6));
    bytes.element(0x00081030, "LO", "  both sides  ");
    bytes.element(0x00100020, "LO", "");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set);
    EXPECT_EQ(data_set->text(0x0008, 0x0008), "ORIGINAL\\PRIMARY");
    EXPECT_EQ(data_set->text(0x0008, 0x0018), "1.2.3");
    EXPECT_EQ(data_set->text(0x0008, 0x1030), "both sides");
    EXPECT_EQ(data_set->text(0x0010, 0x0020), "");
    EXPECT_EQ(data_set->text(0x0010, 0x0010), "");
}

TEST(Text, UnsignedShorts) {
    for (const Encoding encoding : {explicit_le, explicit_be, implicit_le}) {
        DataSetBytes bytes(encoding);
        bytes.element(0x00280010, "US", DataSetBytes(encoding).u16(0x1234).u16(7))
            .element(0x00280011, "US", "");
        const auto data_set = bytes.scan();
        ASSERT_TRUE(data_set);
        EXPECT_EQ(data_set->us(0x0028, 0x0010), 0x1234);
        EXPECT_EQ(data_set->us(0x0028, 0x0011), std::nullopt);
        EXPECT_EQ(data_set->us(0x0028, 0x0012), std::nullopt);
    }
}

TEST(Text, Utf8GoesByTheCharacterSetAndTheVr) {
    DataSetBytes bytes;
    bytes.element(0x00080005, "CS", "ISO_IR 100").element(0x00080060, "CS", "M\xFC");
    bytes.element(0x00100010, "PN", "M\xFCller^J\xF6rg ");
    const auto data_set = bytes.scan();
    ASSERT_TRUE(data_set);
    EXPECT_EQ(data_set->utf8(0x0010, 0x0010), "Müller^Jörg");
    EXPECT_EQ(data_set->utf8(0x0008, 0x0060), "M?"); // CS is ASCII, whatever the set
    EXPECT_EQ(data_set->text(0x0010, 0x0010), "M\xFCller^J\xF6rg");
}

TEST(Charsets, SingleByte) {
    EXPECT_EQ(Charset("").to_utf8("plain\xE4"), "plain?");
    EXPECT_EQ(Charset("ISO_IR 6").to_utf8("plain\xE4"), "plain?");
    EXPECT_EQ(Charset("ISO_IR 100").to_utf8("Buc^J\xE9r\xF4me"), "Buc^Jérôme");
    EXPECT_EQ(Charset("ISO_IR 101").to_utf8("Wa\xB3\xEAsa"), "Wałęsa");
    EXPECT_EQ(Charset("ISO_IR 109").to_utf8("\xA1\xA6"), "ĦĤ");
    EXPECT_EQ(Charset("ISO_IR 110").to_utf8("\xA2\xA3"), "ĸŖ");
    EXPECT_EQ(Charset("ISO_IR 144").to_utf8("\xBB\xEE\xDA\xE1\xD5\xDC\xD1\xE3\xE0\xD3"),
              "Люксембург");
    EXPECT_EQ(Charset("ISO_IR 127").to_utf8("\xE2\xC8\xC7\xE6\xEA"), "قباني");
    EXPECT_EQ(Charset("ISO_IR 126").to_utf8("\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2"), "Διονυσιος");
    EXPECT_EQ(Charset("ISO_IR 138").to_utf8("\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4"), "שרון^דבורה");
    EXPECT_EQ(Charset("ISO_IR 148").to_utf8("\xC7\xE1vu\xFEo\xF0lu"), "Çávuşoğlu");
    EXPECT_EQ(Charset("ISO_IR 203").to_utf8("\xA4 5"), "€ 5");
    EXPECT_EQ(Charset("ISO_IR 166").to_utf8("\xCA\xC1\xAA\xD2\xC2"), "สมชาย");
    EXPECT_EQ(Charset("ISO_IR 13").to_utf8("\xD4\xCF\xC0\xDE^\xC0\xDB\xB3"), "ﾔﾏﾀﾞ^ﾀﾛｳ");
}

TEST(Charsets, MultiByteWithoutExtensions) {
    EXPECT_EQ(Charset("ISO_IR 192").to_utf8("Wang^XiaoDong=\xE7\x8E\x8B^\xE5\xB0\x8F\xE6\x9D\xB1="),
              "Wang^XiaoDong=王^小東="); // PS3.5 J.1
    EXPECT_EQ(Charset("GB18030").to_utf8("Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB="),
              "Wang^XiaoDong=王^小东="); // J.2
    EXPECT_EQ(Charset("GBK").to_utf8("Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB="),
              "Wang^XiaoDong=王^小东=");
    // A second byte that looks like a backslash is none.
    EXPECT_EQ(Charset("GB18030").to_utf8("\x81\x5C"), "乗");
}

TEST(Charsets, JapaneseExtensions) {
    // PS3.5 H.3.1 and H.3.2.
    const std::string kanji =
        "\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B";
    EXPECT_EQ(Charset("\\ISO 2022 IR 87").to_utf8("Yamada^Tarou=" + kanji),
              "Yamada^Tarou=山田^太郎=やまだ^たろう");
    const std::string roman =
        "\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J=\x1B$B$d$^$@\x1B(J^\x1B$B$?$m$&\x1B(J";
    EXPECT_EQ(
        Charset("ISO 2022 IR 13\\ISO 2022 IR 87").to_utf8("\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=" + roman),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう");
    EXPECT_EQ(Charset("ISO 2022 IR 6\\ISO 2022 IR 159").to_utf8("a\x1B$(D\x30\x21\x1B(Bb"), "a丂b");
}

TEST(Charsets, KoreanAndChineseExtensions) {
    // PS3.5 I.2 and K.2.
    EXPECT_EQ(Charset("\\ISO 2022 IR 149")
                  .to_utf8("Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^"
                           "\x1B$)C\xB1\xE6\xB5\xBF"),
              "Hong^Gildong=洪^吉洞=홍^길동");
    EXPECT_EQ(Charset("\\ISO 2022 IR 58")
                  .to_utf8("Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB="),
              "Zhang^XiaoDong=张^小东=");
    // Writers who forget to escape again after a delimiter, or at all.
    EXPECT_EQ(Charset("\\ISO 2022 IR 149").to_utf8("\x1B$)C\xFB\xF3^\xD1\xCE\xD4\xD7"), "洪^吉洞");
    EXPECT_EQ(Charset("ISO 2022 IR 6\\ISO 2022 IR 100").to_utf8("J\xE9r\xF4me"), "Jérôme");
}

TEST(Charsets, SeveralSingleByteSets) {
    EXPECT_EQ(Charset("ISO 2022 IR 100\\ISO 2022 IR 144").to_utf8("\xE9 \x1B-L\xBB\xEE\xDA^\xE9"),
              "é Люк^é");
    EXPECT_EQ(Charset("ISO 2022 IR 100\\ISO 2022 IR 126").to_utf8("\x1B-F\xC4\x1B-A\xE9"), "Δé");
    EXPECT_EQ(Charset("ISO 2022 IR 6\\ISO 2022 IR 166").to_utf8("a\x1B-T\xCA"), "aส");
}

TEST(Charsets, NamesAsTheyAreMisspelled) {
    for (const std::string_view name : {"ISO-IR 100", "ISO_IR_100", "ISO IR 100", "iso_ir 100",
                                        "ISO 2022 IR 100", "ISO_2022_IR_100", "ISO 8859-1"}) {
        EXPECT_EQ(Charset(name).to_utf8("\xE9"), "é") << name;
    }
    for (const std::string_view name : {"ISO_IR 192", "UTF-8", "ISO 2022 IR 192"}) {
        EXPECT_EQ(Charset(name).to_utf8("é"), "é") << name;
    }
    EXPECT_EQ(Charset("KLINGON").to_utf8("a\xE9"), "a?");
}

TEST(Charsets, WhatCannotBeDecodedIsAQuestionMark) {
    EXPECT_EQ(Charset("ISO_IR 192").to_utf8("a\xFF\xC3"), "a??");
    EXPECT_EQ(Charset("ISO_IR 192").to_utf8("\xED\xA0\x80\xC0\xAF\xF5"),
              "??????"); // surrogate, overlong, too large
    EXPECT_EQ(Charset("GB18030").to_utf8("a\xFF"), "a?");
    EXPECT_EQ(Charset("\\ISO 2022 IR 87").to_utf8("\x1B$B;\x1B(Ba"), "?a");
    EXPECT_EQ(Charset("\\ISO 2022 IR 87").to_utf8("\x1B$B;"), "?");
    EXPECT_EQ(Charset("ISO_IR 126").to_utf8("\xD2"), "?"); // a hole in ISO 8859-7
}

TEST(Charsets, LongTextsPassThroughSmallBuffers) {
    std::string bytes;
    std::string expected;
    for (int i = 0; i < 5000; ++i) {
        bytes += "\xCD\xF5";
        expected += "王";
    }
    EXPECT_EQ(Charset("GB18030").to_utf8(bytes), expected);
}

} // namespace
} // namespace dcmflow
