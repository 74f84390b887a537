// Codestreams of others, valid and broken (openjpeg-data, openjphjs): what our parser lets through
// decodes as the plain libraries decode it; the rest is refused before a library sees it.
#include "codecs/jpeg2000_lossy.h"
#include "codecs/jpeg2000_stream.h"
#include "tests/codecs/htj2k_openjph.h"
#include "tests/codecs/opj_raw.h"
#include "tests/codecs/part10_pixels.h"

#include <gtest/gtest.h>

#include <set>

namespace dcmflow::codecs::test {
namespace {

namespace fs = std::filesystem;

FrameBuffer read_file(const fs::path& path) {
    std::ifstream file{path, std::ios::binary};
    const std::vector<char> chars{std::istreambuf_iterator<char>{file}, {}};
    FrameBuffer bytes(chars.size());
    std::transform(chars.begin(), chars.end(), bytes.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    return bytes;
}

// The object that would hold this stream.
std::optional<PixelFormat> format_for(const Jpeg2000Header& header) {
    if (header.precision > 16 || header.components == 2)
        return std::nullopt;
    PixelFormat format = mono(header.height, header.width, header.precision <= 8 ? 8 : 16,
                              header.precision, header.is_signed);
    format.samples = header.components;
    if (header.components > 1)
        format.photometric = header.component_transform
                                 ? (header.reversible ? Photometric::ybr_rct : Photometric::ybr_ict)
                             : header.components == 3 ? Photometric::rgb
                                                      : Photometric::other;
    return format;
}

FrameBuffer plain_openjpeg(const FrameBuffer& stream, const PixelFormat& format) {
    const RawImage image = opj_raw_decode(stream);
    FrameBuffer out(format.frame_bytes());
    for (std::size_t s = 0; s < image.components.size(); ++s)
        for (std::size_t i = 0; i < image.components[s].size(); ++i)
            put_cell(out, i * format.samples + s, format.bytes_per_sample(),
                     static_cast<std::uint64_t>(std::int64_t{image.components[s][i]}));
    return out;
}

// Cells that differ by more than `tolerance`.
std::size_t differences(const FrameBuffer& a, const FrameBuffer& b, const PixelFormat& format,
                        int tolerance) {
    const unsigned cell = format.bytes_per_sample();
    std::size_t count = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i + cell <= std::min(a.size(), b.size()); i += cell) {
        std::uint16_t left = 0, right = 0;
        std::memcpy(&left, &a[i], cell);
        std::memcpy(&right, &b[i], cell);
        count += std::abs(left - right) > tolerance ? 1 : 0;
    }
    return count;
}

// How the file's stream fared: a status, or "exact".
std::string fate(const fs::path& path) {
    const FrameBuffer file = read_file(path);
    Jpeg2000Header header;
    const CodecStatus parsed = parse_jpeg2000(file, header);
    if (parsed != CodecStatus::ok)
        return std::string{to_string(parsed)};
    const auto format = format_for(header);
    if (!format || !format->problem().empty() || format->frame_bytes() > max_frame_bytes)
        return "no DICOM format";
    FrameBuffer decoded;
    const Jpeg2000LossyCodec codec{header.high_throughput
                                       ? Jpeg2000LossyCodec::Kind::high_throughput
                                       : Jpeg2000LossyCodec::Kind::part1};
    EXPECT_EQ(codec.decode(file, *format, decoded), CodecStatus::ok);
    const FrameBuffer stream{header.codestream.begin(), header.codestream.end()};
    EXPECT_EQ(differences(decoded, plain_openjpeg(stream, *format), *format, 0), 0U);
    if (header.high_throughput) {
        const int rounding = header.reversible ? 0 : 1;
        EXPECT_EQ(differences(decoded, openjph_decode(stream, *format), *format, rounding), 0U);
    }
    return "exact";
}

// Conformance streams (T.803) that are legal and that no DICOM object holds: subsampled, POC, PPM,
// RGN, components that differ.
const std::set<std::string> refused{"p0_02.j2k", "p0_03.j2k", "p0_05.j2k", "p0_06.j2k",
                                    "p0_08.j2k", "p0_10.j2k", "p0_13.j2k", "file3.jp2"};

TEST(Jpeg2000Corpus, CodestreamsDecodeAsThePlainLibrariesDecodeThem) {
    const fs::path folder = corpus_folder();
    if (folder.empty())
        GTEST_SKIP() << "no corpus: set DCMFLOW_CORPUS to the folder that holds index.tsv";
    const std::set<std::string> kinds{".j2k", ".j2c", ".jp2", ".jph"};
    std::map<std::string, int> fates;
    for (const auto& entry : fs::recursive_directory_iterator{folder}) {
        const fs::path& path = entry.path();
        if (!kinds.contains(path.extension()))
            continue;
        SCOPED_TRACE(path);
        const std::string how = fate(path);
        ++fates[how];
        if (path.parent_path().filename() == "conformance") {
            EXPECT_EQ(how, refused.contains(path.filename()) ? "unsupported" : "exact");
        }
        if (path.extension() == ".j2c" || path.extension() == ".jph") { // openjphjs, Part 15
            EXPECT_EQ(how, "exact");
        }
    }
    for (const auto& [how, count] : fates)
        std::printf("%s: %d\n", how.c_str(), count);
    EXPECT_GE(fates["exact"], 35);
}

} // namespace
} // namespace dcmflow::codecs::test
