// What the tests of pitfalls share: images whose every byte is known, the transcoder with all
// codecs of the product, and judges that share no code with it.
#pragma once

#include "pipeline/dicom/all_codecs.h"
#include "tests/dicom/transcode_reasons.h"
#include "tests/pitfalls/rle_peer.h"

#include <array>

namespace dcmflow::pitfalls {

using namespace testing; // dcmflow::testing
using codecs::Photometric;
using codecs::PixelFormat;

inline constexpr std::uint32_t pixel_data = 0x7FE00010;
inline constexpr std::array coded_syntaxes{uid::jpeg_ls, uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl,
                                           uid::rle};
inline bool is_jpeg2000(std::string_view syntax) { // and not HTJ2K
    return syntax == uid::jpeg2000;
}
inline bool is_wavelet(std::string_view syntax) {
    return is_jpeg2000(syntax) || syntax == uid::htj2k || syntax == uid::htj2k_rpcl;
}

// ---- images

struct Image {
    Shape shape;
    Tree tree; // explicit VR little endian
    [[nodiscard]] const PixelFormat& format() const { return shape.format; }
    [[nodiscard]] const Bytes& pixels() const { return find(tree, pixel_data)->value; }
    [[nodiscard]] Bytes bytes(std::string_view syntax = uid::explicit_le) const {
        return write(tree, form_of(syntax, false));
    }
    // Native bytes of one frame, colour by pixel.
    [[nodiscard]] Bytes frame(std::uint32_t n) const {
        const auto size = static_cast<std::size_t>(format().frame_bytes());
        return by_pixel(std::span(pixels()).subspan(n * size, size), format());
    }
    [[nodiscard]] std::vector<Bytes> frames() const {
        std::vector<Bytes> out;
        for (std::uint32_t n = 0; n < shape.frames; ++n)
            out.push_back(frame(n));
        return out;
    }
};

inline Image image(const Shape& shape, std::uint32_t seed = 1) {
    return {shape, object(shape, seed)};
}
inline Image with_pixels(const Shape& shape, Bytes pixels, std::string vr = {}) {
    Image made = image(shape);
    if (vr.empty())
        vr = shape.format.bits_allocated > 8 ? "OW" : "OB";
    set(made.tree, raw(pixel_data, vr, std::move(pixels)));
    return made;
}
inline Shape shape_of(std::uint32_t rows, std::uint32_t columns, unsigned allocated,
                      unsigned stored, bool is_signed = false, std::uint32_t frames = 1) {
    Shape shape;
    shape.format.rows = rows;
    shape.format.columns = columns;
    shape.format.bits_allocated = static_cast<std::uint16_t>(allocated);
    shape.format.bits_stored = static_cast<std::uint16_t>(stored);
    shape.format.high_bit = static_cast<std::uint16_t>(stored - 1);
    shape.format.is_signed = is_signed;
    shape.frames = frames;
    return shape;
}
inline Shape colour_shape(Photometric photometric = Photometric::rgb, unsigned bits = 8,
                          bool planar = false, std::uint32_t frames = 1) {
    Shape shape = shape_of(21, 34, bits > 8 ? 16 : 8, bits, false, frames);
    shape.format.samples = 3;
    shape.format.photometric = photometric;
    shape.format.planar = planar;
    return shape;
}
// The images of codecs' pitfalls are small: what they win is not the question.
inline TranscodeOptions any_size() {
    TranscodeOptions options;
    options.worthwhile = 1e9;
    return options;
}

// ---- the transcoder of the product

inline const codecs::Registry& product() {
    static const codecs::Registry instance = all_codecs();
    return instance;
}
inline Made convert(const Bytes& bytes, std::string_view from, std::string_view to,
                    const TranscodeOptions& options = any_size()) {
    VectorSink sink;
    const auto outcome =
        Transcoder(product()).transcode(scan(bytes, from), from, to, options, sink);
    return {outcome, to_bytes(sink.bytes())};
}
inline Made decode_lossy(const Bytes& bytes, std::string_view from,
                         std::string_view to = uid::explicit_le) {
    TranscodeOptions options = any_size();
    options.decode_lossy = true;
    return convert(bytes, from, to, options);
}
inline std::string reason_for(const Bytes& bytes, std::string_view from, std::string_view to) {
    return std::string(to_string(convert(bytes, from, to).outcome.reason));
}
inline std::string reason_for(const Image& image, std::string_view to) {
    return reason_for(image.bytes(), uid::explicit_le, to);
}

// ---- judges

// OpenJPEG's samples as cells; nothing is masked, so a bit too many shows.
inline Bytes read_jpeg2000(const Bytes& stream, const PixelFormat& format) {
    const auto span = as_span(stream);
    const auto decoded = codecs::test::opj_raw_decode({span.begin(), span.end()});
    if (decoded.components.size() != format.samples)
        throw std::runtime_error("JPEG 2000 stream of another shape");
    Bytes out;
    for (std::size_t i = 0; i < decoded.components[0].size(); ++i)
        for (const auto& component : decoded.components)
            put(out, static_cast<std::uint64_t>(std::int64_t{component.at(i)}),
                format.bytes_per_sample(), false);
    return out;
}
// Native bytes by pixel, every bit of the cells, in the eyes of CharLS, OpenJPEG or the test.
inline Bytes read_by_peer(std::string_view syntax, const Bytes& stream, const PixelFormat& format) {
    if (syntax == uid::rle)
        return read_rle(stream, format);
    return syntax == uid::jpeg_ls ? judge_jpeg_ls(as_span(stream), format)
                                  : read_jpeg2000(stream, format);
}
// One stream per frame; what we write has one fragment for each.
inline std::vector<Bytes> streams_in(const Bytes& bytes, std::string_view syntax) {
    std::vector<Bytes> out;
    for (const auto fragment : fragments_of(scan(bytes, syntax)))
        out.push_back(to_bytes(fragment));
    out.erase(out.begin()); // the table
    return out;
}
inline std::vector<Bytes> streams_of(const Image& image, std::string_view syntax) {
    const Made made = convert(image.bytes(), uid::explicit_le, syntax);
    if (made.outcome.reason != TranscodeReason::ok)
        throw std::runtime_error("not coded: " + std::string(to_string(made.outcome.reason)));
    return streams_in(made.bytes, syntax);
}
inline std::string photometric_in(const Bytes& bytes, std::string_view syntax) {
    return scan(bytes, syntax).text(0x0028, 0x0004);
}
// DCMTK 3.6.7 does not know HTJ2K: to it they are Explicit VR LE with fragments, as another is.
inline std::string_view known_to_dcmtk(std::string_view syntax) {
    return is_wavelet(syntax) ? uid::jpeg2000 : syntax;
}

// What a native object made from a coded one must be: the same, but colour by pixel.
inline Tree by_pixel_tree(const Image& image) {
    Tree tree = image.tree;
    Bytes pixels;
    for (const Bytes& frame : image.frames())
        pixels.insert(pixels.end(), frame.begin(), frame.end());
    pixels.resize(pixels.size() + pixels.size() % 2);
    set(tree, raw(pixel_data, image.format().bits_allocated > 8 ? "OW" : "OB", std::move(pixels)));
    if (image.format().planar)
        set(tree, us(0x00280006, 0));
    return tree;
}

// Empty, or what is wrong with what `made` is: `image` in `to`, by the judges and by the way back.
inline std::string problem_of(const Made& made, const Image& image, std::string_view to,
                              bool judged = true) {
    const auto& outcome = made.outcome;
    if (outcome.reason != TranscodeReason::ok)
        return "passed on: " + std::string(to_string(outcome.reason));
    if (!outcome.verified || !outcome.pixel_digest || outcome.frames != image.shape.frames ||
        outcome.bytes_out != made.bytes.size())
        return "outcome";
    const auto streams = streams_in(made.bytes, to);
    if (streams.size() != image.shape.frames)
        return "fragments";
    for (std::uint32_t n = 0; judged && n < image.shape.frames; ++n) {
        if (streams[n].size() % 2 != 0)
            return "odd fragment";
        if (read_by_peer(to, streams[n], image.format()) != image.frame(n))
            return "a peer sees other pixels in frame " + std::to_string(n);
    }
    const Made back = convert(made.bytes, to, uid::explicit_le);
    if (back.outcome.reason != TranscodeReason::ok)
        return "no way back: " + std::string(to_string(back.outcome.reason));
    if (back.outcome.pixel_digest != outcome.pixel_digest)
        return "digest";
    return back.bytes == write(by_pixel_tree(image), {}) ? "" : "the way back differs";
}
// `image`, from each native syntax, to `to`, is exact. The result from Explicit VR LE.
inline Bytes expect_exact(const Image& image, std::string_view to) {
    SCOPED_TRACE("to " + std::string(codecs::display_name(to)));
    const Made made = convert(image.bytes(), uid::explicit_le, to);
    EXPECT_EQ(problem_of(made, image, to), "");
    if (made.outcome.reason == TranscodeReason::ok) {
        EXPECT_TRUE(as_dcmtk_sees(made.bytes, known_to_dcmtk(to)) ==
                    as_dcmtk_sees(image.bytes(), uid::explicit_le));
        EXPECT_EQ(scan(made.bytes, to).find(0x7FE0, 0x0010)->vr_text(), "OB");
    }
    return made.bytes;
}
// `image` is passed on for this reason, while native syntaxes take it, Pixel Data as it is.
inline void expect_passed_on(const Image& image, std::string_view reason, std::string_view to) {
    EXPECT_EQ(reason_for(image, to), reason) << "to " << codecs::display_name(to);
    const Made made = convert(image.bytes(), uid::explicit_le, uid::implicit_le);
    EXPECT_EQ(to_string(made.outcome.reason), "ok");
    EXPECT_TRUE(made.bytes == image.bytes(uid::implicit_le));
}

} // namespace dcmflow::pitfalls
