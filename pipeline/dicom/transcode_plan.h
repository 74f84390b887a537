// TranscodePlan: what one transcode will do, or the reason why it will not, from the header alone.
//
// A value made by plan_transcode(), any thread; refers to the data set and to the registry's
// codecs. It reads no pixel, but walks nested elements where the target forbids some of them.
#pragma once

#include "pipeline/dicom/rewrite.h"
#include "pipeline/dicom/transcode.h"
#include "pipeline/dicom/transcode_frames.h"

#include <optional>
#include <string_view>

namespace dcmflow {

struct TranscodePlan {
    TranscodeReason reason = TranscodeReason::internal;
    Encoding encoding;        // of the target
    bool from_native = false; // nothing was compressed yet
    bool from_lossy = false;  // by its syntax
    bool to_native = false;
    bool to_deflated = false;      // of those: the written data set is to be deflated
    std::optional<FrameTask> task; // if Pixel Data must be recoded
    std::uint32_t frames = 0;      // 0: no image
};

struct PlanRequest {
    const codecs::Registry& own;     // encodes
    const codecs::Registry& foreign; // decodes the source
    std::string_view source_syntax;
    std::string_view target_syntax;
    bool decode_lossy = false;
};
[[nodiscard]] TranscodePlan plan_transcode(const DataSet& source, const PlanRequest& request);

// What a fault of rewriting the elements around Pixel Data means for the transcode; ok for none.
[[nodiscard]] TranscodeReason reason_of(RewriteFault fault);

} // namespace dcmflow
