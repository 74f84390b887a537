#include "codecs/htj2k.h"

#include "codecs/jpeg2000_cells.h"
#include "codecs/jpeg2000_decode.h"
#include "codecs/native.h"

#include <openjph/ojph_arch.h>
#include <openjph/ojph_codestream.h>
#include <openjph/ojph_file.h>
#include <openjph/ojph_mem.h>
#include <openjph/ojph_params.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace dcmflow::codecs {

namespace {

// A bounded file: what does not fit is dropped and noted. OpenJPH prints and throws when a write
// fails, so none does.
class Sink final : public ojph::outfile_base {
  public:
    explicit Sink(std::span<std::byte> memory) : memory_(memory) {}

    std::size_t write(const void* data, std::size_t count) override {
        if (count > memory_.size() - size_) {
            full_ = true;
            return count;
        }
        if (!full_)
            std::memcpy(memory_.data() + size_, data, count);
        size_ += full_ ? 0 : count;
        return count;
    }
    ojph::si64 tell() override { return static_cast<ojph::si64>(size_); }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool full() const { return full_; }

  private:
    std::span<std::byte> memory_;
    std::size_t size_ = 0;
    bool full_ = false;
};

// TLM, T.800 A.7.1: one tile-part, 16-bit tile index, 32-bit length, which is filled in later.
constexpr std::array<unsigned char, 12> tlm{0xFF, 0x55, 0, 10, 0, 0x60, 0, 0, 0, 0, 0, 0};
constexpr std::size_t tlm_length_at = 8;
constexpr std::size_t psot_at = 6; // in SOT, T.800 A.4.2

// How often the image is halved: OpenJPH's decoder needs every side to last, PS3.5 10.18 a lowest
// resolution of at most 64 in one direction.
unsigned decompositions(const PixelFormat& format) {
    const std::uint32_t side = std::min(format.rows, format.columns);
    unsigned levels = 0;
    while (side >> (levels + 1) != 0 && (levels < 5 || (side - 1) >> levels >= 64))
        ++levels;
    return levels;
}

void describe(ojph::codestream& codestream, const PixelFormat& format, bool transform) {
    ojph::param_siz siz = codestream.access_siz();
    siz.set_image_extent(ojph::point(format.columns, format.rows));
    siz.set_tile_size(ojph::size(format.columns, format.rows));
    siz.set_num_components(format.samples);
    for (ojph::ui32 component = 0; component < format.samples; ++component)
        siz.set_component(component, ojph::point(1, 1), jpeg2000_precision(format),
                          format.is_signed);
    ojph::param_cod cod = codestream.access_cod();
    cod.set_num_decomposition(decompositions(format));
    cod.set_block_dims(64, 64);
    cod.set_progression_order("RPCL");
    cod.set_color_transform(transform);
    cod.set_reversible(true);
    codestream.set_planar(false); // the default contradicts the colour transform
}

void push_lines(ojph::codestream& codestream, const FrameView& frame) {
    const std::size_t columns = frame.format.columns;
    ojph::ui32 component = 0;
    ojph::line_buf* line = codestream.exchange(nullptr, component);
    for (std::size_t row = 0; row < frame.format.rows; ++row)
        for (std::uint16_t sample = 0; sample < frame.format.samples; ++sample) {
            cells_to_samples(frame, static_cast<std::uint16_t>(component), row * columns,
                             {line->i32, columns});
            line = codestream.exchange(line, component);
        }
}

// What OpenJPH throws on its way out is for the caller. Its first use in a process sets function
// pointers without synchronisation: see encode_once().
CodecStatus run_encoder(const FrameView& frame, bool transform, bool with_tlm, FrameBuffer& out) {
    out.resize(encoded_limit(frame.format));
    Sink sink{std::span{out}.first(out.size() - 1)}; // one for the pad byte
    ojph::codestream codestream;
    describe(codestream, frame.format, transform);
    codestream.write_headers(&sink);
    const std::size_t first_sot = sink.size() + (with_tlm ? tlm.size() : 0);
    if (with_tlm)
        sink.write(tlm.data(), tlm.size());
    push_lines(codestream, frame);
    codestream.flush(); // writes the one tile
    codestream.close();
    if (sink.full())
        return CodecStatus::incompressible;
    if (sink.size() < first_sot + 12 || out[first_sot] != std::byte{0xFF} ||
        out[first_sot + 1] != std::byte{0x90})
        return CodecStatus::failed;
    if (with_tlm)
        std::memcpy(&out[first_sot - tlm.size() + tlm_length_at], &out[first_sot + psot_at], 4);
    const std::size_t size = sink.size();
    out.resize(size + size % 2);
    if (size % 2 != 0)
        out.back() = std::byte{0}; // after EOC (PS3.5 A.4.4)
    return CodecStatus::ok;
}

// One colour image, alone, sets all that OpenJPH sets up on first use; others wait for it.
void encode_once() {
    [[maybe_unused]] static const CodecStatus done = [] {
        PixelFormat format{.rows = 8, .columns = 8, .samples = 3, .photometric = Photometric::rgb};
        const FrameBuffer pixels(format.frame_bytes());
        FrameBuffer out;
        return run_encoder({format, pixels}, true, true, out);
    }();
}

} // namespace

std::string_view Htj2kCodec::name() const {
    return kind_ == Kind::plain ? "htj2k" : "htj2k-rpcl";
}

bool Htj2kCodec::can_encode(const PixelFormat& format) const {
    return jpeg2000_writable(format) && (format.samples == 1 || jpeg2000_transforms(format, {}));
}

CodecStatus Htj2kCodec::encode(const FrameView& frame, const EncodeOptions& options,
                               FrameBuffer& out, AttributeChanges& changes) const {
    const PixelFormat& format = frame.format;
    const bool transform = jpeg2000_transforms(format, options);
    if (!can_encode(format) || frame.bytes.size() != format.frame_bytes() ||
        (format.samples > 1 && !transform))
        return CodecStatus::unsupported;
    if (!unused_bits_clean(frame))
        return CodecStatus::dirty_bits;
    changes = {.photometric = transform ? Photometric::ybr_rct : format.photometric,
               .planar = false};
    try {
        encode_once();
        return run_encoder(frame, transform, kind_ == Kind::rpcl, out);
    } catch (...) { // OpenJPH throws std::runtime_error and string literals
        return CodecStatus::failed;
    }
}

PixelFormat Htj2kCodec::decoded_format(const PixelFormat& coded) const {
    return jpeg2000_decoded_format(coded);
}

CodecStatus Htj2kCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                               FrameBuffer& out) const {
    return decode_jpeg2000(stream, format, {.high_throughput = true, .lossy = false}, out);
}

} // namespace dcmflow::codecs
