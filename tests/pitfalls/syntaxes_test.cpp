// Pitfalls of whole transfer syntaxes: codecs.md §4 rows 29, 37 and 44 to 46.
#include "tests/pitfalls/images.h"
#include "tests/pitfalls/jpeg_peer.h"

#include "pipeline/dicom/deflate.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/spool/sqlite_journal.h"
#include "pipeline/syntax_ladder.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

namespace dcmflow::pitfalls {
namespace {

// Each with a stream of its own kind, so that nothing but the rule stops it.
std::vector<std::pair<std::string_view, Bytes>> lossy_objects(const Image& made) {
    const auto object_of = [&made](const Bytes& stream) {
        return encapsulated(made.tree, {{}, stream});
    };
    const Bytes jpeg = write_jpeg(made.frame(0), made.format(), {});
    return {{uid::jpeg_baseline, object_of(jpeg)},
            {uid::jpeg_extended, object_of(jpeg)},
            {uid::jpeg_ls_near, object_of(streams_of(made, uid::jpeg_ls)[0])},
            {uid::jpeg2000_lossy, object_of(streams_of(made, uid::jpeg2000)[0])},
            {uid::htj2k_lossy, object_of(streams_of(made, uid::htj2k)[0])}};
}

// Never re-encoded, not even when the stream happens to have lost nothing, and decoded only for a
// peer that takes nothing else (design §5).
TEST(Pitfall, Row29_LossySourcesPassThrough) {
    for (const auto& [from, bytes] : lossy_objects(image(shape_of(21, 24, 8, 8)))) {
        for (const auto to : coded_syntaxes) {
            EXPECT_EQ(reason_for(bytes, from, to), "lossy_source") << from;
            EXPECT_EQ(to_string(decode_lossy(bytes, from, to).outcome.reason), "lossy_source")
                << from;
        }
        for (const auto to : {uid::explicit_le, uid::implicit_le}) {
            EXPECT_EQ(reason_for(bytes, from, to), "lossy_source") << from;
            EXPECT_EQ(to_string(decode_lossy(bytes, from, to).outcome.reason), "ok") << from;
        }
    }
}

TEST(Pitfall, Row37_DeflatedDataSets) {
    const Image made = image(shape_of(21, 23, 16, 12, false, 2));
    Image report = made;
    drop(report.tree, pixel_data);
    set(report.tree, text(0x0040A160, "UT", std::string(5000, 'x')));
    EXPECT_EQ(reason_for(made, uid::deflated),
              "unsupported_target"); // images: few archives take them
    const Made small = convert(report.bytes(), uid::explicit_le, uid::deflated);
    ASSERT_EQ(to_string(small.outcome.reason), "ok");
    EXPECT_EQ(small.bytes.size() % 2, 0U);
    const auto inflated = inflate_dataset(as_span(small.bytes), max_inflated_bytes);
    ASSERT_TRUE(inflated);
    EXPECT_TRUE(to_bytes(*inflated) == report.bytes());

    // Out of it: an image that somebody deflated, with the pad byte that an odd stream gets.
    VectorSink sink;
    ASSERT_TRUE(deflate_data_set(as_span(made.bytes()), sink));
    for (const std::size_t pad : {0U, 1U}) {
        Bytes stored = to_bytes(sink.bytes());
        stored.resize(stored.size() + pad);
        const auto opened = OpenedDataSet::open(as_span(stored), uid::deflated);
        ASSERT_TRUE(opened);
        for (const auto to : coded_syntaxes) {
            VectorSink coded;
            const auto outcome = Transcoder(product()).transcode(opened->data_set(), uid::deflated,
                                                                 to, any_size(), coded);
            EXPECT_EQ(problem_of({outcome, to_bytes(coded.bytes())}, made, to), "");
        }
    }
}

// Videos, JPIP references, JPEG XL, encapsulated uncompressed: nobody here reads them, they are
// carried.
TEST(Pitfall, Row44_VideoAndOthersAreCarried) {
    const Bytes bytes = encapsulated(object(gray()), {{}, Bytes(64, 1)});
    for (const std::string_view from :
         {"1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.107",
          "1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.110",
          "1.2.840.10008.1.2.4.112", "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.4.92",
          "1.2.840.113619.5.2", "1.2.3.4"}) {
        const auto* known = codecs::find_by_uid(from);
        EXPECT_TRUE(known == nullptr || (!known->can_read && !known->can_write)) << from;
        for (const auto to : {uid::explicit_le, uid::jpeg_ls, uid::jpeg2000, uid::rle}) {
            const bool lossy = known != nullptr && !known->lossless;
            EXPECT_EQ(reason_for(bytes, from, to), lossy ? "lossy_source" : "unsupported_source")
                << from;
            EXPECT_NE(to_string(decode_lossy(bytes, from, to).outcome.reason), "ok") << from;
        }
    }
}

class Folder {
  public:
    Folder()
        : path_(std::filesystem::temp_directory_path() /
                ("dcmflow-pitfalls-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// What a destination refuses is left out, down to its native syntaxes; what it was never asked is
// tried first. Each step is offered on association.
TEST(Pitfall, Row45_NegotiationFallsBack) {
    const Folder folder;
    auto journal = SqliteJournal::open({.file = folder.path() / "journal.db"});
    ASSERT_TRUE(journal);
    AcceptanceBook book(**journal);
    const Image made = image(shape_of(48, 64, 16, 12));
    Instance instance;
    instance.sop_class_uid = "1.2.840.10008.5.1.4.1.1.7";
    instance.transfer_syntax_uid = std::string(uid::explicit_le);
    const std::vector<std::string> wanted{"jpeg-ls", "htj2k", "implicit-le"};
    const Transcoder transcoder(product());
    const Bytes bytes = made.bytes();
    const DataSet data_set = scan(bytes, uid::explicit_le);
    const auto steps = [&] {
        SizeTrial trial(transcoder, data_set, uid::explicit_le);
        return make_ladder(wanted, "archive", instance, &trial, &book).steps;
    };
    const auto teach = [&](std::string_view syntax) {
        book.learn("archive", {{instance.sop_class_uid, std::string(syntax), false}});
    };
    using Steps = std::vector<std::string>;
    const std::string ls(uid::jpeg_ls), ht(uid::htj2k), implicit(uid::implicit_le),
        source(uid::explicit_le);
    EXPECT_EQ(steps(), (Steps{ls, ht, implicit, source}));
    teach(ls);
    EXPECT_EQ(steps(), (Steps{ht, implicit, source}));
    teach(ht);
    EXPECT_EQ(steps(), (Steps{implicit, source}));
    EXPECT_EQ(proposed_syntaxes(wanted),
              (std::vector<std::string_view>{uid::jpeg_ls, uid::htj2k, uid::implicit_le}));

    // A lossy image goes as it is, until the destination has refused that; then it goes native.
    const auto sample = lossy_objects(image(shape_of(48, 64, 8, 8)))[0];
    const std::string_view lossy = sample.first; // clang 14: no capture of a structured binding
    const auto& stored = sample.second;
    instance.transfer_syntax_uid = std::string(lossy);
    const DataSet jpeg = scan(stored, lossy);
    const auto lossy_steps = [&] {
        SizeTrial trial(transcoder, jpeg, lossy);
        return make_ladder(wanted, "archive", instance, &trial, &book).steps;
    };
    EXPECT_EQ(lossy_steps(), (Steps{instance.transfer_syntax_uid}));
    teach(lossy);
    EXPECT_EQ(lossy_steps().front(), implicit);
}

TEST(Pitfall, Row46_ResultLargerThanTheSource) {
    Random rng(46);
    const Shape shape = shape_of(48, 64, 8, 8);
    const Image noisy = with_pixels(shape, noise(rng, 48 * 64));
    for (const auto to : coded_syntaxes) {
        const Made made = convert(noisy.bytes(), uid::explicit_le, to, TranscodeOptions{});
        EXPECT_EQ(to_string(made.outcome.reason), "incompressible");
        EXPECT_EQ(made.outcome.bytes_out, 0U);
        // The measure is the caller's: here 0.98 of the source.
        const Image plain = image(shape_of(48, 64, 16, 12));
        TranscodeOptions options;
        options.worthwhile = 0.98;
        const Made smaller = convert(plain.bytes(), uid::explicit_le, to, options);
        ASSERT_EQ(to_string(smaller.outcome.reason), "ok");
        options.worthwhile =
            static_cast<double>(smaller.bytes.size()) / static_cast<double>(plain.bytes().size());
        EXPECT_EQ(to_string(convert(plain.bytes(), uid::explicit_le, to, options).outcome.reason),
                  "incompressible");
    }
}

} // namespace
} // namespace dcmflow::pitfalls
