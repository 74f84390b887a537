// Real files of the syntaxes that are read only, and RLE: our frames against GDCM's and DCMTK's.
// Lossless ones must agree byte for byte with both, lossy ones with those who decode to the same
// colours. Skips without the corpus or the tools.
#include "codecs/native.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/all_codecs.h"
#include "tests/codecs/part10_pixels.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <unistd.h>

namespace dcmflow::testing {
namespace {

namespace fs = std::filesystem;
namespace uid = codecs::uid;
using codecs::CodecStatus;
using codecs::FrameBuffer;
using codecs::test::Part10Reader;
using codecs::test::PixelObject;

struct Judge {
    std::string name, command;
};

// Names end with what is expected of the codec, the rest with ok.
const std::map<std::string, CodecStatus> exceptions{
    {"SC_jpeg_no_color_transform.dcm", CodecStatus::mismatch}, // nothing tells its colours
    {"RG3_JPLY", CodecStatus::mismatch},                       // values over Bits Stored
    {"liver_nonbyte_aligned_rle.dcm", CodecStatus::unsupported},
    {"liver_nonbyte_aligned_deflate.dcm", CodecStatus::unsupported},
};

// GDCM 3.0.21 garbles RLE of colour in cells of 16 and 32 bits; neither reads 1-bit RLE or deflated
// frames. DCMTK converts by the tag alone, which is wrong in two files.
bool is_competent(const std::string& judge, const std::string& file, const PixelObject& object) {
    const bool gdcm = judge == "gdcm";
    if (object.syntax == uid::deflated_frame || object.format.bits_allocated == 1)
        return false;
    if (object.syntax == uid::rle)
        return !gdcm || object.format.samples == 1 || object.format.bits_allocated == 8;
    const bool colour_jpeg = object.syntax == uid::jpeg_baseline && object.format.samples == 3;
    const bool really_rgb =
        file == "SC_jpeg_no_color_transform_2.dcm" || file == "SC_rgb_dcmtk_+eb+cr.dcm";
    return !colour_jpeg || gdcm == really_rgb; // GDCM leaves YCbCr as it is
}

class JpegCorpus : public ::testing::Test {
  protected:
    void SetUp() override {
        corpus_ = codecs::test::corpus_folder();
        if (!fs::exists(corpus_ / "index.tsv"))
            GTEST_SKIP() << "no corpus: set DCMFLOW_CORPUS to the folder that holds index.tsv";
        if (std::system("command -v gdcmconv dcmdjpeg dcmdrle dcmdjpls >/dev/null 2>&1") != 0)
            GTEST_SKIP() << "gdcmconv, dcmdjpeg, dcmdrle or dcmdjpls is not installed";
        std::string pattern = fs::temp_directory_path() / "dcmflow-jpeg-XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override {
        if (!folder_.empty())
            fs::remove_all(folder_);
    }

    std::vector<fs::path> files_of(std::string_view syntax) const {
        std::ifstream index{corpus_ / "index.tsv"};
        std::vector<fs::path> files;
        for (std::string line; std::getline(index, line);) {
            std::istringstream cells{line};
            std::string path, role, bytes, uid;
            std::getline(cells, path, '\t');
            std::getline(cells, role, '\t');
            std::getline(cells, bytes, '\t');
            std::getline(cells, uid, '\t');
            if (uid == syntax)
                files.push_back(corpus_ / path);
        }
        return files;
    }

    // Every frame by pixel, as `judge` decodes the file; nothing if it does not.
    std::optional<FrameBuffer> judged(const Judge& judge, const fs::path& file) const {
        const fs::path out = folder_ / "out.dcm";
        fs::remove(out);
        const std::string command =
            judge.command + " '" + file.string() + "' " + out.string() + " >/dev/null 2>&1";
        if (std::system(command.c_str()) != 0)
            return std::nullopt;
        auto object = Part10Reader{out}.read();
        if (!object)
            return std::nullopt;
        const std::uint64_t size = object->format.frame_bytes();
        FrameBuffer all(size * object->frames);
        if (object->native.size() < all.size())
            return std::nullopt;
        object->native.resize(all.size());
        if (!object->format.planar)
            return object->native;
        FrameBuffer frame(size);
        for (std::uint64_t at = 0; at < all.size(); at += size) {
            codecs::interleave(std::span{object->native}.subspan(at, size), object->format, frame);
            std::copy(frame.begin(), frame.end(), all.begin() + static_cast<long>(at));
        }
        return all;
    }

    // Frames of one fragment each, or one frame; empty: the fragments have to be sorted out first.
    static std::vector<FrameBuffer> streams_of(const PixelObject& object) {
        if (object.frames != 1)
            return object.fragments.size() == object.frames ? object.fragments
                                                            : std::vector<FrameBuffer>{};
        FrameBuffer all;
        for (const FrameBuffer& fragment : object.fragments)
            all.insert(all.end(), fragment.begin(), fragment.end());
        return {all};
    }

    // Decodes every file of a syntax and compares; the number of comparisons.
    int compare_all(std::string_view syntax, const std::string& dcmtk_tool) {
        const std::vector<Judge> judges{{"gdcm", "gdcmconv --raw"}, {"dcmtk", dcmtk_tool}};
        int compared = 0;
        for (const fs::path& path : files_of(syntax)) {
            const std::string name = path.filename();
            SCOPED_TRACE(name);
            const auto object = Part10Reader{path}.read();
            if (!object)
                continue;
            FrameBuffer all, frame;
            CodecStatus status = CodecStatus::ok;
            const auto streams = streams_of(*object);
            for (const FrameBuffer& stream : streams) {
                status = registry_.find(syntax)->decode(stream, object->format, frame);
                if (status != CodecStatus::ok)
                    break;
                all.insert(all.end(), frame.begin(), frame.end());
            }
            const auto exception = exceptions.find(name);
            EXPECT_EQ(status, exception == exceptions.end() ? CodecStatus::ok : exception->second);
            for (const Judge& judge : judges) {
                if (status != CodecStatus::ok || streams.empty() ||
                    !is_competent(judge.name, name, *object))
                    continue;
                const auto expected = judged(judge, path);
                EXPECT_TRUE(expected.has_value()) << judge.name;
                EXPECT_TRUE(expected && all == *expected) << judge.name;
                ++compared;
            }
        }
        return compared;
    }

    const codecs::Registry registry_ = all_codecs();
    fs::path corpus_, folder_;
};

TEST_F(JpegCorpus, JpegBaseline) {
    EXPECT_GE(compare_all(uid::jpeg_baseline, "dcmdjpeg +cl"), 15);
}

TEST_F(JpegCorpus, JpegExtended) {
    EXPECT_GE(compare_all(uid::jpeg_extended, "dcmdjpeg"), 8);
}

TEST_F(JpegCorpus, JpegLossless) {
    EXPECT_GE(compare_all(uid::jpeg_lossless, "dcmdjpeg"), 16);
}

TEST_F(JpegCorpus, JpegLsNearLossless) {
    EXPECT_GE(compare_all(uid::jpeg_ls_near, "dcmdjpls"), 18);
}

TEST_F(JpegCorpus, Rle) {
    EXPECT_GE(compare_all(uid::rle, "dcmdrle"), 50);
}

// No tool at hand reads these: the same segmentation, native, is the judge.
TEST_F(JpegCorpus, OneBitFramesEqualTheNativeOnes) {
    int compared = 0;
    for (const auto& [syntax, name] : {std::pair{uid::rle, std::string{"liver_rle.dcm"}},
                                       {uid::deflated_frame, std::string{"liver_deflate.dcm"}}}) {
        for (const fs::path& path : files_of(syntax)) {
            if (path.filename() != name)
                continue;
            const auto coded = Part10Reader{path}.read();
            const auto native = Part10Reader{path.parent_path() / "liver.dcm"}.read();
            ASSERT_TRUE(coded && native);
            FrameBuffer all, frame;
            for (const FrameBuffer& stream : streams_of(*coded)) {
                ASSERT_EQ(registry_.find(syntax)->decode(stream, coded->format, frame),
                          CodecStatus::ok);
                all.insert(all.end(), frame.begin(), frame.end());
            }
            EXPECT_TRUE(all == native->native);
            ++compared;
        }
    }
    EXPECT_EQ(compared, 2);
}

} // namespace
} // namespace dcmflow::testing
