// Real files: every native, JPEG-LS and JPEG 2000 object of the corpus to every target. Each
// becomes the same image in another syntax, or stays as it is for a reason that is printed.
#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/encapsulation.h"
#include "pipeline/dicom/part10.h"
#include "tests/dicom/dataset_bytes.h"
#include "tests/dicom/transcode_judge.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <set>

namespace dcmflow::testing {
namespace {

namespace fs = std::filesystem;

struct Opened {
    fs::path path;
    std::string syntax;
    Bytes bytes; // of the data set, inflated
};

std::optional<Opened> open(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    const Bytes file{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const auto meta = read_file_meta(as_span(file));
    if (!meta || meta->dataset_offset > file.size())
        return std::nullopt;
    auto rest = as_span(file).subspan(meta->dataset_offset);
    std::vector<std::byte> inflated;
    if (meta->transfer_syntax_uid == uid::deflated) {
        auto result = inflate_dataset(rest, 1ULL << 30);
        if (!result)
            return std::nullopt;
        inflated = std::move(*result);
        rest = inflated;
    }
    Opened opened{path, meta->transfer_syntax_uid, to_bytes(rest)};
    if (!DataSet::scan(as_span(opened.bytes), Encoding::of(opened.syntax)))
        return std::nullopt;
    return opened;
}

// Every frame by pixel, little endian, as other decoders than ours see it.
std::vector<Bytes> frames_of(const Bytes& bytes, std::string_view syntax) {
    const DataSet data_set = scan(bytes, syntax);
    const auto description = pixel_format_of(data_set).value();
    const auto& format = description.format;
    const ElementRef& pixels = *data_set.find(0x7FE0, 0x0010);
    std::vector<Bytes> frames;
    if (!pixels.undefined_length) {
        Bytes value = to_bytes(data_set.value(pixels));
        if (data_set.encoding().big_endian && pixels.vr_text() == "OW")
            for (std::size_t i = 0; i + 1 < value.size(); i += 2)
                std::swap(value[i], value[i + 1]);
        const auto size = format.frame_bytes();
        for (std::uint32_t i = 0; i < description.frames; ++i)
            frames.push_back(by_pixel(std::span(value).subspan(i * size, size), format));
        return frames;
    }
    const auto reader = FragmentReader::open({.pixel_data = data_set.value(pixels),
                                              .extended_offsets = {},
                                              .extended_lengths = {},
                                              .frames = description.frames})
                            .value();
    std::vector<std::byte> joined;
    for (std::uint32_t i = 0; i < description.frames; ++i)
        frames.push_back(judge(syntax, reader.contiguous(i, joined), format));
    return frames;
}

// Same encoding: all but Pixel Data, colour and their group lengths is the same bytes.
void expect_same_elements(const Bytes& before, std::string_view from, const Bytes& after,
                          std::string_view to) {
    const auto kept = [](const Bytes& bytes, std::string_view syntax) {
        std::vector<Bytes> out;
        const DataSet data_set = scan(bytes, syntax);
        for (const auto& e : data_set.elements())
            if (e.group != 0x7FE0 && e.tag() != 0x00280000 && e.tag() != 0x00280004 &&
                e.tag() != 0x00280006)
                out.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(e.header_offset),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(e.end_offset));
        return out;
    };
    if (Encoding::of(from) == Encoding::of(to)) {
        EXPECT_TRUE(kept(before, from) == kept(after, to));
    }
}

// A private sequence of defined length is bytes without a VR to a reader of Implicit VR: no judge
// sees the same.
class PrivateSequences final : public DataSetVisitor {
  public:
    bool found = false;
    void element(const ElementRef&, Encoding, std::uint32_t) override {}
    void begin_sequence(const ElementRef& sequence, Encoding, std::uint32_t) override {
        found = found || (sequence.group % 2 == 1 && !sequence.undefined_length);
    }
};
bool is_opaque_in_implicit(const DataSet& source) {
    PrivateSequences sequences;
    EXPECT_TRUE(walk(source.bytes(), source.encoding(), sequences));
    return sequences.found;
}

bool is_compressed(std::string_view syntax) {
    return syntax == uid::jpeg_ls || syntax == uid::jpeg2000;
}

struct Counts {
    std::map<std::string, std::map<std::string, int>> by_reason; // reason, target
    int files = 0, opaque = 0, judged_by_dcmtk = 0, judged_pixels = 0, unreadable_by_judges = 0;
};

void check(const Opened& object, std::string_view to, const codecs::Registry& registry,
           Counts& counts) {
    SCOPED_TRACE(object.path.string() + " to " + std::string(to));
    const DataSet source = scan(object.bytes, object.syntax);
    const Transcoder transcoder(registry);
    VectorSink sink;
    const auto outcome = transcoder.transcode(source, object.syntax, to, {}, sink);
    counts
        .by_reason[std::string(to_string(outcome.reason))][std::string(codecs::display_name(to))]++;
    EXPECT_NE(outcome.reason, TranscodeReason::internal);
    EXPECT_NE(outcome.reason, TranscodeReason::verify_failed);
    const auto forecast = transcoder.can_transcode(source, object.syntax, to);
    if (forecast != TranscodeReason::ok) {
        EXPECT_EQ(forecast, outcome.reason);
    }
    if (outcome.reason != TranscodeReason::ok)
        return;
    const Bytes made = to_bytes(sink.bytes());
    EXPECT_EQ(outcome.bytes_out, made.size());
    expect_same_elements(object.bytes, object.syntax, made, to);
    const bool recoded =
        source.find(0x7FE0, 0x0010) && (is_compressed(object.syntax) || is_compressed(to));
    EXPECT_EQ(outcome.verified, recoded && is_compressed(to));
    // DCMTK pads odd Pixel Data, which we carry as it came.
    const ElementRef* pixels = source.find(0x7FE0, 0x0010);
    const bool without_pixels = recoded || (pixels && pixels->value_length % 2 == 1);
    if (!source.encoding().implicit_vr && to == uid::implicit_le && is_opaque_in_implicit(source)) {
        ++counts.opaque;
    } else {
        Bytes seen;
        try {
            seen = as_dcmtk_sees(object.bytes, object.syntax, without_pixels);
        } catch (const std::exception&) {
            ++counts.unreadable_by_judges;
            return;
        }
        EXPECT_TRUE(seen == as_dcmtk_sees(made, to, without_pixels));
        ++counts.judged_by_dcmtk;
    }
    if (!recoded)
        return;
    std::vector<Bytes> frames;
    try {
        frames = frames_of(object.bytes, object.syntax);
    } catch (const std::exception&) { // CharLS 2.4.1 and a zero before EOI (codecs.md §3.1)
        ++counts.unreadable_by_judges;
        return;
    }
    EXPECT_TRUE(frames == frames_of(made, to));
    ++counts.judged_pixels;
}

TEST(TranscodeCorpus, EveryRealObjectIsTheSameOrStaysForAReason) {
    const fs::path folder = test::corpus_folder();
    if (folder.empty() || !fs::exists(folder))
        GTEST_SKIP() << "no corpus: set DCMFLOW_CORPUS";
    const codecs::Registry registry;
    Counts counts;
    std::set<std::string> seen; // the corpus holds some files under several names
    // The few very large ones take most of the time: DCMFLOW_CORPUS_ALL=1 for them too.
    const std::uintmax_t most = std::getenv("DCMFLOW_CORPUS_ALL") ? UINTMAX_MAX : 2'500'000;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file() || entry.file_size() > most)
            continue;
        const auto object = open(entry.path());
        if (!object)
            continue;
        const auto* syntax = codecs::find_by_uid(object->syntax);
        if (!syntax || (syntax->encapsulated && !is_compressed(object->syntax)))
            continue;
        if (!seen.insert(digest_of(as_span(object->bytes)).hex()).second)
            continue;
        ++counts.files;
        for (const auto to : {uid::explicit_le, uid::implicit_le, uid::jpeg_ls, uid::jpeg2000})
            check(*object, to, registry, counts);
    }
    std::cout << counts.files << " distinct objects; results judged by DCMTK "
              << counts.judged_by_dcmtk << ", pixels by other decoders " << counts.judged_pixels
              << ", unreadable by a judge " << counts.unreadable_by_judges
              << ", not comparable (private sequences in implicit) " << counts.opaque << "\n";
    std::printf("%-20s %12s %12s %12s %12s\n", "", "explicit-le", "implicit-le", "jpeg-ls",
                "jpeg2000");
    for (auto& [reason, by_target] : counts.by_reason)
        std::printf("%-20s %12d %12d %12d %12d\n", reason.c_str(), by_target["explicit-le"],
                    by_target["implicit-le"], by_target["jpeg-ls"], by_target["jpeg2000"]);
    for (const char* target : {"explicit-le", "implicit-le", "jpeg-ls", "jpeg2000"})
        EXPECT_GT(counts.by_reason["ok"][target], counts.files / 4) << target;
}

} // namespace
} // namespace dcmflow::testing
