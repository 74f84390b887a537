// `auto`: the syntax that a trial on strips names is (nearly) the smallest, over realistic images.
#include "pipeline/dicom/size_trial.h"

#include "pipeline/dicom/all_codecs.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"
#include "tests/dicom/transcode_reasons.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace dcmflow::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

const codecs::Registry& all() {
    static const codecs::Registry registry = all_codecs();
    return registry;
}

std::vector<std::string> rank(const Bytes& bytes, std::string_view syntax,
                              std::span<const std::string_view> candidates = auto_candidates()) {
    const Transcoder transcoder(all());
    const DataSet data_set = scan(bytes, syntax);
    return SizeTrial(transcoder, data_set, syntax).rank(candidates);
}

std::uint64_t size_in(const DataSet& data_set, std::string_view from, std::string_view to) {
    VectorSink sink;
    const auto outcome = Transcoder(all()).transcode(data_set, from, to, {}, sink);
    return outcome.reason == TranscodeReason::ok ? outcome.bytes_out : data_set.bytes().size();
}

TEST(SizeTrial, NamesTheSourceLastOrEarlierAndNeverNothing) {
    Tree no_image{text(0x00080016, "UI", "1.2"), text(0x00080018, "UI", "1.2.3")};
    EXPECT_THAT(rank(write(no_image, {}), uid::explicit_le), ElementsAre(uid::explicit_le));
    EXPECT_THAT(rank(write(object(gray()), {}), uid::explicit_le, {}),
                ElementsAre(uid::explicit_le));
    EXPECT_THAT(rank(write(object(gray(12)), {}), uid::explicit_le), Contains(uid::explicit_le));
}

TEST(SizeTrial, ChoosesOnlyFromTheCandidates) {
    const std::vector<std::string_view> one{uid::rle};
    for (const auto& syntax : rank(write(object(gray(12)), {}), uid::explicit_le, one))
        EXPECT_TRUE(syntax == uid::rle || syntax == uid::explicit_le);
}

TEST(SizeTrial, FlatImagesAreNamedSmallerNoiseIsNot) {
    Tree tree = object(gray(8));
    set(tree, raw(0x7FE00010, "OB", Bytes(48 * 64, 7)));
    EXPECT_NE(rank(write(tree, {}), uid::explicit_le).front(), uid::explicit_le);
    Random rng(5);
    Bytes noise(48 * 64);
    for (auto& byte : noise)
        byte = static_cast<std::uint8_t>(rng());
    set(tree, raw(0x7FE00010, "OB", noise));
    EXPECT_EQ(rank(write(tree, {}), uid::explicit_le).front(), uid::explicit_le);
}

// Data in unused bits: only what keeps it is in the ranking.
TEST(SizeTrial, LeavesOutWhatWouldLoseUnusedBits) {
    Tree tree = object(gray(12));
    Bytes pixels(48 * 64 * 2, 0);
    for (std::size_t i = 1; i < pixels.size(); i += 2)
        pixels[i] = i % 34 == 1 ? 0x80 : 0;
    set(tree, raw(0x7FE00010, "OW", pixels));
    const auto ranked = rank(write(tree, {}), uid::explicit_le);
    EXPECT_THAT(ranked, Contains(uid::jpeg_ls));
    EXPECT_THAT(ranked, Contains(uid::rle));
    EXPECT_THAT(ranked, Not(Contains(uid::jpeg2000)));
    EXPECT_THAT(ranked, Not(Contains(uid::htj2k)));
}

// What is compressed already is worth recoding for 3 % only.
TEST(SizeTrial, LeavesWellCompressedObjectsAlone) {
    const Bytes bytes = write(object(gray(12, 2)), {});
    const DataSet native = scan(bytes, uid::explicit_le);
    const Transcoder transcoder(all());
    const auto best = SizeTrial(transcoder, native, uid::explicit_le).best(auto_candidates());
    if (best == uid::explicit_le)
        GTEST_SKIP() << "the made image does not compress";
    VectorSink sink;
    ASSERT_EQ(transcoder.transcode(native, uid::explicit_le, best, {}, sink).reason,
              TranscodeReason::ok);
    const auto opened = OpenedDataSet::open(sink.bytes(), best);
    ASSERT_TRUE(opened);
    SizeTrial trial(transcoder, opened->data_set(), best);
    for (const auto& syntax : trial.rank(auto_candidates())) {
        if (syntax == best)
            break;
        TranscodeOptions options;
        options.must_beat = auto_must_beat(best, sink.bytes().size());
        VectorSink other;
        EXPECT_EQ(transcoder.transcode(opened->data_set(), best, syntax, options, other).reason,
                  TranscodeReason::incompressible);
    }
}

// Frames that cannot be had are not "in the smallest syntax already".
TEST(SizeTrial, SaysWhatIsWrongWithTheFrames) {
    const Tree tree = object(gray(12));
    const auto streams = streams_of(tree, uid::jpeg_ls);
    const Bytes cut(streams[0].begin(), streams[0].begin() + 60);
    const Bytes bytes = encapsulated(tree, {{}, cut});
    const Transcoder transcoder(all());
    const DataSet data_set = scan(bytes, uid::jpeg_ls);
    SizeTrial trial(transcoder, data_set, uid::jpeg_ls);
    EXPECT_THAT(trial.rank(auto_candidates()), ElementsAre(uid::jpeg_ls));
    EXPECT_EQ(trial.reason(), TranscodeReason::corrupt_stream);
}

// A ranking may err: what must be smaller is not made if it is not.
TEST(MustBeat, ACompressedResultThatIsNotSmallerIsIncompressible) {
    const Tree tree = object(gray(12, 3));
    const auto streams = streams_of(tree, uid::jpeg_ls);
    const Bytes bytes = encapsulated(tree, {{}, streams[0], streams[1], streams[2]});
    TranscodeOptions options;
    EXPECT_EQ(to_string(transcode(bytes, uid::jpeg_ls, uid::jpeg2000, options).outcome.reason), "ok");
    options.must_beat = 1000;
    EXPECT_EQ(to_string(transcode(bytes, uid::jpeg_ls, uid::jpeg2000, options).outcome.reason), "incompressible");
    EXPECT_EQ(to_string(transcode(bytes, uid::jpeg_ls, uid::explicit_le, options).outcome.reason), "ok");
}

struct Row {
    std::string path, modality;
};

std::vector<Row> performance_files(const std::filesystem::path& corpus) {
    std::ifstream index(corpus / "index.tsv");
    std::vector<Row> rows;
    for (std::string line; std::getline(index, line);) {
        std::vector<std::string> fields;
        std::istringstream in(line);
        for (std::string field; std::getline(in, field, '\t');)
            fields.push_back(field);
        if (fields.size() > 6 && fields[1].starts_with("perf"))
            rows.push_back({fields[0], fields[6]});
    }
    return rows;
}

TEST(SizeTrial, IsWithinOnePerCentOfTheBestOverTheCorpus) {
    const char* set = std::getenv("DCMFLOW_CORPUS");
    const std::filesystem::path corpus =
        set ? set : std::filesystem::path(__FILE__).parent_path() / "../../../shared/corpus";
    const auto files = performance_files(corpus);
    if (files.empty())
        GTEST_SKIP() << "no corpus at " << corpus;
    struct Sum {
        std::uint64_t raw = 0, chosen = 0, best = 0;
        std::map<std::string, std::uint64_t> by_syntax;
        int files = 0, missed = 0;
    };
    std::map<std::string, Sum> sums;
    Sum all_files;
    const Transcoder transcoder(all());
    int turn = 0;
    for (const auto& file : files) {
        // Series hold many alike: a third of them tells as much.
        if (turn++ % 3 != 0 && !std::getenv("DCMFLOW_LONG"))
            continue;
        std::ifstream in(corpus / file.path, std::ios::binary);
        const Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        const auto meta = read_file_meta(as_span(bytes));
        if (!meta)
            continue;
        const auto opened = OpenedDataSet::open(as_span(bytes).subspan(meta->dataset_offset),
                                                meta->transfer_syntax_uid);
        if (!opened)
            continue;
        const auto& data_set = opened->data_set();
        const auto chosen =
            SizeTrial(transcoder, data_set, meta->transfer_syntax_uid).best(auto_candidates());
        std::uint64_t best = data_set.bytes().size(), mine = best;
        std::map<std::string, std::uint64_t> sizes;
        for (const auto candidate : auto_candidates()) {
            const auto size = size_in(data_set, meta->transfer_syntax_uid, candidate);
            sizes[std::string(codecs::display_name(candidate))] = size;
            best = std::min(best, size);
            if (candidate == chosen)
                mine = size;
        }
        for (Sum* sum : {&sums[file.modality], &all_files}) {
            sum->raw += data_set.bytes().size();
            sum->chosen += mine;
            sum->best += best;
            ++sum->files;
            sum->missed += mine > best + best / 50;
            for (const auto& [name, size] : sizes)
                sum->by_syntax[name] += size;
        }
    }
    sums["all"] = all_files;
    for (const auto& [name, sum] : sums) {
        std::cout << std::setw(4) << name << " files " << std::setw(3) << sum.files << " raw "
                  << sum.raw << " auto " << sum.chosen << " best " << sum.best
                  << " over 2 %: " << sum.missed;
        for (const auto& [syntax, bytes] : sum.by_syntax)
            std::cout << "  " << syntax << ' ' << bytes;
        std::cout << '\n';
    }
    EXPECT_LE(static_cast<double>(all_files.chosen), 1.01 * static_cast<double>(all_files.best));
}

} // namespace
} // namespace dcmflow::testing
