// Decoding in a codec worker beside decoding in this process: what safety costs.
//
//   cmake --preset release -DDCMFLOW_BUILD_BENCH=ON && ninja -C build worker_bench
//   build/bench/worker_bench
//
// The frame is a synthetic CT of 512 KiB. way/refused is a request that no codec takes: the way
// there and back alone. Compare figures of one run only: the machine is shared, the clock moves.
#include "codecs/registry.h"
#include "codecs/synthetic.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/worker/codec_workers.h"
#include "pipeline/worker/worker_codec.h"

#include <benchmark/benchmark.h>

namespace {

using namespace dcmflow;
using namespace dcmflow::codecs;

void decode(benchmark::State& state, const Codec& codec, const FrameBuffer& stream,
            const PixelFormat& format) {
    FrameBuffer out;
    for (auto _ : state) {
        if (codec.decode(stream, format, out) != CodecStatus::ok) {
            state.SkipWithError("not decodable");
            return;
        }
        benchmark::DoNotOptimize(out.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(format.frame_bytes()));
}

// The stream is copied, nothing decoded: an unknown syntax.
void refuse(benchmark::State& state, CodecWorkers& workers, const FrameBuffer& stream,
            const PixelFormat& format) {
    FrameBuffer out;
    for (auto _ : state)
        benchmark::DoNotOptimize(
            workers.decode("1.2.3", stream, format, format.frame_bytes(), out));
}

void start(benchmark::State& state, const CodecWorkersOptions& options) {
    for (auto _ : state) {
        CodecWorkers workers(options);
        if (!workers.try_one())
            state.SkipWithError("does not start");
    }
}

} // namespace

int main(int argc, char** argv) {
    const Registry own;
    CodecWorkersOptions options;
    options.executable = DCMFLOW_BINARY;
    CodecWorkers workers(options);
    const Registry foreign = worker_codecs(own, workers);
    PixelFormat format;
    const FrameBuffer frame = synthetic_frame(SyntheticKind::ct, format, 1, 0);
    for (const auto syntax : {uid::jpeg_ls, uid::jpeg2000, uid::htj2k}) {
        auto stream = std::make_shared<FrameBuffer>();
        AttributeChanges changes;
        if (own.find(syntax)->encode({format, frame}, {}, *stream, changes) != CodecStatus::ok)
            return 1;
        const std::string name(display_name(syntax));
        for (const auto& [where, registry] :
             {std::pair{"here", &own}, std::pair{"worker", &foreign}})
            benchmark::RegisterBenchmark(
                (name + "/" + where).c_str(),
                [codec = registry->find(syntax), stream, format](benchmark::State& state) {
                    decode(state, *codec, *stream, format);
                })
                ->UseRealTime();
    }
    benchmark::RegisterBenchmark("way/refused", [&](benchmark::State& state) {
        refuse(state, workers, FrameBuffer(frame.size() / 3), format);
    })->UseRealTime();
    benchmark::RegisterBenchmark("start", [&](benchmark::State& state) {
        start(state, options);
    })->UseRealTime();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
