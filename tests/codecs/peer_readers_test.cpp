// What we write, read by the tools of others: GDCM (all codecs) and DCMTK (JPEG-LS, RLE) must give
// back the very bytes. This is what fixed the precisions that the codecs write.
#include "codecs/jpeg2000.h"
#include "codecs/jpeg_ls.h"
#include "codecs/rle.h"
#include "codecs/transfer_syntax.h"
#include "tests/codecs/frames.h"
#include "tests/codecs/part10_pixels.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <unistd.h>

namespace dcmflow::codecs::test {
namespace {

namespace fs = std::filesystem;

class Dicom { // the smallest file that the tools accept, Explicit VR Little Endian
  public:
    void text(std::uint16_t group, std::uint16_t element, const char* vr, std::string value) {
        if (value.size() % 2 != 0)
            value += vr[0] == 'U' && vr[1] == 'I' ? '\0' : ' ';
        put(group, 2);
        put(element, 2);
        bytes_ += vr;
        put(value.size(), 2);
        bytes_ += value;
    }
    void number(std::uint16_t element, std::uint16_t value) {
        text(0x0028, element, "US",
             {static_cast<char>(value & 0xFF), static_cast<char>(value >> 8)});
    }
    void put(std::uint64_t value, int count) {
        for (int i = 0; i < count; ++i)
            bytes_ += static_cast<char>(value >> (8 * i) & 0xFF);
    }
    void fragment(const FrameBuffer& stream) {
        put(0x00107FE0, 4);
        bytes_ += "OB";
        put(0, 2);
        put(0xFFFFFFFF, 4);
        put(0xE000FFFE, 4); // empty offset table
        put(0, 4);
        put(0xE000FFFE, 4);
        put(stream.size(), 4);
        bytes_.append(reinterpret_cast<const char*>(stream.data()), stream.size());
        put(0xE0DDFFFE, 4);
        put(0, 4);
    }
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

void write_file(const fs::path& path, std::string_view syntax, const PixelFormat& format,
                const FrameBuffer& stream) {
    Dicom meta, data;
    meta.text(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.7");
    meta.text(2, 3, "UI", "1.2.3.4");
    meta.text(2, 0x10, "UI", std::string{syntax});
    meta.text(2, 0x12, "UI", "1.2.3");
    data.text(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.7");
    data.text(8, 0x18, "UI", "1.2.3.4");
    data.text(8, 0x60, "CS", "OT");
    data.text(0x20, 0x0D, "UI", "1.2.3.5");
    data.text(0x20, 0x0E, "UI", "1.2.3.6");
    data.number(0x02, format.samples);
    data.text(0x28, 0x04, "CS", std::string{to_string(format.photometric)});
    if (format.samples > 1)
        data.number(0x06, format.planar);
    data.number(0x10, static_cast<std::uint16_t>(format.rows));
    data.number(0x11, static_cast<std::uint16_t>(format.columns));
    data.number(0x100, format.bits_allocated);
    data.number(0x101, format.bits_stored);
    data.number(0x102, format.high_bit);
    data.number(0x103, format.is_signed);
    data.fragment(stream);
    std::string length;
    for (int i = 0; i < 4; ++i)
        length += static_cast<char>(meta.bytes().size() >> (8 * i) & 0xFF);
    Dicom group_length;
    group_length.text(2, 0, "UL", length);
    std::ofstream file{path, std::ios::binary};
    file << std::string(128, '\0') << "DICM" << group_length.bytes() << meta.bytes()
         << data.bytes();
}

class PeerReaders : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = fs::temp_directory_path() / "dcmflow-peers-XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { fs::remove_all(folder_); }

    static bool have(const std::string& tool) {
        return std::system(("command -v " + tool + " >/dev/null 2>&1").c_str()) == 0;
    }

    // The pixels that `tool in out` makes of the stream.
    std::optional<PixelObject> read_with(const std::string& tool, std::string_view syntax,
                                         const PixelFormat& format, const FrameBuffer& stream) {
        const fs::path in = folder_ / "in.dcm", out = folder_ / "out.dcm";
        fs::remove(out);
        write_file(in, syntax, format, stream);
        const std::string command = tool + " " + in.string() + " " + out.string() + " >" +
                                    (folder_ / "log").string() + " 2>&1";
        if (std::system(command.c_str()) != 0 || !fs::exists(out))
            return std::nullopt;
        return Part10Reader{out}.read();
    }

    void all_formats(const std::string& tool, const Codec& codec, std::string_view syntax,
                     std::vector<PixelFormat> formats = {}, int least = 80) {
        for (const PixelFormat& format : matrix())
            if (format.rows == 3) // an odd number of pixels, so odd streams and frames as well
                formats.push_back(format);
        int compared = 0;
        FrameBuffer stream;
        AttributeChanges changes;
        for (const PixelFormat& format : formats) {
            if (!codec.can_encode(format))
                continue;
            SCOPED_TRACE(tool + ": " + describe(format, Content::noise));
            const FrameBuffer frame = make_frame(format, Content::noise);
            ASSERT_EQ(codec.encode({format, frame}, {}, stream, changes), CodecStatus::ok);
            PixelFormat written = format;
            written.photometric = changes.photometric;
            written.planar = changes.planar;
            auto object = read_with(tool, syntax, written, stream);
            ASSERT_TRUE(object.has_value());
            // GDCM takes Bits Stored from a JPEG 2000 stream, which says 16 for up to 8.
            const bool rewritten = codec.name() == "jpeg2000" && format.bits_stored <= 8;
            EXPECT_TRUE(rewritten || object->format.bits_stored == format.bits_stored);
            EXPECT_EQ(object->format.is_signed, format.is_signed);
            const FrameBuffer expected = by_pixel(frame, format);
            ASSERT_LE(expected.size(), object->native.size());
            ASSERT_LE(object->native.size(), expected.size() + 1); // the pad byte
            object->native.resize(expected.size());
            EXPECT_TRUE(object->native == expected);
            ++compared;
        }
        EXPECT_GE(compared, least);
    }

    // Noise in all 16 bits of cells that say 12: overlays must come back.
    void unused_bits(const std::string& tool, const Codec& codec, std::string_view syntax) {
        for (const bool is_signed : {false, true}) {
            for (const std::uint16_t high_bit : std::array<std::uint16_t, 2>{11, 15}) {
                PixelFormat format = mono(13, 11, 16, 12, is_signed);
                format.high_bit = high_bit;
                SCOPED_TRACE(tool + " high bit " + std::to_string(high_bit));
                const FrameBuffer cells =
                    make_frame(mono(13, 11, 16, 16, false), Content::noise, high_bit);
                FrameBuffer stream;
                AttributeChanges changes;
                ASSERT_EQ(codec.encode({format, cells}, {.whole_cells = true}, stream, changes),
                          CodecStatus::ok);
                const auto object = read_with(tool, syntax, format, stream);
                ASSERT_TRUE(object.has_value());
                EXPECT_TRUE(object->native == cells);
            }
        }
    }

    fs::path folder_;
};

TEST_F(PeerReaders, DcmtkGivesUnusedBitsBack) {
    if (!have("dcmdjpls") || !have("dcmdrle"))
        GTEST_SKIP() << "dcmdjpls or dcmdrle is not installed (dcmtk)";
    unused_bits("dcmdjpls", JpegLsCodec{}, uid::jpeg_ls);
    unused_bits("dcmdrle", RleCodec{}, uid::rle);
}

TEST_F(PeerReaders, GdcmGivesUnusedBitsBack) {
    if (!have("gdcmconv"))
        GTEST_SKIP() << "gdcmconv is not installed (libgdcm-tools)";
    unused_bits("gdcmconv --raw", JpegLsCodec{}, uid::jpeg_ls);
    unused_bits("gdcmconv --raw", RleCodec{}, uid::rle);
}

TEST_F(PeerReaders, GdcmReadsOurJpegLs) {
    if (!have("gdcmconv"))
        GTEST_SKIP() << "gdcmconv is not installed (libgdcm-tools)";
    all_formats("gdcmconv --raw", JpegLsCodec{}, uid::jpeg_ls);
}

TEST_F(PeerReaders, GdcmReadsOurJpeg2000) {
    if (!have("gdcmconv"))
        GTEST_SKIP() << "gdcmconv is not installed (libgdcm-tools)";
    all_formats("gdcmconv --raw", Jpeg2000Codec{}, uid::jpeg2000);
}

TEST_F(PeerReaders, DcmtkReadsOurJpegLs) {
    if (!have("dcmdjpls"))
        GTEST_SKIP() << "dcmdjpls is not installed (dcmtk)";
    all_formats("dcmdjpls", JpegLsCodec{}, uid::jpeg_ls);
}

// What RLE takes and the matrix lacks.
std::vector<PixelFormat> rle_formats() {
    PixelFormat left_aligned = mono(3, 5, 16, 12, false);
    left_aligned.high_bit = 15;
    return {mono(3, 5, 32, 32, false), mono(3, 5, 32, 32, true), left_aligned,
            colour(3, 5, 8, 8, true, Photometric::ybr_full),
            colour(67, 131, 8, 8, false)}; // runs of 128 and packets behind them
}

TEST_F(PeerReaders, GdcmReadsOurRle) {
    if (!have("gdcmconv"))
        GTEST_SKIP() << "gdcmconv is not installed (libgdcm-tools)";
    all_formats("gdcmconv --raw", RleCodec{}, uid::rle, rle_formats(), 40);
}

TEST_F(PeerReaders, DcmtkReadsOurRle) {
    if (!have("dcmdrle"))
        GTEST_SKIP() << "dcmdrle is not installed (dcmtk)";
    all_formats("dcmdrle", RleCodec{}, uid::rle, rle_formats(), 40);
}

} // namespace
} // namespace dcmflow::codecs::test
