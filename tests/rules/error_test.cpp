// Every mistake: where it is, what it is, and what was expected.
#include "map_dictionary.h"

namespace dcmflow::rules {
namespace {

// `marked` has ¦ where the error must be. `what` and `expected` are parts of the messages.
void expect_error(std::string marked, std::string_view what, std::string_view expected) {
    constexpr std::string_view mark = "¦";
    const auto offset = marked.find(mark);
    ASSERT_NE(offset, std::string::npos) << marked;
    marked.erase(offset, mark.size());
    const auto result = Expression::parse(marked, MapDictionary{});
    ASSERT_FALSE(result) << marked;
    const auto& error = result.error();
    EXPECT_EQ(error.offset, offset) << marked << "\n  " << error.what << "; " << error.expected;
    EXPECT_NE(error.what.find(what), std::string::npos) << marked << "\n  " << error.what;
    EXPECT_NE(error.expected.find(expected), std::string::npos)
        << marked << "\n  " << error.expected;
    EXPECT_FALSE(error.expected.empty()) << marked;
}

TEST(Errors, Tags) {
    const char* tag = "a DICOM keyword, (gggg,eeee) or a context name";
    expect_error("¦Modalty == CT", "unknown tag 'Modalty' (did you mean 'Modality'?)", tag);
    expect_error("Rows > 1 and (¦modality == CT)", "did you mean 'Modality'?", tag);
    expect_error("¦ModalitiesInStduy == CT", "did you mean 'ModalitiesInStudy'?", tag);
    expect_error("¦calling_ae == CT", "did you mean 'calling_aet'?", tag);
    expect_error("¦Xyzzy == CT", "unknown tag 'Xyzzy'", tag);
    expect_error("exists ¦Nope", "unknown tag 'Nope'", tag);
    expect_error("exists ¦", "ends too early", tag);
    expect_error("¦\"Modality\" == CT", "written without quotes", tag);
    expect_error("¦== CT", "unexpected '=='", tag);
    expect_error("not ¦in [CT]", "unexpected 'in'", tag);
    expect_error("¦] == CT", "unexpected ']'", tag);
    expect_error("¦CT == Modality", "unknown tag 'CT'", tag);
    expect_error("¦" + std::string(5000, 'x') + " == 1", "unknown tag 'xxx", tag);
}

TEST(Errors, NumericTags) {
    expect_error("(¦8,0060) == CT", "unexpected '8'", "four hexadecimal digits");
    expect_error("(¦Modality, 0060) == CT", "unexpected 'Modality'", "four hexadecimal digits");
    expect_error("(0008,¦60) == CT", "unexpected '60'",
                 "four hexadecimal digits, or a private creator");
    expect_error("(0008,¦00GG) == CT", "unexpected '00GG'", "four hexadecimal digits");
    expect_error("(0008,¦) == CT", "unexpected ')'", "four hexadecimal digits");
    expect_error("(0008,0060 ¦== CT", "unexpected '=='", "')' after the tag");
    expect_error("exists (0029,\"X\",¦1010)", "unexpected '1010'", "last two hexadecimal digits");
    expect_error("exists (0029,\"X\"¦)", "unexpected ')'", "','");
    expect_error("exists (¦0028,\"X\",10)", "even group 0028", "an odd group");
    expect_error("exists (0029,¦\"  \",10)", "empty private creator", "the creator");
    expect_error("exists (0029,\"X\",10¦", "ends too early", "')'");
    expect_error("¦(0002,0010) == 1.2", "file meta information", "transfer_syntax");
    expect_error("¦TransferSyntaxUID == 1.2", "file meta information", "transfer_syntax");
    expect_error("exists ¦(0000,0100)", "file meta information", "a tag of the data set");
}

TEST(Errors, Paths) {
    expect_error("¦Modality[*].Rows == 1", "'Modality' (CS) is not a sequence",
                 "a sequence before '['");
    expect_error("exists RequestAttributesSequence[*].¦Rows[0].Modality",
                 "'Rows' (US) is not a sequence", "");
    expect_error("exists RequestAttributesSequence[¦x].Rows", "unexpected 'x'",
                 "the number of an item");
    expect_error("exists RequestAttributesSequence[¦-1].Rows", "unexpected '-1'", "from 0, or *");
    expect_error("exists RequestAttributesSequence[¦9999999999].Rows", "unexpected", "the number");
    expect_error("exists RequestAttributesSequence[¦].Rows", "unexpected ']'", "the number");
    expect_error("exists RequestAttributesSequence[0 ¦.Rows", "unexpected '.Rows'", "']'");
    expect_error("exists RequestAttributesSequence[0]¦", "ends too early", "leave out [ ]");
    expect_error("exists RequestAttributesSequence[0]¦Rows", "unexpected 'Rows'", "'.' and a tag");
    expect_error("RequestAttributesSequence[*] ¦== 1", "unexpected '=='", "'.' and a tag");
    expect_error("RequestAttributesSequence[*].¦Rowz == 1",
                 "unknown tag 'Rowz' (did you mean 'Rows'?)", "");
    expect_error("RequestAttributesSequence[*]. ¦== 1", "unexpected '=='", "a DICOM keyword");
    expect_error("RequestAttributesSequence¦.Rows == 1", "no item is named",
                 "RequestAttributesSequence[*]");
    expect_error("¦Modality.Rows == 1", "unknown tag 'Modality.Rows'", "");
    std::string deep = "exists ";
    for (int i = 0; i < 15; ++i)
        deep += "RequestAttributesSequence[*].";
    EXPECT_TRUE(Expression::parse(deep + "Rows", MapDictionary{}));
    expect_error(deep + "RequestAttributesSequence¦[*].Rows", "more than 16 steps", "");
}

TEST(Errors, Operators) {
    expect_error("Modality¦", "ends too early", "an operator: == != < <= > >= in contains ~");
    expect_error("Modality ¦CT", "unexpected 'CT'", "an operator");
    expect_error("Modality ¦= CT", "unexpected '=' (did you mean '=='?)", "an operator");
    expect_error("Modality ¦=> CT", "did you mean '>='?", "an operator");
    expect_error("Modality ¦=~ CT", "did you mean '~'?", "an operator");
    expect_error("Modality ¦<> CT", "did you mean '!='?", "an operator");
    expect_error("Modality ¦!~ CT", "did you mean 'not ~'?", "an operator");
    expect_error("Modality ¦IN [CT]", "did you mean 'in'?", "an operator");
    expect_error("Modality ¦is CT", "did you mean '=='?", "an operator");
    expect_error("Modality ¦and Rows == 1", "unexpected 'and'", "an operator");
    expect_error("Modality ¦exists", "unexpected 'exists' after the tag", "exists Modality");
    expect_error("Modality not ¦== CT", "unexpected '=='", "in, contains or ~ after 'not'");
    expect_error("Modality not ¦not in [CT]", "unexpected 'not'", "after 'not'");
    expect_error("Modality not¦", "ends too early", "after 'not'");
    expect_error("peer_ip ¦< 10.0.0.1", "'peer_ip' has no order", "in [...]");
    expect_error("PixelData ¦== 1", "'PixelData' (OW) has no value that can be compared",
                 "exists PixelData");
    expect_error("RequestAttributesSequence ¦~ 'x'", "(SQ) has no value",
                 "missing RequestAttributesSequence");
}

TEST(Errors, ValuesThatCannotBeOfTheVr) {
    expect_error("Rows == ¦abc", "'abc' is not a number, which 'Rows' is compared as",
                 "a number such as");
    expect_error("Rows == ¦\"\"", "\"\" is not a number", "a number");
    expect_error("Rows == 1¦,5", "unexpected ','", "'and', 'or'");
    expect_error("SliceThickness <= ¦1.2.5", "not a number", "a number");
    expect_error("SliceThickness <= ¦1mm", "not a number", "a number");
    expect_error("DiffusionBValue > ¦1e9999999", "not a number", "a number");
    expect_error("StudyDate < ¦\"yesterday\"", "\"yesterday\" is not a date",
                 "a date such as 2020-01-31");
    expect_error("StudyDate < ¦2020-02-30", "'2020-02-30' is not a date", "a date");
    expect_error("StudyDate < ¦31.01.2020", "not a date", "a date");
    expect_error("StudyTime < ¦25:00", "not a time", "a time such as 18:30");
    expect_error("StudyTime < ¦6pm", "not a time", "a time");
    expect_error("AcquisitionDateTime < ¦10:30", "not a date and time", "2020-01-31T18:30");
    expect_error("PatientAge < ¦18", "'18' is not an age", "an age such as 18Y");
    expect_error("SOPClassUID == ¦MRImage", "'MRImage' is not a UID", "a UID such as");
    expect_error("transfer_syntax == ¦jpeg-xs", "'jpeg-xs' is not a UID", "a UID");
    expect_error("FrameIncrementPointer == ¦Nonsense", "not a tag", "00181063");
    expect_error("peer_ip == ¦10.0.0.256", "not an IP address", "10.0.0.5");
    expect_error("peer_ip == ¦pacs.local", "not an IP address", "10.0.0.5");
    expect_error("peer_ip in [10.0.0.0/8, ¦10.0.0.0/33]", "not an IP address", "");
    expect_error("peer_ip == ¦10.0.0.0/8", "a network, not one address", "in [10.0.0.0/8]");
    expect_error("Rows in [512, ¦big, 3]", "'big' is not a number", "a number");
}

TEST(Errors, Values) {
    expect_error("Modality ==¦", "ends too early", "text");
    expect_error("Modality == ¦)", "unexpected ')'", "text");
    expect_error("Modality == ¦== CT", "unexpected '=='", "text");
    expect_error("Modality == ¦and", "'and' is a word of the language", "in quotes");
    expect_error("Modality == ¦exists", "'exists' is a word of the language", "in quotes");
    expect_error("StationName == CT¦*", "'*' stands for nothing but itself",
                 "a regular expression");
    expect_error("StationName contains ¦?T", "'?' stands for nothing but itself",
                 "a regular expression");
    expect_error("StationName == ¦Manufacturer", "is a tag", "in quotes");
    expect_error("ImageType == ¦\"ORIGINAL\\PRIMARY\"", "a backslash separates the values",
                 "one value");
    expect_error("StationName contains ¦\"\"", "contains the empty one", "some text");
}

TEST(Errors, Lists) {
    expect_error("Modality in ¦CT", "unexpected 'CT'", "a list in brackets");
    expect_error("Modality in ¦(CT, MR)", "unexpected '('", "a list in brackets");
    expect_error("Modality in [¦]", "unexpected ']'", "text");
    expect_error("Modality in [CT,¦]", "unexpected ']'", "text");
    expect_error("Modality in [CT ¦MR]", "unexpected 'MR'",
                 "',' or ']'; text with spaces needs quotes");
    expect_error("Modality in [CT, MR¦", "ends too early", "',' or ']'");
    expect_error("Modality not in ¦", "ends too early", "a list");
}

TEST(Errors, Patterns) {
    expect_error("StationName ~ ¦CT", "unexpected 'CT'", "a regular expression in quotes");
    expect_error("StationName ~ ¦\"(\"", "bad regular expression: missing )", "RE2");
    expect_error("StationName ~ ¦\"a**\"", "bad regular expression: bad repetition operator",
                 "RE2");
    expect_error("StationName ~ ¦\"(?=x)\"", "bad regular expression: invalid perl operator",
                 "RE2");
    expect_error("StationName ~ ¦\"(x)\\1\"", "bad regular expression: invalid escape sequence",
                 "RE2");
    expect_error("StationName ~ ¦\"x{1001}\"", "bad regular expression: invalid repetition size",
                 "RE2");
    expect_error("StationName ~ ¦\"((((x{100}){100}){100}){100})\"", "bad regular expression",
                 "RE2");
    expect_error("StationName ~ ¦\"(\\pL{100}){9}\"", "pattern too large", "RE2");
}

TEST(Errors, Sentences) {
    expect_error("¦", "an empty condition", "a comparison, such as Modality == CT");
    expect_error("  \n ¦", "an empty condition", "a comparison");
    expect_error("Modality == CT ¦Rows == 1", "unexpected 'Rows'", "'and', 'or' or the end");
    expect_error("StudyDescription == CT ¦Abdomen", "unexpected 'Abdomen'",
                 "text with spaces needs quotes");
    expect_error("Modality == CT ¦AND Rows == 1", "did you mean 'and'?", "'and', 'or'");
    expect_error("Modality == CT ¦&& Rows == 1", "did you mean 'and'?", "'and', 'or'");
    expect_error("Modality == CT ¦|| Rows == 1", "did you mean 'or'?", "'and', 'or'");
    expect_error("¦NOT Modality == CT", "did you mean 'not'?", "a DICOM keyword");
    expect_error("¦!Modality == CT", "did you mean 'not'?", "a DICOM keyword");
    expect_error("Modality == CT ¦== MR", "unexpected '=='", "'and', 'or'");
    expect_error("Modality == CT ¦)", "unexpected ')'", "'and', 'or'");
    expect_error("(Modality == CT¦", "ends too early", "')', 'and' or 'or'");
    expect_error("(Modality == CT ¦Rows == 1)", "unexpected 'Rows'", "')', 'and' or 'or'");
    expect_error("(¦)", "unexpected ')'", "a DICOM keyword");
    expect_error("Modality == CT and¦", "ends too early", "a DICOM keyword");
    expect_error("Modality == CT or ¦or Rows == 1", "unexpected 'or'", "a DICOM keyword");
    expect_error("Modality == CT or ¦MR", "'MR' is not a comparison", "in [CT, MR]");
    expect_error("(Modality == CT or ¦MR) and Rows == 1", "'MR' is not a comparison",
                 "in [CT, MR]");
    expect_error("Rows == 1 or ¦or", "unexpected 'or'", "a DICOM keyword");
    expect_error("Rows == 1 or ¦calling_aet", "'calling_aet' is not a comparison", "an operator");
    expect_error("not¦", "ends too early", "a DICOM keyword");
}

TEST(Errors, Characters) {
    expect_error("Modality == ¦@CT", "unexpected character '@'", "needs quotes");
    expect_error("Modality == CT¦;", "unexpected character ';'", "needs quotes");
    expect_error("Modality == ¦\x01", "unexpected character '\\x01'", "needs quotes");
    expect_error(std::string("Modality ¦\0== CT", 18), "unexpected character '\\x00'", "");
    expect_error("Modality == ¦\"CT", "text in quotes that does not end", "a closing \"");
    expect_error("Modality == ¦'CT\\'", "text in quotes that does not end", "a closing '");
    expect_error("Modality == ¦“CT”", "typographic character '“'", "a plain quote");
    expect_error("Modality¦\u00A0== CT", "typographic character", "a plain quote or space");
    expect_error("Modality == C¦\xFFT", "not UTF-8", "UTF-8");
    expect_error("Modality == \"C¦\xC3\"", "not UTF-8", "UTF-8");
    for (const std::string bad : {"\xED\xA0\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF",
                                  "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xE2\x82"})
        expect_error("Modality == A¦" + bad, "not UTF-8", "UTF-8");
    // The first mistake in the text is the one that is told.
    expect_error("¦Modalty == \"CT", "unknown tag", "");
}

TEST(Errors, WithoutADictionaryThatSuggestsThereIsNoSuggestion) {
    class Silent final : public Dictionary {
        std::optional<DictionaryEntry> by_keyword(std::string_view) const override { return {}; }
        std::optional<DictionaryEntry> by_tag(std::uint16_t, std::uint16_t) const override {
            return {};
        }
    };
    const auto result = Expression::parse("Modalty == CT", Silent{});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what, "unknown tag 'Modalty'");
    EXPECT_TRUE(Expression::parse("(0008,0060) == CT", Silent{}));
    const auto uid = Expression::parse("transfer_syntax == jpeg-ls", Silent{});
    ASSERT_FALSE(uid);
    EXPECT_EQ(uid.error().offset, 19U);
}

TEST(NearestWord, OffersWhatIsNear) {
    const auto nearest = [](std::string_view word, std::initializer_list<const char*> candidates) {
        NearestWord search(word);
        for (const auto* candidate : candidates)
            search.offer(candidate);
        return search.best().value_or("");
    };
    EXPECT_EQ(nearest("PatientNmae", {"PatientID", "PatientName", "PatientAge"}), "PatientName");
    EXPECT_EQ(nearest("patientname", {"PatientID", "PatientName"}), "PatientName");
    EXPECT_EQ(nearest("Rowss", {"Columns", "Rows"}), "Rows");
    EXPECT_EQ(nearest("Row", {"ROW1", "Rows"}), "Rows"); // the same case is nearer
    EXPECT_EQ(nearest("Xyz", {"Columns", "Rows"}), "");
    EXPECT_EQ(nearest("", {"Rows", ""}), "");
    EXPECT_EQ(nearest(std::string(100'000, 'a'), {"Rows"}), "");
}

} // namespace
} // namespace dcmflow::rules
