// Native helpers against the plainest way of saying the same.
#include "codecs/native.h"
#include "tests/codecs/frames.h"

#include <gtest/gtest.h>

namespace dcmflow::codecs::test {
namespace {

TEST(Native, CleanFramesAreCleanAndAnyBitOutsideIsSeen) {
    Random random{7};
    for (const unsigned allocated : {8U, 16U, 32U, 64U}) {
        for (unsigned stored = 1; stored <= allocated; ++stored) {
            for (const bool is_signed : {false, true}) {
                const PixelFormat format = mono(130, 77, allocated, stored, is_signed);
                FrameBuffer frame = make_frame(format, Content::noise, stored);
                ASSERT_TRUE(unused_bits_clean({format, frame}))
                    << allocated << " " << stored << " " << is_signed;
                for (unsigned bit = stored; bit < allocated; ++bit) {
                    const std::size_t cell = random.below(130 * 77);
                    std::byte& byte = frame[cell * allocated / 8 + bit / 8];
                    byte ^= std::byte{static_cast<unsigned char>(1U << bit % 8)};
                    ASSERT_FALSE(unused_bits_clean({format, frame}))
                        << allocated << " " << stored << " " << is_signed << " bit " << bit;
                    byte ^= std::byte{static_cast<unsigned char>(1U << bit % 8)};
                }
            }
        }
    }
}

TEST(Native, SignedRangeEdges) {
    const PixelFormat format = mono(1, 1, 16, 12, true);
    const auto clean = [&](int value) {
        FrameBuffer cell(2);
        put_cell(cell, 0, 2, static_cast<std::uint64_t>(value));
        return unused_bits_clean({format, cell});
    };
    EXPECT_TRUE(clean(-2048));
    EXPECT_TRUE(clean(2047));
    EXPECT_FALSE(clean(-2049));
    EXPECT_FALSE(clean(2048));
    EXPECT_FALSE(clean(4095)); // negative, but the sign not extended
}

TEST(Native, HighBitElsewhereIsNotClean) {
    PixelFormat format = mono(4, 4, 16, 12, false);
    format.high_bit = 13;
    const FrameBuffer zeros(format.frame_bytes());
    EXPECT_FALSE(unused_bits_clean({format, zeros}));
    EXPECT_TRUE(unused_bits_clean({mono(4, 4, 1, 1, false), FrameBuffer(2, std::byte{0xFF})}));
}

TEST(Native, UnalignedFramesAreTested) {
    const PixelFormat format = mono(9, 9, 16, 12, false);
    FrameBuffer memory(format.frame_bytes() + 1);
    const std::span<const std::byte> odd = std::span{memory}.subspan(1);
    EXPECT_TRUE(unused_bits_clean({format, odd}));
    memory.back() = std::byte{0x80};
    EXPECT_FALSE(unused_bits_clean({format, odd}));
}

TEST(Native, InterleaveAndBack) {
    for (const unsigned bits : {8U, 16U, 32U}) {
        const PixelFormat planar = colour(23, 11, bits, bits, true);
        const FrameBuffer planes = make_frame(planar, Content::noise);
        FrameBuffer pixels(planes.size()), back(planes.size());
        interleave(planes, planar, pixels);
        EXPECT_TRUE(pixels == by_pixel(planes, planar));
        deinterleave(pixels, planar, back);
        EXPECT_TRUE(back == planes);
    }
    const PixelFormat grey = mono(5, 5, 16, 16, false);
    const FrameBuffer frame = make_frame(grey, Content::noise);
    FrameBuffer copy(frame.size());
    interleave(frame, grey, copy);
    EXPECT_TRUE(copy == frame);
}

TEST(Native, ByteSwaps) {
    FrameBuffer bytes;
    for (int i = 0; i < 11; ++i)
        bytes.push_back(static_cast<std::byte>(i));
    FrameBuffer sixteen = bytes, thirty_two = bytes;
    swap_bytes_16(sixteen);
    swap_bytes_32(thirty_two);
    const auto values = [](const FrameBuffer& buffer) {
        std::vector<int> out;
        for (const std::byte byte : buffer)
            out.push_back(std::to_integer<int>(byte));
        return out;
    };
    EXPECT_EQ(values(sixteen), (std::vector{1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 10}));
    EXPECT_EQ(values(thirty_two), (std::vector{3, 2, 1, 0, 7, 6, 5, 4, 8, 9, 10}));
}

TEST(Native, SignExtension) {
    for (unsigned bits = 1; bits <= 16; ++bits) {
        FrameBuffer cells(2 * 70000);
        for (std::uint32_t i = 0; i < 70000; ++i)
            put_cell(cells, i, 2, i & 0xFFFF);
        sign_extend_16(cells, bits);
        for (std::uint32_t i = 0; i < 65536; i += 37) {
            std::int16_t value;
            std::memcpy(&value, &cells[2 * i], 2);
            const auto low = static_cast<std::int32_t>(i & ((1U << bits) - 1));
            const std::int32_t expected = low >= (1 << (bits - 1)) ? low - (1 << bits) : low;
            ASSERT_EQ(value, expected) << bits << " " << i;
        }
    }
    FrameBuffer byte{std::byte{0x1F}};
    sign_extend_8(byte, 5);
    EXPECT_EQ(byte[0], std::byte{0xFF});
}

} // namespace
} // namespace dcmflow::codecs::test
