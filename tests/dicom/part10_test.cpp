// File meta information: what we write DCMTK reads, what others write we read, and the spool's own
// part.
#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"
#include "tests/dicom/dataset_bytes.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <unistd.h>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

namespace dcmflow {
namespace {

using namespace test;
using testing::HasSubstr;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view class_uid = "1.2.840.10008.5.1.4.1.1.2";
constexpr std::string_view instance_uid = "1.2.3.4.5";
constexpr std::string_view syntax_uid = "1.2.840.10008.1.2.1";

std::vector<std::byte> joined(std::vector<std::byte> meta, std::span<const std::byte> data_set) {
    meta.insert(meta.end(), data_set.begin(), data_set.end());
    return meta;
}
DataSetBytes small_data_set() {
    return DataSetBytes()
        .element(0x00080016, "UI", class_uid)
        .element(0x00080018, "UI", instance_uid);
}

class TemporaryFile {
  public:
    explicit TemporaryFile(std::span<const std::byte> bytes) {
        std::string name = (std::filesystem::temp_directory_path() / "part10_test_XXXXXX").string();
        const int fd = mkstemp(name.data());
        EXPECT_GE(fd, 0);
        path_ = name;
        EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
        ::close(fd);
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::string dcmtk_string(DcmItem& item, std::uint16_t element) {
    OFString value;
    return item.findAndGetOFStringArray(DcmTagKey(0x0002, element), value).good()
               ? std::string(value.c_str())
               : "-";
}

void expect_dcmtk_reads(std::span<const std::byte> file, std::string_view source,
                        std::string_view receiving) {
    const TemporaryFile temporary(file);
    DcmFileFormat format;
    const OFCondition status = format.loadFile(temporary.path().c_str());
    ASSERT_TRUE(status.good()) << status.text();
    DcmMetaInfo& meta = *format.getMetaInfo();
    EXPECT_EQ(dcmtk_string(meta, 0x0002), class_uid);
    EXPECT_EQ(dcmtk_string(meta, 0x0003), instance_uid);
    EXPECT_EQ(dcmtk_string(meta, 0x0010), syntax_uid);
    EXPECT_EQ(dcmtk_string(meta, 0x0012), implementation_class_uid);
    EXPECT_EQ(dcmtk_string(meta, 0x0013), implementation_version_name);
    EXPECT_EQ(dcmtk_string(meta, 0x0016), source);
    EXPECT_EQ(dcmtk_string(meta, 0x0018), receiving);
    Uint32 group_length = 0;
    ASSERT_TRUE(meta.findAndGetUint32(DCM_FileMetaInformationGroupLength, group_length).good());
    const auto ours = read_file_meta(file);
    ASSERT_TRUE(ours) << ours.error().text;
    EXPECT_EQ(ours->dataset_offset, 128 + 4 + 12 + group_length);
    OFString uid;
    ASSERT_TRUE(format.getDataset()->findAndGetOFString(DCM_SOPInstanceUID, uid).good());
    EXPECT_EQ(std::string(uid.c_str()), instance_uid);
}

TEST(FileMeta, IsReadByDcmtk) {
    expect_dcmtk_reads(joined(make_file_meta(class_uid, instance_uid, syntax_uid, "CT_SCANNER"),
                              small_data_set().bytes()),
                       "CT_SCANNER", "-");
    expect_dcmtk_reads(
        joined(make_file_meta(class_uid, instance_uid, syntax_uid, ""), small_data_set().bytes()),
        "-", "-");
}

TEST(FileMeta, IsReadBack) {
    const auto meta_bytes = make_file_meta(class_uid, instance_uid, syntax_uid, "ODD");
    EXPECT_EQ(meta_bytes.size() % 2, 0U);
    const auto meta = read_file_meta(joined(meta_bytes, small_data_set().bytes()));
    ASSERT_TRUE(meta) << meta.error().text;
    EXPECT_EQ(meta->sop_class_uid, class_uid);
    EXPECT_EQ(meta->sop_instance_uid, instance_uid);
    EXPECT_EQ(meta->transfer_syntax_uid, syntax_uid);
    EXPECT_EQ(meta->dataset_offset, meta_bytes.size());
    EXPECT_FALSE(meta->origin);
    EXPECT_FALSE(meta->digest);
    // A file may end with its meta information.
    EXPECT_TRUE(read_file_meta(meta_bytes));
}

Origin origin_of_a_ct() {
    Origin origin;
    origin.calling_aet = "CT 1";
    origin.called_aet = "DCMFLOW";
    origin.peer_ip = "fe80::1234:5678%eth0";
    origin.received = 1'764'077'000'123;
    return origin;
}

TEST(SpoolHeader, IsReadByDcmtk) {
    const SpoolHeader header =
        make_spool_header(class_uid, instance_uid, syntax_uid, origin_of_a_ct());
    expect_dcmtk_reads(joined(header.bytes, small_data_set().bytes()), "CT 1", "DCMFLOW");
}

TEST(SpoolHeader, KeepsOriginAndDigest) {
    const Origin origin = origin_of_a_ct();
    SpoolHeader header = make_spool_header(class_uid, instance_uid, syntax_uid, origin);
    EXPECT_EQ(header.bytes.size() % 2, 0U);
    auto file = joined(header.bytes, small_data_set().bytes());
    auto meta = read_file_meta(file);
    ASSERT_TRUE(meta) << meta.error().text;
    ASSERT_TRUE(meta->origin);
    EXPECT_EQ(meta->origin->calling_aet, origin.calling_aet);
    EXPECT_EQ(meta->origin->called_aet, origin.called_aet);
    EXPECT_EQ(meta->origin->peer_ip, origin.peer_ip);
    EXPECT_EQ(meta->origin->received, origin.received);
    EXPECT_FALSE(meta->digest) << "all zeros: the blob was never completed";
    EXPECT_EQ(meta->dataset_offset, header.bytes.size());

    const Digest digest = digest_of(small_data_set().bytes());
    const std::string hex = digest.hex();
    ASSERT_EQ(hex.size(), 32U);
    for (std::size_t i = 0; i < hex.size(); ++i) {
        EXPECT_EQ(file[header.digest_offset + i], std::byte{'0'});
        file[header.digest_offset + i] = static_cast<std::byte>(hex[i]);
    }
    meta = read_file_meta(file);
    ASSERT_TRUE(meta);
    ASSERT_TRUE(meta->digest);
    EXPECT_EQ(*meta->digest, digest);
    EXPECT_TRUE(meta->origin);
    file[header.digest_offset + 5] = std::byte{'x'};
    EXPECT_FALSE(read_file_meta(file)->digest);
}

TEST(SpoolHeader, HasOneSizeForAllDigestsAndTimes) {
    Origin origin = origin_of_a_ct();
    const auto size = make_spool_header(class_uid, instance_uid, syntax_uid, origin).bytes.size();
    for (const std::int64_t received :
         {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
          std::numeric_limits<std::int64_t>::min()}) {
        origin.received = received;
        const auto header = make_spool_header(class_uid, instance_uid, syntax_uid, origin);
        EXPECT_EQ(header.bytes.size(), size);
        const auto meta = read_file_meta(header.bytes);
        ASSERT_TRUE(meta && meta->origin);
        EXPECT_EQ(meta->origin->received, received);
    }
}

TEST(SpoolHeader, TitlesFromTheNetworkCannotSpoilIt) {
    Origin origin;
    origin.calling_aet = "A\nreceived=1\\\x01\xFFtoo long by far";
    origin.called_aet = std::string(100, ' ');
    origin.peer_ip = std::string(1000, ':');
    const auto header = make_spool_header(class_uid, instance_uid, syntax_uid, origin);
    const auto meta = read_file_meta(header.bytes);
    ASSERT_TRUE(meta) << meta.error().text;
    ASSERT_TRUE(meta->origin);
    EXPECT_EQ(meta->origin->calling_aet, "A?received=1???t");
    EXPECT_EQ(meta->origin->called_aet, "");
    EXPECT_EQ(meta->origin->peer_ip, std::string(64, ':'));
    EXPECT_EQ(meta->origin->received, 0);
}

TEST(SpoolHeader, PrivateInformationOfOthersIsNotOurs) {
    const auto with = [](std::string_view creator, std::string_view information) {
        DataSetBytes bytes;
        bytes.zeros(128).raw("DICM").element(0x00020010, "UI", syntax_uid);
        bytes.element(0x00020100, "UI", creator).element(0x00020102, "OB", information);
        return read_file_meta(bytes.bytes());
    };
    const auto header = make_spool_header(class_uid, instance_uid, syntax_uid, origin_of_a_ct());
    const auto text =
        std::string(reinterpret_cast<const char*>(header.bytes.data()), header.bytes.size());
    const std::string ours = text.substr(text.find("dcmflow-spool-1"));
    EXPECT_TRUE(with("1.2.826.0.1.3680043.10.1462.1.1", ours)->origin);
    EXPECT_FALSE(with("1.2.3", ours)->origin);
    for (std::size_t cut = 0; cut + 2 < ours.size(); ++cut) {
        const auto meta = with("1.2.826.0.1.3680043.10.1462.1.1", ours.substr(0, cut));
        ASSERT_TRUE(meta);
        EXPECT_FALSE(meta->origin) << cut;
    }
}

// Meta information of other writers.
class Foreign {
  public:
    Foreign() { bytes_.zeros(128).raw("DICM"); }
    Foreign& group_length(std::uint32_t length) {
        bytes_.header(0x00020000, "UL", 4).u32(length);
        return *this;
    }
    Foreign& syntax(std::string_view uid = syntax_uid) {
        bytes_.element(0x00020010, "UI", uid);
        return *this;
    }
    DataSetBytes& more() { return bytes_; }
    // Reads it with `data_set` behind; expects it to begin where it does.
    void expect_offset(std::string_view data_set) {
        const std::size_t offset = bytes_.bytes().size();
        bytes_.raw(data_set);
        const auto meta = read_file_meta(bytes_.bytes());
        ASSERT_TRUE(meta) << meta.error().text;
        EXPECT_EQ(meta->dataset_offset, offset);
        EXPECT_EQ(meta->transfer_syntax_uid, syntax_uid);
    }

  private:
    DataSetBytes bytes_;
};

TEST(ForeignMeta, GroupLengthMayBeMissingOrWrong) {
    const std::string data_set(small_data_set().view());
    Foreign().syntax().expect_offset(data_set);
    for (const std::uint32_t wrong : {0U, 1U, 26U, 27U, 28U, 1000U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
        Foreign().group_length(wrong).syntax().expect_offset(data_set);
    }
    // Leads to an element of its own group.
    Foreign wrong;
    wrong.group_length(27).syntax();
    wrong.more().element(0x00020012, "UI", "1.2.");
    wrong.expect_offset(data_set);
}

TEST(ForeignMeta, RightGroupLengthEndsItWhateverFollows) {
    // A deflated data set may begin with bytes that look like the group.
    Foreign meta;
    meta.group_length(27).syntax();
    meta.expect_offset(std::string_view("\x02\x00\x10\x00\x81\x99 and so on", 16));
}

TEST(ForeignMeta, ImplicitVrIsUnderstood) {
    Foreign meta;
    meta.more().raw(DataSetBytes(implicit_le).element(0x00020010, "", syntax_uid).view());
    meta.expect_offset(small_data_set().view());
}

TEST(ForeignMeta, Refusals) {
    const auto refused = [](const DataSetBytes& bytes) {
        const auto meta = read_file_meta(bytes.bytes());
        EXPECT_FALSE(meta);
        if (!meta) {
            EXPECT_EQ(meta.error().code, ErrorCode::malformed);
        }
        return meta ? std::string() : meta.error().text;
    };
    EXPECT_THAT(refused(DataSetBytes()), HasSubstr("DICM"));
    EXPECT_THAT(refused(DataSetBytes().zeros(131)), HasSubstr("DICM"));
    EXPECT_THAT(refused(DataSetBytes().zeros(128).raw("DICN")), HasSubstr("DICM"));
    EXPECT_THAT(refused(DataSetBytes().zeros(128).raw("DICM")), HasSubstr("(0002,0010)"));
    EXPECT_THAT(refused(DataSetBytes().zeros(128).raw("DICM").raw(small_data_set().view())),
                HasSubstr("(0002,0010)"));
    EXPECT_THAT(
        refused(DataSetBytes().zeros(128).raw("DICM").element(0x00020010, "UI", "not a uid")),
        HasSubstr("not a uid"));
    EXPECT_THAT(
        refused(DataSetBytes().zeros(128).raw("DICM").header(0x00020010, "UI", 20).raw("1.2")),
        HasSubstr("(0002,0010)"));
    EXPECT_THAT(refused(DataSetBytes().zeros(128).raw("DICM").u16(2).u16(1).raw("OB").u16(0)),
                HasSubstr("ends inside"));
    DataSetBytes huge;
    huge.zeros(128).raw("DICM");
    for (int i = 0; i < 40; ++i)
        huge.element(0x00020102, "OB", std::string(60'000, 'x'));
    EXPECT_THAT(refused(huge), HasSubstr("megabyte"));
}

TEST(ForeignMeta, CutAnywhereNeverReadsPastTheEnd) {
    const auto header = make_spool_header(class_uid, instance_uid, syntax_uid, origin_of_a_ct());
    for (std::size_t cut = 0; cut < header.bytes.size(); ++cut) {
        const std::vector<std::byte> exact(header.bytes.begin(),
                                           header.bytes.begin() + static_cast<long>(cut));
        const auto meta = read_file_meta(exact); // ASan judges
        if (meta) {
            EXPECT_LE(meta->dataset_offset, cut);
            EXPECT_FALSE(meta->digest);
        }
    }
}

TEST(ForeignMeta, SourcePresentationAddressHasALongHeader) { // UR: PS3.5 table 7.1-1
    DataSetBytes meta;
    meta.zeros(128).raw("DICM");
    meta.element(0x00020010, "UI", "1.2.840.10008.1.2.1\0"sv);
    meta.element(0x00020026, "UR", "http://a");
    const auto size = meta.bytes().size();
    const auto file = joined(meta.bytes(), small_data_set().bytes());
    const auto read = read_file_meta(file);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->dataset_offset, size);
}

// What a rewritten file meta information says, by DCMTK's reading of a file with it.
void expect_rewritten(const std::vector<std::byte>& source, const std::vector<std::byte>& rewritten) {
    const TemporaryFile before(joined(source, small_data_set().bytes()));
    const TemporaryFile after(joined(rewritten, small_data_set().bytes()));
    DcmFileFormat old_file;
    DcmFileFormat new_file;
    ASSERT_TRUE(old_file.loadFile(before.path().c_str()).good());
    ASSERT_TRUE(new_file.loadFile(after.path().c_str()).good());
    auto& meta = *new_file.getMetaInfo();
    EXPECT_EQ(dcmtk_string(meta, 0x0010), "1.2.840.10008.1.2.4.80");
    EXPECT_EQ(dcmtk_string(meta, 0x0012), implementation_class_uid);
    EXPECT_EQ(dcmtk_string(meta, 0x0013), implementation_version_name);
    Uint32 length = 0;
    ASSERT_TRUE(meta.findAndGetUint32(DcmTagKey(2, 0), length).good());
    EXPECT_EQ(length + 144, rewritten.size());
    for (const auto kept : std::initializer_list<std::uint16_t>{0x0002, 0x0003, 0x0016, 0x0100})
        EXPECT_EQ(dcmtk_string(meta, kept), dcmtk_string(*old_file.getMetaInfo(), kept)) << kept;
    const Uint8* information = nullptr;
    unsigned long count = 0;
    EXPECT_TRUE(meta.findAndGetUint8Array(DcmTagKey(2, 0x0102), information, &count).good());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(information), count), "kept as it is, odd\0\0"s);
}

std::vector<std::byte> scanner_meta(Encoding encoding) {
    DataSetBytes meta(encoding);
    meta.raw("a TIFF header may be here").zeros(103).raw("DICM");
    meta.element(0x00020001, "OB", "\0\1"sv);
    meta.element(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.2\0"sv);
    meta.element(0x00020003, "UI", "1.2.3.4\0"sv);
    meta.element(0x00020010, "UI", "1.2.840.10008.1.2.1\0"sv);
    meta.element(0x00020012, "UI", "1.2.3.99\0"sv);
    meta.element(0x00020013, "SH", "SCANNER1");
    meta.element(0x00020016, "AE", "CT01");
    meta.element(0x00020100, "UI", "1.2.99\0\0"sv);
    meta.element(0x00020102, "OB", "kept as it is, odd\0"sv);
    return meta.bytes();
}

TEST(RewrittenMeta, KeepsAllButSyntaxLengthAndImplementation) {
    for (const auto encoding : {explicit_le, implicit_le}) {
        const auto source = scanner_meta(encoding);
        const auto rewritten =
            rewrite_file_meta(joined(source, small_data_set().bytes()), "1.2.840.10008.1.2.4.80");
        ASSERT_TRUE(rewritten);
        EXPECT_TRUE(std::equal(source.begin(), source.begin() + 128, rewritten->begin()));
        expect_rewritten(scanner_meta(explicit_le), *rewritten);
        EXPECT_EQ(*rewrite_file_meta(*rewritten, "1.2.840.10008.1.2.4.80"), *rewritten);
    }
}

TEST(RewrittenMeta, DropsTheDigestOfASpoolBlob) {
    const auto blob = make_spool_header(class_uid, instance_uid, syntax_uid, {"CT01", "US", "::1", 7});
    const auto rewritten = rewrite_file_meta(blob.bytes, "1.2.840.10008.1.2.4.80");
    ASSERT_TRUE(rewritten);
    const auto meta = read_file_meta(*rewritten);
    ASSERT_TRUE(meta);
    EXPECT_FALSE(meta->origin);
    EXPECT_EQ(meta->sop_instance_uid, instance_uid);
    EXPECT_EQ(meta->dataset_offset, rewritten->size());
}

TEST(RewrittenMeta, RefusesWhatIsNoMeta) {
    EXPECT_FALSE(rewrite_file_meta({}, syntax_uid));
    EXPECT_FALSE(rewrite_file_meta(std::vector<std::byte>(200), syntax_uid));
}

TEST(Uid, Validity) {
    EXPECT_TRUE(is_valid_uid("1.2.840.10008.1.2"));
    EXPECT_TRUE(is_valid_uid(std::string(64, '1')));
    EXPECT_TRUE(is_valid_uid("1.02.3")); // archives do not insist
    EXPECT_FALSE(is_valid_uid(""));
    EXPECT_FALSE(is_valid_uid(std::string(65, '1')));
    EXPECT_FALSE(is_valid_uid("1.2.3 "));
    EXPECT_FALSE(is_valid_uid("1.2/../3"));
    EXPECT_FALSE(is_valid_uid(std::string_view("1.2\0", 4)));
}

TEST(Digests, PiecesAreTheWhole) {
    std::vector<std::byte> bytes(100'000);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>((i * i) >> 3);
    const Digest whole = digest_of(bytes);
    Digester digester;
    for (int round = 0; round < 2; ++round) { // finish() starts anew
        for (std::size_t at = 0, step = 1; at < bytes.size(); step = step * 3 % 7919 + 1) {
            const std::size_t size = std::min(step, bytes.size() - at);
            digester.update(std::span(bytes).subspan(at, size));
            at += size;
        }
        EXPECT_EQ(digester.finish(), whole);
    }
    bytes[77'777] ^= std::byte{1};
    EXPECT_NE(digest_of(bytes), whole);
    EXPECT_EQ(digest_of({}).hex(), "99aa06d3014798d86001c324468d497f"); // XXH3-128 of nothing
}

} // namespace
} // namespace dcmflow
