// Deflated data sets (PS3.5 A.5): right, damaged, cut short, and meant as a bomb.
#include "tests/dicom/dataset_bytes.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace dcmflow {
namespace {

using namespace test;

std::vector<std::byte> deflated(std::span<const std::byte> bytes) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::vector<std::byte> out(deflateBound(&stream, bytes.size()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

TEST(Inflate, GivesTheDataSetBack) {
    for (const std::size_t size : {0U, 10U, 65536U, 65537U, 3'000'000U}) {
        std::vector<std::byte> bytes(size);
        for (std::size_t i = 0; i < size; ++i)
            bytes[i] = static_cast<std::byte>((i * i) >> 7);
        auto packed = deflated(bytes);
        packed.push_back(std::byte{0}); // padding to even length
        const auto out = inflate_dataset(packed, size);
        ASSERT_TRUE(out) << size << out.error().text;
        EXPECT_EQ(*out, bytes) << size;
    }
}

TEST(Inflate, StopsAtTheCeiling) {
    const auto packed = deflated(std::vector<std::byte>(50'000'000));
    ASSERT_LT(packed.size(), 60'000U);
    for (const std::uint64_t ceiling : {0ULL, 1ULL, 65'536ULL, 1'000'000ULL, 49'999'999ULL}) {
        const auto out = inflate_dataset(packed, ceiling);
        ASSERT_FALSE(out) << ceiling;
        EXPECT_EQ(out.error().fault, ScanFault::object_too_large);
    }
    EXPECT_TRUE(inflate_dataset(packed, 50'000'000));
    EXPECT_TRUE(inflate_dataset(packed, ~0ULL));
}

TEST(Inflate, CutShortIsAFault) {
    std::vector<std::byte> bytes(100'000);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::byte>((i * 2654435761U) >> 13);
    const auto packed = deflated(bytes);
    for (std::size_t cut = 0; cut < packed.size(); cut += 1 + packed.size() / 97) {
        const auto out = inflate_dataset(std::span(packed).first(cut), 1U << 30);
        ASSERT_FALSE(out) << cut;
        EXPECT_EQ(out.error().fault, ScanFault::bad_deflate);
    }
}

TEST(Inflate, DamageIsAFault) {
    const auto out = inflate_dataset(as_bytes("\xFF\xFF not deflate at all"), 1U << 30);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().fault, ScanFault::bad_deflate);
    EXPECT_NE(out.error().text.find("damaged"), std::string::npos);
}

} // namespace
} // namespace dcmflow
