// SandboxedTranscoder: the Transcoder of the product: its own encoders here, decoders of what came
// from outside in codec workers.
//
// Owned by whoever transcodes (Router, bulk run, explain); outlives the work. Everything in it may
// be used from any thread.
#pragma once

#include "pipeline/dicom/all_codecs.h"
#include "pipeline/dicom/transcode.h"
#include "pipeline/worker/codec_workers.h"
#include "pipeline/worker/worker_codec.h"

#include <utility>

namespace dcmflow {

class SandboxedTranscoder {
  public:
    explicit SandboxedTranscoder(CodecWorkersOptions options)
        : workers_(std::move(options)), foreign_(worker_codecs(own_, workers_)),
          transcoder_(own_, foreign_) {}
    SandboxedTranscoder(const SandboxedTranscoder&) = delete;
    SandboxedTranscoder& operator=(const SandboxedTranscoder&) = delete;

    [[nodiscard]] const Transcoder& transcoder() const { return transcoder_; }
    [[nodiscard]] CodecWorkers& workers() { return workers_; }
    [[nodiscard]] const CodecWorkers& workers() const { return workers_; }

  private:
    const codecs::Registry own_{all_codecs()};
    CodecWorkers workers_;
    const codecs::Registry foreign_;
    const Transcoder transcoder_;
};

} // namespace dcmflow
