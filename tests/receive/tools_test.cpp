// The tools that hospitals have: storescu and dcmsend of DCMTK, and DCMTK's own SCU library.
#include "tests/receive/support.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>

#include "pipeline/receive/negotiation.h"

#include <array>
#include <gtest/gtest.h>
#include <thread>

namespace dcmflow::receive_test {
namespace {

class Tools : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!have_tool("dcmsend") || !have_tool("storescu"))
            GTEST_SKIP() << "dcmsend and storescu (package dcmtk) are not installed";
    }
    TempFolder files_;
};

std::string pixel_bytes(const Bytes& data_set) {
    const auto scanned = DataSet::scan(data_set, {});
    if (!scanned)
        return "unreadable";
    const auto* pixels = scanned->find(0x7FE0, 0x0010);
    if (pixels == nullptr)
        return "no pixels";
    const auto value = scanned->value(*pixels);
    return {reinterpret_cast<const char*>(value.data()), value.size()};
}

TEST_F(Tools, StorescuInEveryUncompressedSyntax) {
    Site site;
    write_part10(files_.path() / "a.dcm", ct_class, "1.2.9.1", explicit_le,
                 object("1.2.9.1", 100'000));
    const std::vector<std::array<std::string, 2>> syntaxes{
        {"+te", "-xe"}, {"+ti", "-xi"}, {"+tb", "-xb"}, {"+td", "-xd"}};
    for (const auto& [convert, propose] : syntaxes) {
        const auto file = (files_.path() / (propose + ".dcm")).native();
        ASSERT_EQ(run({"dcmconv", convert, (files_.path() / "a.dcm").native(), file}).code, 0);
        const auto ended = run({"storescu", propose, "-aec", "DCMFLOW", "127.0.0.1",
                                std::to_string(site.port()), file});
        EXPECT_EQ(ended.code, 0) << propose << "\n" << ended.output;
    }
    const auto rows = site.rows();
    ASSERT_EQ(rows.size(), 4U) << "four syntaxes: other bytes each";
    EXPECT_EQ(rows[0].instance.transfer_syntax_uid, explicit_le);
    EXPECT_EQ(rows[1].instance.transfer_syntax_uid, implicit_le);
    EXPECT_EQ(rows[2].instance.transfer_syntax_uid, "1.2.840.10008.1.2.2");
    EXPECT_EQ(rows[3].instance.transfer_syntax_uid, "1.2.840.10008.1.2.1.99");
    for (const auto& row : rows)
        EXPECT_EQ(row.instance.study_instance_uid, "1.2.3.1") << row.instance.transfer_syntax_uid;
    EXPECT_EQ(pixel_bytes(site.data_set(rows[0])), pixel_bytes(object("1.2.9.1", 100'000)));
}

TEST_F(Tools, DcmsendOfManyFiles) {
    Site site;
    constexpr int count = 25;
    for (int i = 0; i < count; ++i) {
        const auto uid = "1.2.9.2." + std::to_string(i);
        write_part10(files_.path() / (uid + ".dcm"), ct_class, uid, explicit_le,
                     object(uid, 70'000, static_cast<unsigned>(i)));
    }
    const auto ended =
        run({"dcmsend", "+sd", "127.0.0.1", std::to_string(site.port()), files_.path().native()});
    EXPECT_EQ(ended.code, 0) << ended.output;
    const auto rows = site.rows();
    ASSERT_EQ(rows.size(), static_cast<std::size_t>(count));
    for (const auto& row : rows) {
        const auto number =
            row.instance.sop_instance_uid.substr(row.instance.sop_instance_uid.rfind('.') + 1);
        EXPECT_EQ(pixel_bytes(site.data_set(row)),
                  pixel_bytes(object(row.instance.sop_instance_uid, 70'000, static_cast<unsigned>(std::stoi(number)))));
    }
}

TEST_F(Tools, DcmsendIsToldTheTruth) {
    SiteOptions options;
    options.quota = 4096;
    Site site(options);
    write_part10(files_.path() / "a.dcm", ct_class, "1.2.9.3", explicit_le,
                 object("1.2.9.3", 100'000));
    const auto ended = run({"storescu", "-v", "127.0.0.1", std::to_string(site.port()),
                            (files_.path() / "a.dcm").native()});
    EXPECT_NE(ended.output.find("OutOfResources"), std::string::npos) << ended.output;
}

// Not asserted: speed belongs to the benches. Printed, because a stock dcmsend leaves Nagle on, and
// delayed ACKs would hold it to 24 MB/s.
TEST_F(Tools, StockDcmsendIsNotHeldByDelayedAcks) {
    Site site;
    constexpr int count = 6;
    constexpr std::size_t each = 8U << 20;
    for (int i = 0; i < count; ++i) {
        const auto uid = "1.2.9.4." + std::to_string(i);
        write_part10(files_.path() / (uid + ".dcm"), ct_class, uid, explicit_le,
                     object(uid, each, static_cast<unsigned>(i)));
    }
    const auto begun = std::chrono::steady_clock::now();
    const auto ended =
        run({"dcmsend", "+sd", "127.0.0.1", std::to_string(site.port()), files_.path().native()});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_EQ(site.rows().size(), static_cast<std::size_t>(count));
    std::printf("one stock dcmsend, %d objects of 8 MiB: %.0f MB/s\n", count,
                static_cast<double>(count * each) / 1e6 / took.count());
}

TEST(Negotiation, EveryStorageClassThatDcmtkKnows) {
    for (int i = 0; i < numberOfDcmAllStorageSOPClassUIDs; ++i)
        EXPECT_TRUE(scp::accepts_abstract_syntax(dcmAllStorageSOPClassUIDs[i]))
            << dcmAllStorageSOPClassUIDs[i];
}

} // namespace
} // namespace dcmflow::receive_test
