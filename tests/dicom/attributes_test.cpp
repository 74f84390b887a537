// An object as the rules see it: paths, private blocks, values by VR, and who it is.
#include "pipeline/dicom/attributes.h"
#include "tests/dicom/dataset_bytes.h"

#include <bit>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dcmflow {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

rules::PathStep step(std::uint32_t tag, std::optional<std::uint32_t> item = std::nullopt) {
    rules::PathStep made;
    made.group = static_cast<std::uint16_t>(tag >> 16);
    made.element = static_cast<std::uint16_t>(tag & 0xFFFF);
    made.item = item;
    return made;
}
rules::PathStep private_step(std::uint16_t group, std::string creator, std::uint16_t element,
                             std::optional<std::uint32_t> item = std::nullopt) {
    rules::PathStep made;
    made.group = group;
    made.element = element;
    made.private_creator = std::move(creator);
    made.item = item;
    return made;
}

class Object {
  public:
    explicit Object(DataSetBytes bytes)
        : bytes_(std::move(bytes)), data_set_(bytes_.scan().value()) {}
    [[nodiscard]] std::optional<rules::AttributeValues>
    find(std::vector<rules::PathStep> steps) const {
        return ObjectAttributes(data_set_, origin_, "").find({std::move(steps), ""});
    }
    [[nodiscard]] std::vector<std::string> values(std::vector<rules::PathStep> steps) const {
        const auto found = find(std::move(steps));
        return found ? found->values : std::vector<std::string>{"(absent)"};
    }

  private:
    DataSetBytes bytes_;
    DataSet data_set_;
    Origin origin_;
};

TEST(Values, TextByVr) {
    const Object object(DataSetBytes()
                            .element(0x00080008, "CS", "ORIGINAL \\PRIMARY\\ AXIAL")
                            .element(0x00081030, "LO", "a\\b ")
                            .element(0x00100010, "PN", "Doe^John^^Dr=x=y ")
                            .element(0x00102000, "LO", "")
                            .element(0x00104000, "LT", "  no \\ split ")
                            .element(0x00180050, "DS", "1.25\\ 2.5 ")
                            .element(0x0020000D, "UI", std::string_view("1.2.3\0", 6))
                            .element(0x00400280, "ST", "a\\b")
                            .element(0x0040A160, "UT", "a\\b")
                            .element(0x00081190, "UR", "http://a\\b  "));
    EXPECT_THAT(object.values({step(0x00080008)}), ElementsAre("ORIGINAL", "PRIMARY", "AXIAL"));
    EXPECT_THAT(object.values({step(0x00081030)}), ElementsAre("a", "b"));
    EXPECT_THAT(object.values({step(0x00100010)}), ElementsAre("Doe^John^^Dr=x=y"));
    EXPECT_THAT(object.values({step(0x00102000)}), IsEmpty());
    EXPECT_THAT(object.values({step(0x00104000)}), ElementsAre("no \\ split"));
    EXPECT_THAT(object.values({step(0x00180050)}), ElementsAre("1.25", "2.5"));
    EXPECT_THAT(object.values({step(0x0020000D)}), ElementsAre("1.2.3"));
    EXPECT_THAT(object.values({step(0x00400280)}), ElementsAre("a\\b"));
    EXPECT_THAT(object.values({step(0x0040A160)}), ElementsAre("a\\b"));
    EXPECT_THAT(object.values({step(0x00081190)}), ElementsAre("http://a\\b"));
    EXPECT_EQ(object.find({step(0x00080008)})->vr, "CS");
    EXPECT_FALSE(object.find({step(0x00080060)}));
    EXPECT_THAT(object.values({step(0x00080008, 1)}), ElementsAre("PRIMARY"));
    EXPECT_FALSE(object.find({step(0x00080008, 3)}));
}

TEST(Values, NumbersInBothByteOrders) {
    for (const Encoding encoding : {explicit_le, explicit_be}) {
        const auto bytes = [encoding] { return DataSetBytes(encoding); };
        const auto u64 = [&](std::uint64_t value) {
            const auto high = static_cast<std::uint32_t>(value >> 32);
            const auto low = static_cast<std::uint32_t>(value);
            return encoding.big_endian ? bytes().u32(high).u32(low) : bytes().u32(low).u32(high);
        };
        const auto f64 = [&](double value) { return u64(std::bit_cast<std::uint64_t>(value)); };
        const auto f32 = [](float value) { return std::bit_cast<std::uint32_t>(value); };
        const Object object(bytes()
                                .element(0x00091001, "US", bytes().u16(65535).u16(1))
                                .element(0x00091002, "SS", bytes().u16(0x8000))
                                .element(0x00091003, "UL", bytes().u32(4294967295U))
                                .element(0x00091004, "SL", bytes().u32(4294967295U))
                                .element(0x00091005, "UV", u64(~0ULL))
                                .element(0x00091006, "SV", u64(~0ULL))
                                .element(0x00091007, "FL", bytes().u32(f32(0.1F)).u32(f32(-2.0F)))
                                .element(0x00091008, "FD", f64(0.1))
                                .element(0x00091009, "AT", bytes().u16(0x0018).u16(0x00FE))
                                .element(0x0009100A, "US", "abc")
                                .element(0x0009100B, "OB", "abc"));
        EXPECT_THAT(object.values({step(0x00091001)}), ElementsAre("65535", "1"));
        EXPECT_THAT(object.values({step(0x00091002)}), ElementsAre("-32768"));
        EXPECT_THAT(object.values({step(0x00091003)}), ElementsAre("4294967295"));
        EXPECT_THAT(object.values({step(0x00091004)}), ElementsAre("-1"));
        EXPECT_THAT(object.values({step(0x00091005)}), ElementsAre("18446744073709551615"));
        EXPECT_THAT(object.values({step(0x00091006)}), ElementsAre("-1"));
        EXPECT_THAT(object.values({step(0x00091007)}), ElementsAre("0.1", "-2"));
        EXPECT_THAT(object.values({step(0x00091008)}), ElementsAre("0.1"));
        EXPECT_THAT(object.values({step(0x00091009)}), ElementsAre("(0018,00FE)"));
        EXPECT_EQ(object.values({step(0x0009100A)}).size(), 1U);
        EXPECT_THAT(object.values({step(0x0009100B)}), IsEmpty());
        EXPECT_EQ(object.find({step(0x0009100B)})->vr, "OB");
    }
}

TEST(Values, LargeOnesArePresentButNotGiven) {
    const Object object(DataSetBytes()
                            .element(0x0040A160, "UT", std::string(64 << 10, 'x'))
                            .element(0x00420010, "UT", std::string((64 << 10) + 1, 'x')));
    EXPECT_EQ(object.values({step(0x0040A160)})[0].size(), 64U << 10);
    EXPECT_THAT(object.values({step(0x00420010)}), IsEmpty());
}

TEST(Values, UnknownVrsGoByTheDictionary) {
    const Object explicit_object(DataSetBytes()
                                     .element(0x00080060, "UN", "CT")
                                     .element(0x00091001, "UN", "private text")
                                     .element(0x00091002, "UN", std::string_view("\0\1\2\3", 4))
                                     .element(0x00280010, "UN", DataSetBytes().u16(512)));
    EXPECT_THAT(explicit_object.values({step(0x00080060)}), ElementsAre("CT"));
    EXPECT_EQ(explicit_object.find({step(0x00080060)})->vr, "CS");
    EXPECT_THAT(explicit_object.values({step(0x00091001)}), ElementsAre("private text"));
    EXPECT_EQ(explicit_object.find({step(0x00091001)})->vr, "UN");
    EXPECT_THAT(explicit_object.values({step(0x00091002)}), IsEmpty());
    EXPECT_THAT(explicit_object.values({step(0x00280010)}), ElementsAre("512"));
    // In big endian, UN holds little endian (PS3.5 6.2.2); unknown VRs do not.
    const Object big(DataSetBytes(explicit_be)
                         .element(0x00280010, "UN", DataSetBytes().u16(512))
                         .element(0x00280011, "??", DataSetBytes(explicit_be).u16(512)));
    EXPECT_THAT(big.values({step(0x00280010)}), ElementsAre("512"));
    EXPECT_THAT(big.values({step(0x00280011)}), ElementsAre("512"));
}

TEST(Values, SignFollowsPixelRepresentationInImplicitVr) {
    const auto object = [](std::uint32_t representation) {
        return Object(DataSetBytes(implicit_le)
                          .element(0x00280103, "", DataSetBytes().u16(representation))
                          .element(0x00280106, "", DataSetBytes().u16(0xFFFE)));
    };
    EXPECT_THAT(object(0).values({step(0x00280106)}), ElementsAre("65534"));
    EXPECT_THAT(object(1).values({step(0x00280106)}), ElementsAre("-2"));
    EXPECT_EQ(object(1).find({step(0x00280106)})->vr, "SS");
}

DataSetBytes request(Encoding encoding, std::string_view id) {
    return DataSetBytes(encoding).element(0x00400009, "SH", id);
}

class Paths : public testing::TestWithParam<Encoding> {};
INSTANTIATE_TEST_SUITE_P(Attributes, Paths, testing::Values(explicit_le, implicit_le, explicit_be));

TEST_P(Paths, ThroughSequences) {
    const Encoding e = GetParam();
    DataSetBytes inner(e);
    inner.element(0x00080100, "SH", "CODE");
    DataSetBytes second = request(e, "two");
    second.element(0x00400260, "SQ", DataSetBytes(e).item(inner));
    DataSetBytes bytes(e);
    bytes.header(0x00400275, "SQ", undefined_length);
    bytes.item(request(e, "one"))
        .item(undefined_length)
        .raw(second.view())
        .end_item()
        .item("")
        .end_sequence();
    bytes.element(0x00400555, "SQ", "");
    const Object object(std::move(bytes));
    EXPECT_THAT(object.values({step(0x00400275), step(0x00400009)}), ElementsAre("one", "two"));
    EXPECT_THAT(object.values({step(0x00400275, 0), step(0x00400009)}), ElementsAre("one"));
    EXPECT_THAT(object.values({step(0x00400275, 1), step(0x00400009)}), ElementsAre("two"));
    EXPECT_FALSE(object.find({step(0x00400275, 2), step(0x00400009)}));
    EXPECT_FALSE(object.find({step(0x00400275, 3), step(0x00400009)}));
    EXPECT_THAT(object.values({step(0x00400275), step(0x00400260), step(0x00080100)}),
                ElementsAre("CODE"));
    EXPECT_FALSE(object.find({step(0x00400275, 0), step(0x00400260), step(0x00080100)}));
    // A sequence is present with no values, empty or not.
    EXPECT_THAT(object.values({step(0x00400275)}), IsEmpty());
    EXPECT_EQ(object.find({step(0x00400275)})->vr, "SQ");
    EXPECT_THAT(object.values({step(0x00400555)}), IsEmpty());
    EXPECT_TRUE(object.find({step(0x00400275, 2)}));
    EXPECT_FALSE(object.find({step(0x00400275, 3)}));
    EXPECT_FALSE(object.find({step(0x00400555, 0)}));
    EXPECT_FALSE(object.find({step(0x00400556), step(0x00400009)}));
    EXPECT_FALSE(object.find({}));
    EXPECT_FALSE(object.find(std::vector<rules::PathStep>(1000, step(0x00400275))));
}

TEST_P(Paths, ThroughPrivateBlocks) {
    const Encoding e = GetParam();
    DataSetBytes bytes(e);
    bytes.element(0x00290010, "LO", "OTHER VENDOR")
        .element(0x00290011, "LO", "SIEMENS CSA HEADER ");
    bytes.element(0x00291008, "CS", "wrong").element(0x00291108, "CS", "IMAGE NUM 4 ");
    bytes.element(0x00291110, "LO", "text");
    const Object object(std::move(bytes));
    EXPECT_THAT(object.values({private_step(0x0029, "SIEMENS CSA HEADER", 0x08)}),
                ElementsAre("IMAGE NUM 4"));
    EXPECT_THAT(object.values({private_step(0x0029, "SIEMENS CSA HEADER", 0x10)}),
                ElementsAre("text"));
    EXPECT_THAT(object.values({private_step(0x0029, "OTHER VENDOR", 0x08)}), ElementsAre("wrong"));
    EXPECT_FALSE(object.find({private_step(0x0029, "SIEMENS CSA HEADER", 0x09)}));
    EXPECT_FALSE(object.find({private_step(0x0029, "NOBODY", 0x08)}));
    EXPECT_FALSE(object.find({private_step(0x0019, "SIEMENS CSA HEADER", 0x08)}));
}

TEST(Attributes, PathsThroughPrivateSequences) {
    // Implicit VR does not tell that a private tag is a sequence; UN of explicit VR hides it.
    DataSetBytes items(implicit_le);
    items.item(request(implicit_le, "in there"));
    for (const Encoding e : {implicit_le, explicit_le}) {
        const Object object(DataSetBytes(e)
                                .element(0x00290010, "LO", "ACME")
                                .element(0x00291020, "UN", items)
                                .element(0x00291021, "UN", "x"));
        EXPECT_THAT(object.values({private_step(0x0029, "ACME", 0x20), step(0x00400009)}),
                    ElementsAre("in there"));
        EXPECT_FALSE(object.find({private_step(0x0029, "ACME", 0x21), step(0x00400009)}));
    }
    const Object undefined_one(DataSetBytes()
                                   .element(0x00290010, "LO", "ACME")
                                   .header(0x00291020, "UN", undefined_length)
                                   .raw(items.view())
                                   .end_sequence());
    EXPECT_THAT(undefined_one.values({private_step(0x0029, "ACME", 0x20), step(0x00400009)}),
                ElementsAre("in there"));
    EXPECT_EQ(undefined_one.find({private_step(0x0029, "ACME", 0x20)})->vr, "SQ");
}

TEST(Attributes, NestedDataSetsInheritTheCharacterSet) {
    const DataSetBytes plain = DataSetBytes().element(0x00081030, "LO", "\xE9");
    const DataSetBytes own =
        DataSetBytes().element(0x00080005, "CS", "ISO_IR 144").element(0x00081030, "LO", "\xE9");
    const Object object(DataSetBytes()
                            .element(0x00080005, "CS", "ISO_IR 100")
                            .element(0x00081110, "SQ", DataSetBytes().item(plain).item(own)));
    EXPECT_THAT(object.values({step(0x00081110), step(0x00081030)}), ElementsAre("é", "щ"));
}

TEST(Attributes, SplitsAfterDecoding) {
    // 0x5C is the second byte of a character here, and then a delimiter.
    const Object object(DataSetBytes()
                            .element(0x00080005, "CS", "GB18030")
                            .element(0x00081030, "LO", "\x81\x5C\\b"));
    EXPECT_THAT(object.values({step(0x00081030)}), ElementsAre("乗", "b"));
}

TEST(Attributes, Context) {
    const DataSetBytes bytes;
    const DataSet data_set = bytes.scan().value();
    Origin origin;
    origin.calling_aet = "CT1";
    origin.called_aet = "DCMFLOW";
    origin.peer_ip = "10.0.0.7";
    const ObjectAttributes attributes(data_set, origin, "1.2.840.10008.1.2.1");
    EXPECT_EQ(attributes.context(rules::ContextKey::calling_aet), "CT1");
    EXPECT_EQ(attributes.context(rules::ContextKey::called_aet), "DCMFLOW");
    EXPECT_EQ(attributes.context(rules::ContextKey::peer_ip), "10.0.0.7");
    EXPECT_EQ(attributes.context(rules::ContextKey::transfer_syntax), "1.2.840.10008.1.2.1");
}

TEST(Dictionary, Keywords) {
    const DicomDictionary dictionary;
    const auto expect = [&](std::string_view keyword, std::uint16_t group, std::uint16_t element,
                            std::string_view vr) {
        const auto entry = dictionary.by_keyword(keyword);
        ASSERT_TRUE(entry) << keyword;
        EXPECT_EQ(entry->group, group) << keyword;
        EXPECT_EQ(entry->element, element) << keyword;
        EXPECT_EQ(entry->vr, vr) << keyword;
        const auto by_tag = dictionary.by_tag(group, element);
        ASSERT_TRUE(by_tag) << keyword;
        EXPECT_EQ(by_tag->vr, vr);
    };
    expect("Modality", 0x0008, 0x0060, "CS");
    expect("PatientID", 0x0010, 0x0020, "LO");
    expect("RequestAttributesSequence", 0x0040, 0x0275, "SQ");
    expect("SmallestImagePixelValue", 0x0028, 0x0106, "US");
    expect("PixelData", 0x7FE0, 0x0010, "OW");
    expect("LUTData", 0x0028, 0x3006, "OW");
    expect("OverlayData", 0x6000, 0x3000, "OW");
    expect("OverlayRows", 0x6000, 0x0010, "US");
    expect("StudyComments", 0x0032, 0x4000, "LT"); // retired
    EXPECT_EQ(dictionary.by_tag(0x6012, 0x0010)->vr, "US");
    EXPECT_EQ(dictionary.by_tag(0x0009, 0x0010)->vr, "LO");
    EXPECT_FALSE(dictionary.by_tag(0x0009, 0x1001));
    EXPECT_FALSE(dictionary.by_keyword("modality"));
    EXPECT_FALSE(dictionary.by_keyword("NoSuchThing"));
    EXPECT_FALSE(dictionary.by_keyword(""));
}

TEST(Dictionary, SuggestionsAndNames) {
    const DicomDictionary dictionary;
    EXPECT_EQ(dictionary.suggest("Modalty"), "Modality");
    EXPECT_EQ(dictionary.suggest("patientid"), "PatientID");
    EXPECT_EQ(dictionary.suggest("Qwertzuiopasdf"), std::nullopt);
    EXPECT_EQ(dictionary.uid_by_name("jpeg-ls"), "1.2.840.10008.1.2.4.80");
    EXPECT_EQ(dictionary.uid_by_name("CTImageStorage"), "1.2.840.10008.5.1.4.1.1.2");
    EXPECT_EQ(dictionary.uid_by_name("nonsense"), std::nullopt);
}

DataSetBytes identified(std::string_view class_uid, std::string_view instance_uid,
                        std::string_view study_uid) {
    DataSetBytes bytes;
    bytes.element(0x00080005, "CS", "ISO_IR 100").element(0x00080016, "UI", class_uid);
    bytes.element(0x00080018, "UI", instance_uid)
        .element(0x00080050, "SH",
                 " A\x01"
                 "CC ")
        .element(0x00080060, "CS", "CT");
    bytes.element(0x00100020, "LO", "P\xE9 ").element(0x0020000D, "UI", study_uid);
    return bytes;
}

TEST(Identify, TakesTheIdentity) {
    const DataSetBytes bytes = identified("1.2.3", std::string_view("1.2.4\0", 6), "1.2.5");
    const auto instance = identify(bytes.scan().value(), "1.2.840.10008.1.2.1");
    ASSERT_TRUE(instance) << instance.error().text;
    EXPECT_EQ(instance->sop_class_uid, "1.2.3");
    EXPECT_EQ(instance->sop_instance_uid, "1.2.4");
    EXPECT_EQ(instance->study_instance_uid, "1.2.5");
    EXPECT_EQ(instance->series_instance_uid, "");
    EXPECT_EQ(instance->patient_id, "Pé");
    EXPECT_EQ(instance->accession_number, "A?CC");
    EXPECT_EQ(instance->modality, "CT");
    EXPECT_EQ(instance->transfer_syntax_uid, "1.2.840.10008.1.2.1");
    EXPECT_TRUE(instance->blob.empty());
}

TEST(Identify, RefusesBadUids) {
    const auto refused = [](std::string_view c, std::string_view i, std::string_view s) {
        const DataSetBytes bytes = identified(c, i, s);
        const auto instance = identify(bytes.scan().value(), "1.2.840.10008.1.2.1");
        EXPECT_FALSE(instance);
        return instance ? std::string() : instance.error().text;
    };
    EXPECT_THAT(refused("", "1.2", "1.3"),
                HasSubstr("bad_uid: SOP Class UID (0008,0016) is missing"));
    EXPECT_THAT(refused("1.2", "", "1.3"),
                HasSubstr("bad_uid: SOP Instance UID (0008,0018) is missing"));
    EXPECT_THAT(refused("1.2", "../../etc/passwd", "1.3"), HasSubstr("\"../../etc/passwd\""));
    EXPECT_THAT(refused("1.2", std::string(66, '1'), "1.3"), HasSubstr("SOP Instance UID"));
    EXPECT_THAT(refused("1.2", "1.3", "a"), HasSubstr("Study Instance UID (0020,000D) is \"a\""));
}

} // namespace
} // namespace dcmflow
