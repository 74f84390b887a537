// The run: what each file becomes, results larger than memory, codecs that fail in the middle,
// stopping.
#include "codecs/registry.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/recompress/recompress.h"
#include "tests/dicom/transcode_object.h"
#include "tests/recompress/scratch.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <map>

namespace dcmflow::recompress {
namespace {

namespace uid = codecs::uid;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t frames = 40;

// A Part 10 file of smooth frames, square, 12 bits.
std::string dicom_file(std::uint32_t side = 64, std::uint32_t count = frames) {
    using namespace dcmflow::testing;
    Shape shape;
    shape.format.rows = shape.format.columns = side;
    shape.format.bits_allocated = 16;
    shape.format.bits_stored = 12;
    shape.format.high_bit = 11;
    shape.frames = count;
    Random rng(7);
    Tree tree = make_object(shape, rng, false);
    for (auto& node : tree)
        if (node.tag == 0x7FE00010)
            for (std::size_t n = 0; n < node.value.size(); ++n)
                node.value[n] = static_cast<std::uint8_t>(n % 2 == 1 ? 1 : n / 256 + n / 8192);
    const auto meta =
        make_file_meta("1.2.840.10008.5.1.4.1.1.7", "1.2.3.4", uid::explicit_le, "CT01");
    const auto data_set = write(tree, Form{});
    std::string file(reinterpret_cast<const char*>(meta.data()), meta.size());
    return file.append(data_set.begin(), data_set.end());
}

// JPEG-LS, but what it decodes is wrong from the `good`-th frame on.
class Liar final : public codecs::Codec {
  public:
    explicit Liar(int good) : good_(good) {}
    std::string_view name() const override { return real().name(); }
    bool can_encode(const codecs::PixelFormat& format) const override {
        return real().can_encode(format);
    }
    codecs::CodecStatus encode(const codecs::FrameView& frame, const codecs::EncodeOptions& options,
                               codecs::FrameBuffer& out,
                               codecs::AttributeChanges& changes) const override {
        return real().encode(frame, options, out, changes);
    }
    codecs::CodecStatus decode(std::span<const std::byte> stream, const codecs::PixelFormat& format,
                               codecs::FrameBuffer& out) const override {
        const auto status = real().decode(stream, format, out);
        if (decoded_++ >= good_)
            out[7] ^= std::byte{1};
        return status;
    }

  private:
    [[nodiscard]] const codecs::Codec& real() const { return *registry_.find(uid::jpeg_ls); }
    codecs::Registry registry_;
    int good_;
    mutable std::atomic<int> decoded_{0};
};

class Run : public test::Scratch {
  protected:
    Status run(RecompressOptions options, const Transcoder& transcoder, std::stop_token stop = {}) {
        reports_.clear();
        const auto route = plan_route(at("in"), at("out"));
        if (!route)
            return tl::unexpected(route.error());
        Recompression recompression(std::move(options), transcoder,
                                    [this](const FileReport& report) {
                                        reports_[fs::path(report.path).filename()] = report;
                                    });
        auto status = recompression.run(*route, std::move(stop));
        complete_ = recompression.complete();
        notes_ = recompression.notes();
        return status;
    }
    static RecompressOptions to_jpeg_ls() {
        RecompressOptions options;
        options.target_uid = uid::jpeg_ls;
        options.jobs = 2;
        return options;
    }
    const codecs::Registry registry_;
    const Transcoder transcoder_{registry_};
    std::map<std::string, FileReport> reports_;
    bool complete_ = false;
    std::vector<std::string> notes_;
};

TEST_F(Run, ReportsAndStores) {
    write("in/a", dicom_file());
    write("in/b/note", "not DICOM");
    ASSERT_TRUE(run(to_jpeg_ls(), transcoder_));
    EXPECT_EQ(reports_["a"].status, FileStatus::compressed);
    EXPECT_EQ(reports_["a"].frames, frames);
    EXPECT_TRUE(reports_["a"].verified);
    EXPECT_EQ(reports_["a"].bytes_out, read("out/a").size());
    EXPECT_EQ(reports_["note"].status, FileStatus::copied);
    EXPECT_EQ(read("out/b/note"), "not DICOM");
}

// All bounds so low that files are mapped and results go to their file as they are made.
TEST_F(Run, StreamsTheSameBytes) {
    write("in/a", dicom_file());
    ASSERT_TRUE(run(to_jpeg_ls(), transcoder_));
    const auto in_memory = read("out/a");
    auto options = to_jpeg_ls();
    options.memory = 100'000;
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["a"].status, FileStatus::compressed);
    EXPECT_EQ(read("out/a"), in_memory);
    EXPECT_THAT(names("out"), ElementsAre("a"));
}

TEST_F(Run, ACodecThatFailsInTheMiddleCostsOnlyTheCompression) {
    write("in/a", dicom_file());
    for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{100'000}}) {
        codecs::Registry registry;
        registry.add(uid::jpeg_ls, std::make_unique<Liar>(30));
        const Transcoder transcoder(registry);
        auto options = to_jpeg_ls();
        options.memory = memory;
        ASSERT_TRUE(run(options, transcoder));
        EXPECT_EQ(reports_["a"].status, FileStatus::kept);
        EXPECT_EQ(reports_["a"].reason, "verify_failed");
        EXPECT_EQ(reports_["a"].to, "explicit-le");
        EXPECT_FALSE(reports_["a"].verified);
        EXPECT_EQ(read("out/a"), read("in/a"));
        EXPECT_THAT(names("out"), ElementsAre("a"));
    }
}

TEST_F(Run, ChoosesPerObject) {
    write("in/a", dicom_file());
    auto options = to_jpeg_ls();
    options.target_uid.clear();
    options.choose = [](const DataSet&, std::string_view) {
        return Ranking{{std::string(uid::jpeg2000)}, {}};
    };
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["a"].to, "jpeg2000");
    options.choose = [](const DataSet&, std::string_view source) {
        return Ranking{{std::string(source)}, TranscodeReason::incompressible};
    };
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["a"].status, FileStatus::kept);
    EXPECT_EQ(reports_["a"].reason, "incompressible");
    options.choose = [](const DataSet&, std::string_view) -> Ranking {
        throw std::runtime_error("why");
    };
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["a"].status, FileStatus::failed);
    EXPECT_EQ(reports_["a"].error, "internal error: why");
}

TEST_F(Run, StoppedBeforeItBeginsDoesNothing) {
    write("in/a", dicom_file());
    std::stop_source stop;
    stop.request_stop();
    ASSERT_TRUE(run(to_jpeg_ls(), transcoder_, stop.get_token()));
    EXPECT_THAT(reports_, IsEmpty());
    EXPECT_THAT(names("out"), IsEmpty());
    EXPECT_FALSE(complete_);
}

TEST_F(Run, AStopAfterTheLastFileLeavesNothingOut) {
    write("in/a", dicom_file());
    std::stop_source stop;
    for (const bool at_the_end : {false, true}) {
        auto options = to_jpeg_ls();
        options.target_uid.clear();
        options.choose = [&](const DataSet&, std::string_view) {
            stop.request_stop(); // the file is in hand
            return Ranking{{std::string(uid::jpeg_ls)}, {}};
        };
        ASSERT_TRUE(run(options, transcoder_, at_the_end ? std::stop_token() : stop.get_token()));
        EXPECT_TRUE(complete_);
        EXPECT_EQ(reports_["a"].status, FileStatus::compressed);
    }
}

TEST_F(Run, WhatAKilledRunLeftInTheSourceIsNoSource) {
    write("in/a", dicom_file());
    write("in/.dcmflow-af63dc4c8601ec8c.tmp", std::string(100'000, 'x')); // where "a" begins
    ASSERT_TRUE(run(to_jpeg_ls(), transcoder_));
    EXPECT_THAT(names("out"), ElementsAre("a"));
    EXPECT_EQ(reports_.size(), 1U);
    EXPECT_EQ(notes_.size(), 1U);
    EXPECT_TRUE(complete_);
}

TEST_F(Run, NoLocksAreSaidOnce) {
    write("in/a", "x");
    write("in/b", "y");
    test::no_locks = ENOLCK;
    const auto status = run(to_jpeg_ls(), transcoder_);
    test::no_locks = 0;
    ASSERT_TRUE(status);
    EXPECT_THAT(names("out"), ElementsAre("a", "b"));
    EXPECT_THAT(notes_, ElementsAre(HasSubstr("no file locks")));
}

TEST_F(Run, NamesThatAreOneInTheDestinationDoNotReplaceEachOther) {
    write("in/IM1", "first");
    write("in/im1", "second");
    write("in/sub/im1", "elsewhere");
    write("in/SUB/x", "x");
    write("in/\u00C4", "first");
    write("in/\u00E4", "second");
    auto options = to_jpeg_ls();
    options.destination_folds_case = true;
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["IM1"].status, FileStatus::copied);
    EXPECT_EQ(reports_["sub"].status, FileStatus::failed);
    EXPECT_EQ(reports_["x"].status, FileStatus::copied);
    EXPECT_EQ(reports_["im1"].status, FileStatus::failed);
    EXPECT_THAT(reports_["im1"].error, HasSubstr("upper from lower case"));
    EXPECT_EQ(reports_["\u00E4"].status, FileStatus::failed);
    EXPECT_THAT(names("out"), ElementsAre("IM1", "SUB", "\u00C4"));
    ASSERT_TRUE(run(to_jpeg_ls(), transcoder_)); // tried out: here they are two
    EXPECT_EQ(names("out").size(), 6U);
}

TEST_F(Run, FromOneCompressionToAnotherOnlyIfItIsSmaller) {
    write("in/a", dicom_file()); // runs of equal bytes: RLE is the smaller one
    auto options = to_jpeg_ls();
    options.target_uid = uid::rle;
    ASSERT_TRUE(run(options, transcoder_));
    fs::rename(at("out/a"), at("in/a"));
    options.target_uid = uid::jpeg_ls;
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["a"].status, FileStatus::kept);
    EXPECT_EQ(reports_["a"].reason, "incompressible");
    EXPECT_TRUE(read("out/a") == read("in/a"));
    options.target_uid = uid::explicit_le;
    ASSERT_TRUE(run(options, transcoder_));
    EXPECT_EQ(reports_["a"].status, FileStatus::compressed);
    EXPECT_GT(reports_["a"].bytes_out, reports_["a"].bytes_in);
}

TEST_F(Run, MemoryIsTakenByTheImageNotByTheFile) {
    write("in/a", dicom_file(1024, 1));
    ASSERT_TRUE(run(to_jpeg_ls(), transcoder_));
    const std::string file = read("out/a");
    const auto bytes = std::as_bytes(std::span(file));
    constexpr std::uint64_t frame = 1024 * 1024 * 2;
    ASSERT_LT(file.size(), frame / 9);
    const WorkBounds bounds;
    EXPECT_GE(file_work(bytes, uid::jpeg2000, bounds), 8 * frame);
    EXPECT_GE(file_work(bytes, "", bounds), 8 * frame);
    EXPECT_GE(file_work(bytes, uid::explicit_le, bounds), 4 * frame);
    EXPECT_LT(file_work(bytes, uid::jpeg_ls, bounds), frame); // nothing to do
    const auto many = PixelDescription{{.rows = 1024, .columns = 1024, .bits_allocated = 16}, 100};
    EXPECT_EQ(frames_at_once(many, uid::jpeg_ls, uid::jpeg2000, {.frame_memory = 20 * frame}), 2U);
    EXPECT_EQ(frames_at_once(many, uid::jpeg_ls, uid::jpeg2000, {.frame_memory = 1}), 1U);
    EXPECT_EQ(frames_at_once(many, uid::jpeg_ls, uid::rle, {.frame_memory = 1 << 30}), 16U);
}

TEST_F(Run, ADestinationThatCannotBeIsSaid) {
    write("in/a", "x");
    write("file", "x");
    const auto route = Route{true, at("in"), at("file/out"), {}};
    Recompression recompression(to_jpeg_ls(), transcoder_, [](const FileReport&) {});
    EXPECT_FALSE(recompression.run(route, {}));
}

TEST(Totals, DoNotGrowWithUnknownSyntaxes) {
    Totals totals;
    for (int n = 0; n < 100; ++n) {
        FileReport report;
        report.status = FileStatus::kept;
        report.reason = "unsupported_source";
        report.from = report.to = "1.2.3." + std::to_string(n);
        totals.add(report);
    }
    EXPECT_EQ(totals.rows.size(), 1U);
    EXPECT_EQ(totals.all.files, 100U);
}

TEST(Report, LineIsJsonWhateverTheName) {
    FileReport report;
    report.path = "a\xFF\n\"b";
    report.fail("why");
    EXPECT_EQ(
        json_line(report),
        "{\"path\":\"a\xEF\xBF\xBD\\n\\\"b\",\"status\":\"failed\",\"reason\":\"\",\"from\":\"\","
        "\"to\":\"\",\"frames\":0,\"bytes_in\":0,\"bytes_out\":0,\"verified\":false,\"error\":"
        "\"why\",\"path_bytes\":\"a%FF%0A%22b\"}\n");
    report.path = "\u00E4";
    EXPECT_THAT(json_line(report), ::testing::Not(HasSubstr("path_bytes")));
}

} // namespace
} // namespace dcmflow::recompress
