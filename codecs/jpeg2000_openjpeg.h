// OpenJPEG's objects as owners, and its messages silenced: for jpeg2000*.cpp of this room only.
//
// Values; one thread each. A stream refers to the caller's sink or source, which must outlive it.
#pragma once

#include <memory>
#include <openjpeg.h>

namespace dcmflow::codecs::openjpeg {

struct DestroyCodec {
    void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct DestroyImage {
    void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};
struct DestroyStream {
    void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
using Coder = std::unique_ptr<opj_codec_t, DestroyCodec>;
using Image = std::unique_ptr<opj_image_t, DestroyImage>;
using Stream = std::unique_ptr<opj_stream_t, DestroyStream>;

inline constexpr OPJ_SIZE_T chunk_bytes = 64U << 10; // the default of 1 MiB is cleared per frame
inline constexpr auto end_of_stream = static_cast<OPJ_SIZE_T>(-1);

// Messages go nowhere: what matters is the status, and hostile streams must not fill a log.
inline void ignore_message(const char* /*text*/, void* /*data*/) {}

inline void silence(opj_codec_t* codec) {
    opj_set_info_handler(codec, ignore_message, nullptr);
    opj_set_warning_handler(codec, ignore_message, nullptr);
    opj_set_error_handler(codec, ignore_message, nullptr);
}

} // namespace dcmflow::codecs::openjpeg
