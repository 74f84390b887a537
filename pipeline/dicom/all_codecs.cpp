#include "pipeline/dicom/all_codecs.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/dcmtk_jpeg.h"

#include <memory>

namespace dcmflow {

codecs::Registry all_codecs() {
    using Predictors = JpegLosslessCodec::Predictors;
    namespace uid = codecs::uid;
    codecs::Registry registry;
    registry.add(uid::jpeg_extended, std::make_unique<JpegExtendedCodec>());
    registry.add(uid::jpeg_lossless_57, std::make_unique<JpegLosslessCodec>(Predictors::all));
    registry.add(uid::jpeg_lossless, std::make_unique<JpegLosslessCodec>(Predictors::first));
    return registry;
}

} // namespace dcmflow
