// `auto`: what the trial costs beside the transcode that it chooses, and beside trying every syntax
// in full.
//
//   cmake --preset release -DDCMFLOW_BUILD_BENCH=ON && ninja -C build auto_bench
//   build/bench/auto_bench FILE.dcm…
//
// Files are native Part 10 images (the corpus' WG04/REF for instance). Compare figures of one run
// only.
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/all_codecs.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/dicom/size_trial.h"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

namespace {

using namespace dcmflow;

struct Object {
    std::string name, syntax;
    std::vector<char> file;
    std::optional<OpenedDataSet> opened;
};

std::unique_ptr<Object> read(const std::filesystem::path& path) {
    auto object = std::make_unique<Object>();
    object->name = path.filename().string();
    std::ifstream in(path, std::ios::binary);
    object->file.assign(std::istreambuf_iterator<char>(in), {});
    const auto bytes = std::as_bytes(std::span(object->file));
    const auto meta = read_file_meta(bytes);
    if (!meta)
        return nullptr;
    object->syntax = meta->transfer_syntax_uid;
    auto opened = OpenedDataSet::open(bytes.subspan(static_cast<std::size_t>(meta->dataset_offset)),
                                      object->syntax);
    if (!opened)
        return nullptr;
    object->opened.emplace(std::move(*opened));
    return object;
}

using Objects = std::vector<std::unique_ptr<Object>>;

template <class Work> void run(benchmark::State& state, const Objects& objects, Work work) {
    std::int64_t bytes = 0;
    for (auto _ : state)
        for (const auto& object : objects) {
            work(*object);
            bytes += static_cast<std::int64_t>(object->opened->data_set().bytes().size());
        }
    state.SetBytesProcessed(bytes);
}

void transcode(const Transcoder& transcoder, const Object& object, std::string_view target) {
    VectorSink sink;
    benchmark::DoNotOptimize(
        transcoder.transcode(object.opened->data_set(), object.syntax, target, {}, sink));
}

} // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    const codecs::Registry registry = all_codecs();
    const Transcoder transcoder(registry);
    Objects objects;
    for (int i = 1; i < argc; ++i)
        if (auto object = read(argv[i]))
            objects.push_back(std::move(object));
    if (objects.empty()) {
        std::cerr << "auto_bench FILE.dcm…: no image to measure\n";
        return 2;
    }
    const auto best = [&](const Object& object) {
        return SizeTrial(transcoder, object.opened->data_set(), object.syntax)
            .best(auto_candidates());
    };
    benchmark::RegisterBenchmark("auto/trial", [&](benchmark::State& state) {
        run(state, objects, [&](const Object& object) { benchmark::DoNotOptimize(best(object)); });
    });
    benchmark::RegisterBenchmark("auto/transcode_to_the_choice", [&](benchmark::State& state) {
        run(state, objects,
            [&](const Object& object) { transcode(transcoder, object, best(object)); });
    });
    benchmark::RegisterBenchmark("auto/every_candidate_in_full", [&](benchmark::State& state) {
        run(state, objects, [&](const Object& object) {
            for (const auto candidate : auto_candidates())
                transcode(transcoder, object, candidate);
        });
    });
    benchmark::RunSpecifiedBenchmarks();
}
