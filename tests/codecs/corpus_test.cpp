// Real images: what scanners made goes through both codecs, and what other encoders made comes out
// as the uncompressed original of the same image.
#include "codecs/native.h"
#include "codecs/registry.h"
#include "codecs/transfer_syntax.h"
#include "tests/codecs/part10_pixels.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

namespace dcmflow::codecs::test {
namespace {

namespace fs = std::filesystem;

struct Row {
    std::string path, role, syntax;
};

class Corpus : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = corpus_folder();
        if (!fs::exists(folder_ / "index.tsv"))
            GTEST_SKIP() << "no corpus: set DCMFLOW_CORPUS to the folder that holds index.tsv";
        std::ifstream index{folder_ / "index.tsv"};
        std::string line;
        std::getline(index, line); // titles
        while (std::getline(index, line)) {
            std::istringstream cells{line};
            Row row;
            std::string bytes;
            std::getline(cells, row.path, '\t');
            std::getline(cells, row.role, '\t');
            std::getline(cells, bytes, '\t');
            std::getline(cells, row.syntax, '\t');
            rows_.push_back(row);
        }
    }

    std::optional<PixelObject> read(const std::string& path) const {
        return Part10Reader{folder_ / path}.read();
    }

    const Registry registry_;
    fs::path folder_;
    std::vector<Row> rows_;
};

FrameBuffer joined(const std::vector<FrameBuffer>& fragments) {
    FrameBuffer all;
    for (const FrameBuffer& fragment : fragments)
        all.insert(all.end(), fragment.begin(), fragment.end());
    return all;
}

TEST_F(Corpus, NativeImagesSurviveBothCodecs) {
    std::map<std::string, int> tally;
    int frames = 0;
    for (const Row& row : rows_) {
        if (row.role.find("perf") == std::string::npos || row.syntax != uid::explicit_le)
            continue;
        const auto object = read(row.path);
        if (!object || !object->format.problem().empty())
            continue;
        const PixelFormat& format = object->format;
        const std::uint64_t size = format.frame_bytes();
        for (std::uint32_t i = 0; i < std::min(object->frames, 2U); ++i) {
            if ((i + 1) * size > object->native.size())
                break;
            const FrameView frame{format, std::span{object->native}.subspan(i * size, size)};
            for (const auto syntax : {uid::jpeg_ls, uid::jpeg2000}) {
                SCOPED_TRACE(row.path + " as " + std::string{display_name(syntax)});
                const Codec& codec = *registry_.find(syntax);
                FrameBuffer stream, decoded;
                AttributeChanges changes;
                const CodecStatus status = codec.encode(frame, {}, stream, changes);
                ++tally[std::string{codec.name()} + " " + std::string{to_string(status)}];
                if (status != CodecStatus::ok) {
                    EXPECT_TRUE((status == CodecStatus::unsupported && !codec.can_encode(format)) ||
                                (status == CodecStatus::dirty_bits && !unused_bits_clean(frame)))
                        << to_string(status);
                    continue;
                }
                ++frames;
                PixelFormat as_written = format;
                as_written.photometric = changes.photometric;
                as_written.planar = changes.planar;
                ASSERT_EQ(codec.decode(stream, as_written, decoded), CodecStatus::ok);
                FrameBuffer expected(frame.bytes.begin(), frame.bytes.end());
                if (format.planar)
                    interleave(frame.bytes, format, expected);
                ASSERT_TRUE(decoded == expected);
            }
        }
    }
    for (const auto& [label, count] : tally)
        RecordProperty(label, count);
    EXPECT_GT(frames, 50);
}

// Files that the libraries at hand cannot be trusted with, and why; everything else must decode.
TEST_F(Corpus, StreamsOfOthersDecode) {
    const std::map<std::string, CodecStatus> exceptions{
        {"liver_j2k.dcm", CodecStatus::unsupported},                 // 1 bit allocated
        {"liver_nonbyte_aligned_j2k.dcm", CodecStatus::unsupported}, // 1 bit allocated
        {"GDCMJ2K_TextGBR.dcm", CodecStatus::corrupt}, // six tile-parts where TNsot says five
        {"JPEG2000-embedded-sequence-delimiter.dcm", CodecStatus::unsupported}, // SIZ overwritten
        {"SC_jpeg_no_color_transform.dcm", CodecStatus::mismatch},   // nothing tells its colours
        {"liver_nonbyte_aligned_rle.dcm", CodecStatus::unsupported}, // frames end within a byte
        {"liver_nonbyte_aligned_deflate.dcm", CodecStatus::unsupported},
    };
    int decoded = 0;
    FrameBuffer out;
    for (const Row& row : rows_) {
        const Codec* codec = registry_.find(row.syntax);
        if (codec == nullptr)
            continue;
        SCOPED_TRACE(row.path);
        const auto object = read(row.path);
        if (!object)
            continue;
        std::vector<FrameBuffer> streams = object->fragments;
        if (object->frames == 1)
            streams = {joined(object->fragments)};
        if (streams.size() != object->frames)
            continue; // several fragments a frame: the data set's business, not the codec's
        const auto exception = exceptions.find(fs::path{row.path}.filename());
        const CodecStatus expected =
            exception == exceptions.end() ? CodecStatus::ok : exception->second;
        for (const FrameBuffer& stream : streams) {
            ASSERT_EQ(codec->decode(stream, object->format, out), expected);
            if (expected == CodecStatus::ok) {
                EXPECT_EQ(out.size(), codec->decoded_format(object->format).frame_bytes());
                ++decoded;
            }
        }
    }
    EXPECT_GT(decoded, 60);
}

// NEMA WG-04: the same image uncompressed, as JPEG-LS and as JPEG 2000, made by others in 2004.
TEST_F(Corpus, Wg04StreamsEqualTheirOriginals) {
    std::map<std::string, std::string> originals;
    for (const Row& row : rows_) {
        const std::string name = fs::path{row.path}.filename();
        if (name.ends_with("_UNC") && row.syntax == uid::explicit_le)
            originals[name.substr(0, name.size() - 4)] = row.path;
    }
    int compared = 0;
    FrameBuffer out;
    for (const Row& row : rows_) {
        const std::string name = fs::path{row.path}.filename();
        const auto original = originals.find(name.substr(0, name.find('_')));
        if (!(name.ends_with("_JLSL") || name.ends_with("_J2KR")) || original == originals.end())
            continue;
        SCOPED_TRACE(row.path);
        const auto object = read(row.path);
        const auto native = read(original->second);
        ASSERT_TRUE(object && native);
        const Codec* codec = registry_.find(object->syntax);
        ASSERT_NE(codec, nullptr);
        ASSERT_EQ(codec->decode(joined(object->fragments), object->format, out), CodecStatus::ok);
        FrameBuffer expected = native->native;
        expected.resize(native->format.frame_bytes()); // less the pad byte
        if (native->format.planar)
            interleave(native->native, native->format, expected);
        EXPECT_TRUE(out == expected);
        ++compared;
    }
    EXPECT_GE(compared, 15);
}

} // namespace
} // namespace dcmflow::codecs::test
