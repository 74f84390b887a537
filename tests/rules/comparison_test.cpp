// Every operator on every kind of VR.
#include "map_dictionary.h"

namespace dcmflow::rules {
namespace {

// All six comparisons and both lists of `tag` with `literal`, for a value that stands so to it.
void expect_order(const std::string& tag, const std::string& value, const std::string& literal,
                  int order) {
    const Given given{{tag, value}};
    const auto check = [&](const std::string& op, bool expected) {
        EXPECT_EQ(holds(tag + " " + op + " " + literal, given), expected)
            << tag << " = " << value << ": " << op << " " << literal;
    };
    check("==", order == 0);
    check("!=", order != 0);
    check("<", order < 0);
    check("<=", order <= 0);
    check(">", order > 0);
    check(">=", order >= 0);
    EXPECT_EQ(holds(tag + " in [" + literal + "]", given), order == 0) << tag << " " << value;
    EXPECT_EQ(holds(tag + " not in [" + literal + "]", given), order != 0) << tag << " " << value;
}

TEST(Comparison, TextIsTrimmedCaseSensitiveAndOrderedByCodePoint) {
    expect_order("Modality", "CT", "CT", 0);
    expect_order("Modality", " CT ", "\"CT  \"", 0);
    expect_order("Modality", "ct", "CT", 1);
    expect_order("Modality", "CR", "CT", -1);
    expect_order("StudyDescription", "Abdomen", "\"Abdomen pelvis\"", -1);
    expect_order("StudyDescription", "10", "9", -1); // text, not a number
    expect_order("StudyDescription", "Zürich", "Zu", 1);
    expect_order("StudyDescription", "Ü", "z", 1); // U+00DC after U+007A
    expect_order("StudyDescription", "頭部", "頭部", 0);
    expect_order("StudyDescription", "\U0001F480", "\uFFFD", 1); // UTF-16 would say otherwise
    expect_order("PatientComments", "a\\b", "\"a\\\\b\"", 0);    // LT has one value
}

TEST(Comparison, PersonNamesCompareWhole) {
    expect_order("PatientName", "DOE^JOHN", "DOE^JOHN", 0);
    expect_order("PatientName", "DOE^JOHN^^^", "DOE^JOHN", 1);
    expect_order("PatientName", "Yamada^Tarou=山田^太郎", "'Yamada^Tarou=山田^太郎'", 0);
}

TEST(Comparison, NumbersAreExactDecimals) {
    for (const std::string tag :
         {"SliceThickness", "Rows", "InstanceNumber", "SelectorSVValue", "SelectorUVValue",
          "SmallestImagePixelValue", "SimpleFrameList"}) {
        expect_order(tag, "1.0", "1", 0);
        expect_order(tag, "1", "1.00", 0);
        expect_order(tag, "+1", "1e0", 0);
        expect_order(tag, "10", "9", 1);
        expect_order(tag, "-10", "-9", -1);
        expect_order(tag, "-0", "0", 0);
        expect_order(tag, " 512 ", "\"512\"", 0);
        expect_order(tag, "1.25", "1.250001", -1);
        expect_order(tag, "0.1", "0.1", 0);
        expect_order(tag, "1E-3", ".001", 0);
        expect_order(tag, "18446744073709551615", "18446744073709551614", 1);
        expect_order(tag, "9223372036854775807", "9223372036854775808", -1);
    }
    EXPECT_TRUE(holds("Rows < 1.5", {{"Rows", "1"}}));
}

TEST(Comparison, BinaryFloatsCompareAsTheyAreStored) {
    // 0.1 as binary32, however many digits the reader printed.
    expect_order("RecommendedDisplayFrameRateInFloat", "0.1", "0.1", 0);
    expect_order("RecommendedDisplayFrameRateInFloat", "0.100000001490116", "0.1", 0);
    expect_order("RecommendedDisplayFrameRateInFloat", "29.97", "30", -1);
    expect_order("RecommendedDisplayFrameRateInFloat", "1e-60", "0", 0);
    expect_order("RecommendedDisplayFrameRateInFloat", "-1e60", "-1e59", 0);
    expect_order("RecommendedDisplayFrameRateInFloat", "1e60", "5", 1);
    expect_order("DiffusionBValue", "1000", "1e3", 0);
    expect_order("DiffusionBValue", "0.1000000000000000055", "0.1", 0);
    expect_order("DiffusionBValue", "0.100000001490116", "0.1", 1);
    expect_order("DiffusionBValue", "+5", "+5", 0);
}

TEST(Comparison, Dates) {
    for (const std::string literal :
         {"20200517", "2020-05-17", "2020.05.17", "2020/05/17", "\"2020-05-17\""}) {
        expect_order("StudyDate", "20200517", literal, 0);
        expect_order("StudyDate", "2020.05.17", literal, 0);
        expect_order("StudyDate", "20200516", literal, -1);
        expect_order("StudyDate", "20210101", literal, 1);
        expect_order("StudyDate", "19991231", literal, -1);
    }
}

TEST(Comparison, DatesCompareAtThePrecisionOfTheRule) {
    for (const std::string literal : {"2020-05", "202005"}) {
        expect_order("StudyDate", "20200501", literal, 0);
        expect_order("StudyDate", "20200531", literal, 0);
        expect_order("StudyDate", "20200430", literal, -1);
        expect_order("StudyDate", "20200601", literal, 1);
    }
    expect_order("StudyDate", "20201231", "2020", 0);
    expect_order("StudyDate", "20210101", "2020", 1);
    expect_order("StudyDate", "2020", "2020-05-17", -1); // unknown parts count as the first
}

TEST(Comparison, Times) {
    expect_order("StudyTime", "183000", "18:30", 0);
    expect_order("StudyTime", "183059.999", "18:30", 0);
    expect_order("StudyTime", "182959", "1830", -1);
    expect_order("StudyTime", "18:31:00", "18:30", 1);
    expect_order("StudyTime", "18", "18:00:00", 0);
    expect_order("StudyTime", "185959", "18", 0);
    expect_order("StudyTime", "070809.5", "07:08:09.50", 0);
    expect_order("StudyTime", "070809.500001", "07:08:09.5", 1);
    expect_order("StudyTime", "070809", "070809.1", -1);
    expect_order("StudyTime", "235960", "23:59:59", 1);
    expect_order("StudyTime", "000000", "00:00", 0);
}

TEST(Comparison, DateTimes) {
    expect_order("AcquisitionDateTime", "20200517103000.5", "2020-05-17T10:30", 0);
    expect_order("AcquisitionDateTime", "20200517103000", "20200517103000", 0);
    expect_order("AcquisitionDateTime", "20200517", "2020-05-17", 0);
    expect_order("AcquisitionDateTime", "20200517103000", "2020-05-17", 0);
    expect_order("AcquisitionDateTime", "20200517103000", "'2020-05-17 10:29:59.5'", 1);
    expect_order("AcquisitionDateTime", "2019", "2020", -1);
    // Offsets
    expect_order("AcquisitionDateTime", "20200517120000+0200", "2020-05-17T10:00:00Z", 0);
    expect_order("AcquisitionDateTime", "20200517003000+0200", "2020-05-16T22:30+00:00", 0);
    expect_order("AcquisitionDateTime", "20191231233000-0100", "2020-01-01T00:30Z", 0);
    expect_order("AcquisitionDateTime", "20200301000000+0100", "2020-02-29T23:00Z", 0);
    expect_order("AcquisitionDateTime", "20200517120000+0200", "2020-05-17T12:00:00+01:00", -1);
    expect_order("AcquisitionDateTime", "20200517120000+0200", "2020-05-17T11:00:00+01:00", 0);
    expect_order("AcquisitionDateTime", "20191231230000Z", "2020-01-01T00:30:00+01:30", 0);
    expect_order("AcquisitionDateTime", "20191231233000Z", "2020-01-01+0100", 0);
    expect_order("AcquisitionDateTime", "20200517120000", "2020-05-17T12:00:00+01:00",
                 0); // as it stands
    expect_order("AcquisitionDateTime", "20200517120000+0200", "2020-05-17T12:00:00", 0);
    expect_order("AcquisitionDateTime", "2020-0500", "2020", 0); // a year and an offset
}

TEST(Comparison, Ages) {
    expect_order("PatientAge", "018Y", "18Y", 0);
    expect_order("PatientAge", "017Y", "18Y", -1);
    expect_order("PatientAge", "012M", "1Y", 0);
    expect_order("PatientAge", "011M", "1Y", -1);
    expect_order("PatientAge", "002W", "14D", 0);
    expect_order("PatientAge", "030D", "1M", -1);
    expect_order("PatientAge", "031D", "001M", 1);
    expect_order("PatientAge", "100Y", "99Y", 1);
}

TEST(Comparison, UidsAreTextAndHaveNames) {
    EXPECT_TRUE(holds("SOPClassUID == 1.2.840.10008.5.1.4.1.1.2",
                      {{"SOPClassUID", std::string("1.2.840.10008.5.1.4.1.1.2\0", 26)}}));
    EXPECT_TRUE(
        holds("SOPClassUID == CTImageStorage", {{"SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"}}));
    EXPECT_FALSE(
        holds("SOPClassUID == CTImageStorage", {{"SOPClassUID", "1.2.840.10008.5.1.4.1.1.20"}}));
    EXPECT_TRUE(
        holds("transfer_syntax == jpeg-ls", {{"transfer_syntax", "1.2.840.10008.1.2.4.80"}}));
    EXPECT_TRUE(holds("transfer_syntax not in [1.2.840.10008.1.2, jpeg-ls]",
                      {{"transfer_syntax", "1.2.840.10008.1.2.1"}}));
    EXPECT_TRUE(
        holds("transfer_syntax contains 1.2.4.", {{"transfer_syntax", "1.2.840.10008.1.2.4.80"}}));
}

TEST(Comparison, TagsAsValues) {
    for (const std::string value : {"(0018,1063)", "00181063", "0018,1063"}) {
        EXPECT_TRUE(
            holds("FrameIncrementPointer == FrameTime", {{"FrameIncrementPointer", value}}));
        EXPECT_TRUE(holds("FrameIncrementPointer == 00181063", {{"FrameIncrementPointer", value}}));
        EXPECT_TRUE(
            holds("FrameIncrementPointer == '(0018,1063)'", {{"FrameIncrementPointer", value}}));
        EXPECT_TRUE(holds("FrameIncrementPointer != 00181065", {{"FrameIncrementPointer", value}}));
    }
}

TEST(Comparison, UnknownVrIsANumberIfBothSidesAre) {
    for (const std::string tag :
         {"(0029,\"SIEMENS CSA HEADER\",10)", "(0029,1010)", "(0099,0001)"}) {
        expect_order(tag, "10", "9", 1);
        expect_order(tag, "1.0", "1", 0);
        expect_order(tag, "10a", "9", -1);
        expect_order(tag, "10", "9a", -1);
        expect_order(tag, "SYNGO", "SYNGO", 0);
    }
}

TEST(Comparison, ContextTextIsCompared) {
    const Given given{{"calling_aet", "CT1"}, {"called_aet", "DCMFLOW"}, {"peer_ip", "10.1.2.3"}};
    EXPECT_TRUE(holds("calling_aet == CT1 and called_aet ~ '^DCM'", given));
    EXPECT_TRUE(holds("calling_aet in [CT1, CT2] and calling_aet < CT2", given));
    EXPECT_FALSE(holds("calling_aet == ct1", given));
    EXPECT_TRUE(holds("peer_ip contains 10.1.", given));
}

TEST(Comparison, AddressesAndNetworks) {
    const auto from = [](const std::string& text, const std::string& ip) {
        return holds("peer_ip " + text, {{"peer_ip", ip}});
    };
    EXPECT_TRUE(from("== 10.1.2.3", "10.1.2.3"));
    EXPECT_FALSE(from("== 10.1.2.3", "10.1.2.30"));
    EXPECT_TRUE(from("!= 10.1.2.3", "10.1.2.4"));
    EXPECT_TRUE(from("in [10.0.0.0/8]", "10.255.0.1"));
    EXPECT_FALSE(from("in [10.0.0.0/8]", "11.0.0.1"));
    EXPECT_TRUE(from("in [10.1.2.128/25, 192.168.0.1]", "10.1.2.200"));
    EXPECT_FALSE(from("in [10.1.2.128/25, 192.168.0.1]", "10.1.2.127"));
    EXPECT_TRUE(from("in [10.1.2.128/25, 192.168.0.1]", "192.168.0.1"));
    EXPECT_TRUE(from("not in [10.0.0.0/8]", "192.168.0.1"));
    EXPECT_TRUE(from("in [0.0.0.0/0]", "1.2.3.4"));
    EXPECT_FALSE(from("in [0.0.0.0/0]", "fd00::1"));
    EXPECT_TRUE(from("in [::/0]", "fd00::1"));
    EXPECT_TRUE(from("in [fd00::/8]", "fd12:3456::1"));
    EXPECT_FALSE(from("in [fd00::/8]", "fe80::1"));
    EXPECT_TRUE(from("== fe80::1", "fe80::1%eth0"));
    EXPECT_TRUE(from("== 10.1.2.3", "::ffff:10.1.2.3"));
    EXPECT_TRUE(from("== FD00:0:0::1", "fd00::1"));
    EXPECT_FALSE(from("in [0.0.0.0/0, ::/0]", "not an address"));
}

TEST(Comparison, ContainsAndRegexWorkOnTheTextOfAnyVr) {
    EXPECT_TRUE(holds("StudyDescription contains STROKE", {{"StudyDescription", "CT STROKE CTA"}}));
    EXPECT_FALSE(
        holds("StudyDescription contains stroke", {{"StudyDescription", "CT STROKE CTA"}}));
    EXPECT_TRUE(holds("StudyDescription contains \"CT S\"", {{"StudyDescription", "CT STROKE"}}));
    EXPECT_TRUE(holds("StudyDate contains 2020", {{"StudyDate", "20200101"}}));
    EXPECT_TRUE(holds("StudyDate ~ \"^2020\"", {{"StudyDate", "20200101"}}));
    EXPECT_TRUE(holds("Rows ~ '^5'", {{"Rows", "512"}}));
    EXPECT_TRUE(
        holds("StudyDescription ~ \"(?i)stroke\"", {{"StudyDescription", "CT STROKE CTA"}}));
    EXPECT_TRUE(holds("StudyDescription ~ \"roke\\b\"", {{"StudyDescription", "stroke cta"}}));
    EXPECT_FALSE(holds("StudyDescription ~ \"^cta\"", {{"StudyDescription", "stroke cta"}}));
    EXPECT_TRUE(holds("StudyDescription ~ \"^.ürich$\"", {{"StudyDescription", "Zürich"}}));
    EXPECT_TRUE(holds("StudyDescription not contains CT", {{"StudyDescription", "MR"}}));
    EXPECT_TRUE(holds("StudyDescription not ~ 'CT'", {{"StudyDescription", "MR"}}));
    EXPECT_TRUE(holds("StudyDescription ~ \"\xC3\xA9\"", {{"StudyDescription", "caf\xC3\xA9"}}));
    EXPECT_FALSE(
        holds("StudyDescription ~ 'x'", {{"StudyDescription", "\xFF\xFE"}})); // not UTF-8: harmless
}

TEST(Comparison, QuotesAndEscapes) {
    EXPECT_TRUE(holds(R"(PatientID == "a\"b")", {{"PatientID", "a\"b"}}));
    EXPECT_TRUE(holds(R"(PatientID == 'a"b')", {{"PatientID", "a\"b"}}));
    EXPECT_TRUE(holds(R"(PatientID == 'it\'s')", {{"PatientID", "it's"}}));
    EXPECT_TRUE(holds(R"(PatientComments == "C:\\x\y")", {{"PatientComments", "C:\\x\\y"}}));
    EXPECT_TRUE(holds(R"(PatientID ~ "^\d+\.\d$")", {{"PatientID", "12.5"}}));
    EXPECT_TRUE(holds(R"(PatientComments ~ "\\\\")", {{"PatientComments", "a\\b"}}));
    EXPECT_TRUE(holds("PatientID == \"and\"", {{"PatientID", "and"}}));
    EXPECT_TRUE(holds("PatientID == AND", {{"PatientID", "AND"}}));
    EXPECT_TRUE(holds("PatientID == \"CT*\"", {{"PatientID", "CT*"}}));
}

TEST(Comparison, BareWordsTakeWhatAppearsInPractice) {
    for (const std::string value :
         {"A_B-C", "1.2.840", "a/b", "x:y", "^", "+", "Kopf-Schädel", "12:30", "-5", "É"})
        EXPECT_TRUE(holds("PatientID == " + value, {{"PatientID", value}})) << value;
}

TEST(Comparison, MalformedValuesNeverHold) {
    const std::pair<const char*, const char*> cases[] = {
        {"Rows", "abc"},
        {"Rows", ""},
        {"Rows", "1,5"},
        {"Rows", "0x10"},
        {"Rows", "nan"},
        {"Rows", "1 2"},
        {"StudyDate", "00000000"},
        {"StudyDate", "20201301"},
        {"StudyDate", "20200230"},
        {"StudyDate", "2020-5-1"},
        {"StudyDate", "today"},
        {"StudyDate", "202005171"},
        {"StudyTime", "2500"},
        {"StudyTime", "1"},
        {"StudyTime", "12:3"},
        {"StudyTime", "120000."},
        {"PatientAge", "18"},
        {"PatientAge", "Y"},
        {"PatientAge", "018y"},
        {"AcquisitionDateTime", "2020051710300"},
        {"AcquisitionDateTime", "20200517T"},
        {"AcquisitionDateTime", "20200517+9900"},
        {"AcquisitionDateTime", "202005T10"},
        {"DiffusionBValue", "inf"},
        {"DiffusionBValue", "1e"},
        {"RecommendedDisplayFrameRateInFloat", "nan"},
        {"FrameIncrementPointer", "0018106"},
        {"FrameIncrementPointer", "-0181063"},
    };
    const std::map<std::string, std::string> literals{{"Rows", "5"},
                                                      {"StudyDate", "20200101"},
                                                      {"StudyTime", "12:00"},
                                                      {"PatientAge", "18Y"},
                                                      {"AcquisitionDateTime", "2020"},
                                                      {"DiffusionBValue", "5"},
                                                      {"RecommendedDisplayFrameRateInFloat", "5"},
                                                      {"FrameIncrementPointer", "00181063"}};
    for (const auto& [tag, value] : cases) {
        const auto literal = literals.at(tag);
        for (const std::string op : {"==", "<", "<=", ">", ">="})
            EXPECT_FALSE(holds(std::string(tag) + " " + op + " " + literal, {{tag, value}}))
                << tag << " = '" << value << "' " << op;
        EXPECT_TRUE(holds(std::string(tag) + " != " + literal, {{tag, value}})) << tag << value;
    }
}

} // namespace
} // namespace dcmflow::rules
