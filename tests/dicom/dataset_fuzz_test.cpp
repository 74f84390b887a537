// Damaged data sets: seeded mutations of small ones must never crash, read out of bounds or break
// the promises that the index makes. The bytes lie in a block of their exact size, so that the
// address sanitizer sees every overrun.
#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/part10.h"
#include "tests/dicom/dataset_bytes.h"

#include <gtest/gtest.h>
#include <memory>
#include <random>

namespace dcmflow {
namespace {

using namespace test;

DataSetBytes seed_of(Encoding encoding) {
    DataSetBytes code(encoding);
    code.element(0x00080100, "SH", "CODE").element(0x00080104, "LO", "meaning");
    DataSetBytes icon(encoding);
    icon.element(0x00280010, "US", DataSetBytes(encoding).u16(2)).element(0x7FE00010, "OB", "abcd");
    DataSetBytes unknown(implicit_le);
    unknown.item(undefined_length).element(0x00080060, "", "MR").end_item().end_sequence();
    DataSetBytes bytes(encoding);
    bytes.element(0x00080005, "CS", "\\ISO 2022 IR 87").element(0x00080016, "UI", "1.2.3.");
    bytes.element(0x00080018, "UI", "1.2.4.").element(0x00080060, "CS", "CT");
    bytes.header(0x00081140, "SQ", undefined_length).item(undefined_length);
    bytes.element(0x0040A170, "SQ", DataSetBytes(encoding).item(code))
        .end_item()
        .item(code)
        .end_sequence();
    bytes.element(0x00090010, "LO", "ACME")
        .header(0x00091001, "UN", undefined_length)
        .raw(unknown.view());
    bytes.element(0x00100010, "PN", "\x1B$B;3ED\x1B(B^x");
    bytes.element(0x00880200, "SQ", DataSetBytes(encoding).item(icon));
    bytes.header(0x7FE00010, "OB", undefined_length)
        .item("")
        .item("abcdef")
        .item("gh")
        .end_sequence();
    return bytes;
}

class Mutator {
  public:
    explicit Mutator(std::uint32_t seed) : random_(seed) {}
    void mutate(std::vector<std::byte>& bytes) {
        const std::size_t rounds = 1 + below(4);
        for (std::size_t i = 0; i < rounds; ++i)
            one(bytes);
    }

  private:
    std::size_t below(std::size_t bound) { return random_() % bound; }
    void one(std::vector<std::byte>& bytes) {
        if (bytes.empty())
            return;
        const std::size_t at = below(bytes.size());
        const auto where = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        switch (below(8)) {
        case 0:
            bytes[at] ^= static_cast<std::byte>(1U << below(8));
            break;
        case 1:
            bytes[at] = static_cast<std::byte>(below(256));
            break;
        case 2:
            bytes.resize(at);
            break;
        case 3:
            bytes.insert(where, 1 + below(9), static_cast<std::byte>(below(256)));
            break;
        case 4:
            bytes.erase(where, where + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                           1 + below(12), bytes.size() - at)));
            break;
        case 5:
            splice_length(bytes, at & ~std::size_t{1});
            break;
        case 6:
            splice_delimiter(bytes, at & ~std::size_t{1});
            break;
        default:
            repeat(bytes, at);
            break;
        }
    }
    void put32(std::vector<std::byte>& bytes, std::size_t at, std::uint32_t value) {
        for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i) {
            bytes[at + i] = static_cast<std::byte>((value >> (8 * i)) & 0xFF);
        }
    }
    void splice_length(std::vector<std::byte>& bytes, std::size_t at) {
        constexpr std::uint32_t lengths[] = {0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF,
                                             0,          1,          8,          0xFFFF};
        put32(bytes, at,
              below(2) == 0 ? lengths[below(8)] : static_cast<std::uint32_t>(bytes.size() - at));
    }
    void splice_delimiter(std::vector<std::byte>& bytes, std::size_t at) {
        constexpr std::uint32_t tags[] = {0xE000FFFE, 0xE00DFFFE, 0xE0DDFFFE, 0x00107FE0};
        put32(bytes, at, tags[below(4)]);
        if (below(2) == 0)
            put32(bytes, at + 4, below(2) == 0 ? 0 : 0xFFFFFFFF);
    }
    void repeat(std::vector<std::byte>& bytes, std::size_t at) {
        const std::size_t size = std::min<std::size_t>(bytes.size() - at, 1 + below(64));
        const std::vector<std::byte> piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                           bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
        for (std::size_t i = below(3); i < 3; ++i) {
            bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(),
                         piece.end());
        }
    }
    std::mt19937 random_;
};

// A copy that ends where its allocation ends.
struct Exact {
    explicit Exact(std::span<const std::byte> bytes)
        : size(bytes.size()), block(new std::byte[bytes.size()]) {
        std::copy(bytes.begin(), bytes.end(), block.get());
    }
    [[nodiscard]] std::span<const std::byte> view() const { return {block.get(), size}; }
    std::size_t size;
    std::unique_ptr<std::byte[]> block;
};

// Elements follow one another without gap or overlap and lie in the bytes; items lie in their
// element.
void expect_sound(const DataSet& data_set) {
    std::uint64_t at = 0;
    for (const ElementRef& element : data_set.elements()) {
        ASSERT_EQ(element.header_offset, at);
        ASSERT_GE(element.value_offset, at + 8);
        ASSERT_LE(element.value_offset + element.value_length, element.end_offset);
        ASSERT_LE(element.end_offset, data_set.bytes().size());
        at = element.end_offset;
        std::uint64_t inside = element.value_offset;
        for (const ItemRef& item : data_set.items(element)) {
            ASSERT_GE(item.header_offset, inside);
            ASSERT_LE(item.value_offset + item.value_length, item.end_offset);
            ASSERT_LE(item.end_offset, element.value_offset + element.value_length);
            inside = item.end_offset;
        }
    }
}

struct Counter final : DataSetVisitor {
    std::uint64_t elements = 0;
    std::int64_t open = 0;
    std::uint32_t deepest = 0;
    void element(const ElementRef&, Encoding, std::uint32_t depth) override {
        ++elements;
        deepest = std::max(deepest, depth);
    }
    void begin_sequence(const ElementRef&, Encoding, std::uint32_t) override { ++open; }
    void begin_item(const ItemRef&, std::uint32_t) override { ++open; }
    void end_item(const ItemRef&, std::uint32_t) override { --open; }
    void end_sequence(const ElementRef&, std::uint32_t) override { --open; }
};

void use(const DataSet& data_set) {
    const Origin origin;
    const ObjectAttributes attributes(data_set, origin, "");
    rules::PathStep outer;
    outer.group = 0x0008;
    outer.element = 0x1140;
    rules::PathStep middle;
    middle.group = 0x0040;
    middle.element = 0xA170;
    rules::PathStep last;
    last.group = 0x0008;
    last.element = 0x0104;
    (void)attributes.find({{outer, middle, last}, ""});
    rules::PathStep hidden;
    hidden.group = 0x0009;
    hidden.element = 0x01;
    hidden.private_creator = "ACME";
    (void)attributes.find({{hidden, last}, ""});
    for (const ElementRef& element : data_set.elements()) {
        rules::PathStep step;
        step.group = element.group;
        step.element = element.element;
        EXPECT_TRUE(attributes.find({{step}, ""}));
        (void)data_set.utf8(element.group, element.element);
    }
    (void)identify(data_set, "1.2");
}

TEST(Fuzz, DamagedDataSets) {
    std::size_t scanned = 0;
    std::size_t refused = 0;
    for (const Encoding encoding : {explicit_le, implicit_le, explicit_be}) {
        const DataSetBytes seed = seed_of(encoding);
        ASSERT_TRUE(seed.scan()) << seed.scan().error().text;
        for (std::uint32_t round = 0; round < 8000; ++round) {
            std::vector<std::byte> bytes = seed.bytes();
            Mutator(round).mutate(bytes);
            const Exact exact(bytes);
            const auto data_set = DataSet::scan(exact.view(), encoding);
            Counter counter;
            const auto walked = walk(exact.view(), encoding, counter);
            ASSERT_EQ(walked.has_value(), data_set.has_value()) << round;
            if (data_set) {
                ++scanned;
                expect_sound(*data_set);
                EXPECT_EQ(counter.open, 0);
                EXPECT_LE(counter.deepest, 64U);
                use(*data_set);
            } else {
                ++refused;
                EXPECT_LE(data_set.error().offset, bytes.size());
                EXPECT_FALSE(data_set.error().text.empty());
            }
            if (testing::Test::HasFatalFailure())
                FAIL() << "round " << round;
        }
    }
    // Both ways are taken, or the mutations are too tame or too wild to find anything.
    EXPECT_GT(scanned, 1000U);
    EXPECT_GT(refused, 1000U);
}

TEST(Fuzz, DamagedFileMeta) {
    Origin origin;
    origin.calling_aet = "CT1";
    const auto header = make_spool_header("1.2.3", "1.2.4", "1.2.840.10008.1.2.1", origin);
    std::size_t read = 0;
    for (std::uint32_t round = 0; round < 8000; ++round) {
        // Spare the preamble, or nearly all of the mutations fall there.
        std::vector<std::byte> bytes(header.bytes.begin() + 128, header.bytes.end());
        Mutator(round).mutate(bytes);
        bytes.insert(bytes.begin(), 128, std::byte{0});
        const Exact exact(bytes);
        const auto meta = read_file_meta(exact.view());
        if (!meta)
            continue;
        ++read;
        EXPECT_LE(meta->dataset_offset, bytes.size());
        EXPECT_TRUE(is_valid_uid(meta->transfer_syntax_uid));
    }
    EXPECT_GT(read, 1000U);
}

TEST(Fuzz, DamagedDeflate) {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::byte> bytes(random() % 200);
        for (std::byte& byte : bytes)
            byte = static_cast<std::byte>(random());
        const Exact exact(bytes);
        const auto out = inflate_dataset(exact.view(), 4096);
        if (out) {
            EXPECT_LE(out->size(), 4096U);
        }
    }
}

} // namespace
} // namespace dcmflow
