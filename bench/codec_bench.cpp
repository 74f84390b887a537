// Speed of the codecs, one thread: raw pixel bytes per second, and the ratio, per image.
//
//   cmake --preset release -DDCMFLOW_BUILD_BENCH=ON && ninja -C build codec_bench
//   DCMFLOW_CORPUS=../shared/corpus build/bench/codec_bench --benchmark_filter=jpegls
//
// Names are CODEC_encode/ours/IMAGE and CODEC_decode/ours/IMAGE. Images are the NEMA WG-04 set and
// a few more of the corpus where there is one, and the synthetic frames always. Compare figures of
// one run only: the machine is shared, the clock moves.
#include "codecs/native.h"
#include "codecs/registry.h"
#include "codecs/synthetic.h"
#include "codecs/transfer_syntax.h"
#include "tests/codecs/part10_pixels.h"

#include <benchmark/benchmark.h>

#include <memory>

namespace {

using namespace dcmflow::codecs;

struct Image {
    std::string name;
    PixelFormat format;
    FrameBuffer pixels;
};
using ImagePointer = std::shared_ptr<const Image>;

std::vector<ImagePointer> synthetic_images() {
    std::vector<ImagePointer> images;
    for (const auto kind :
         {SyntheticKind::ct, SyntheticKind::mr, SyntheticKind::us, SyntheticKind::cr}) {
        auto image = std::make_shared<Image>();
        image->name = "synthetic-" + std::string{to_string(kind)};
        image->pixels = synthetic_frame(kind, image->format, 1, 0);
        images.push_back(std::move(image));
    }
    return images;
}

// One file per realistic content; a name is the end of the file's path in the corpus.
std::vector<ImagePointer> corpus_images() {
    std::vector<ImagePointer> images;
    const auto folder = test::corpus_folder();
    if (folder.empty())
        return images;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        const std::string name = entry.path().filename();
        if (!entry.is_regular_file() || !(name.ends_with("_UNC") || name == "US1_UNCI.dcm"))
            continue;
        const auto object = test::Part10Reader{entry.path()}.read();
        if (!object || object->syntax != uid::explicit_le || !object->format.problem().empty() ||
            object->native.size() < object->format.frame_bytes())
            continue;
        auto image = std::make_shared<Image>();
        image->name = name.starts_with("US1_UNCI") ? "US1I" : name.substr(0, name.find('_'));
        image->format = object->format;
        image->pixels = object->native;
        image->pixels.resize(object->format.frame_bytes());
        images.push_back(std::move(image));
    }
    std::sort(images.begin(), images.end(),
              [](const auto& a, const auto& b) { return a->name < b->name; });
    return images;
}

void report(benchmark::State& state, const Image& image, std::size_t encoded) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(image.pixels.size()));
    state.counters["ratio"] =
        static_cast<double>(image.pixels.size()) / static_cast<double>(encoded);
}

void encode(benchmark::State& state, const Codec& codec, const Image& image) {
    FrameBuffer out;
    AttributeChanges changes;
    for (auto _ : state) {
        if (codec.encode({image.format, image.pixels}, {}, out, changes) != CodecStatus::ok) {
            state.SkipWithError("not encodable");
            return;
        }
        benchmark::DoNotOptimize(out.data());
    }
    report(state, image, out.size());
}

void decode(benchmark::State& state, const Codec& codec, const Image& image) {
    FrameBuffer stream, out;
    AttributeChanges changes;
    const CodecStatus made = codec.encode({image.format, image.pixels}, {}, stream, changes);
    for (auto _ : state) {
        if (made != CodecStatus::ok || codec.decode(stream, image.format, out) != CodecStatus::ok) {
            state.SkipWithError("not decodable");
            return;
        }
        benchmark::DoNotOptimize(out.data());
    }
    report(state, image, stream.size());
}

void test_bits(benchmark::State& state, const Image& image) {
    for (auto _ : state)
        benchmark::DoNotOptimize(unused_bits_clean({image.format, image.pixels}));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(image.pixels.size()));
}

void add_all(const Registry& registry, const std::vector<ImagePointer>& images) {
    const std::pair<std::string, const Codec*> codecs[] = {{"jpegls", registry.find(uid::jpeg_ls)},
                                                           {"j2k", registry.find(uid::jpeg2000)}};
    for (const auto& [label, codec] : codecs) {
        for (const ImagePointer& image : images) {
            benchmark::RegisterBenchmark(
                (label + "_encode/ours/" + image->name).c_str(),
                [codec = codec, image](benchmark::State& state) { encode(state, *codec, *image); });
            benchmark::RegisterBenchmark(
                (label + "_decode/ours/" + image->name).c_str(),
                [codec = codec, image](benchmark::State& state) { decode(state, *codec, *image); });
        }
    }
    for (const ImagePointer& image : images)
        if (image->format.bits_stored < image->format.bits_allocated)
            benchmark::RegisterBenchmark(
                ("unused_bits/ours/" + image->name).c_str(),
                [image](benchmark::State& state) { test_bits(state, *image); });
}

} // namespace

int main(int argc, char** argv) {
    const Registry registry;
    auto images = corpus_images();
    for (auto& image : synthetic_images())
        images.push_back(std::move(image));
    add_all(registry, images);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
