// Pitfalls of colour: codecs.md §4 rows 2 to 7 and 30.
#include "tests/pitfalls/codestream.h"
#include "tests/pitfalls/jpeg_peer.h"

#include <gtest/gtest.h>

namespace dcmflow::pitfalls {
namespace {

TEST(Pitfall, Row02_RgbThroughTheReversibleTransform) {
    const Image rgb = image(colour_shape(Photometric::rgb, 8, false, 2));
    for (const auto to : {uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl}) {
        const Bytes bytes = expect_exact(rgb, to);
        EXPECT_EQ(photometric_in(bytes, to), "YBR_RCT");
        for (const Bytes& stream : streams_in(bytes, to)) {
            const auto header = read_main_header(stream);
            EXPECT_TRUE(header.component_transform);
            EXPECT_EQ(header.wavelet, 1U); // 5/3: the transform is the reversible one
        }
    }
    // Viewers clamp 16-bit colour behind the transform to 8 bits (jpeg2000.h): none, and still RGB.
    const Image deep = image(colour_shape(Photometric::rgb, 16));
    const Bytes bytes = expect_exact(deep, uid::jpeg2000);
    EXPECT_EQ(photometric_in(bytes, uid::jpeg2000), "RGB");
    EXPECT_FALSE(read_main_header(streams_in(bytes, uid::jpeg2000)[0]).component_transform);
    for (const auto to : {uid::jpeg_ls, uid::rle})
        EXPECT_EQ(photometric_in(expect_exact(rgb, to), to), "RGB");
}

TEST(Pitfall, Row03_YbrRctDecodesToRgb) {
    const Image rgb = image(colour_shape());
    for (const auto from : {uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl}) {
        const Bytes coded = convert(rgb.bytes(), uid::explicit_le, from).bytes;
        EXPECT_TRUE(convert(coded, from, uid::explicit_le).bytes == rgb.bytes());
        for (const auto to : {uid::jpeg_ls, uid::rle}) {
            const Made made = convert(coded, from, to);
            EXPECT_EQ(problem_of(made, rgb, to), "");
            EXPECT_EQ(photometric_in(made.bytes, to), "RGB");
        }
        // A transform that the header denies: RGB is what many encoders leave there, YBR_FULL is
        // not.
        const auto stream = streams_in(coded, from)[0];
        Image denied = rgb;
        EXPECT_TRUE(
            convert(encapsulated(denied.tree, {{}, stream}), from, uid::explicit_le).bytes ==
            rgb.bytes());
        set(denied.tree, text(0x00280004, "CS", "YBR_FULL"));
        EXPECT_EQ(reason_for(encapsulated(denied.tree, {{}, stream}), from, uid::explicit_le),
                  "stream_mismatch");
    }
}

TEST(Pitfall, Row04_YbrFullIsNotTransformed) {
    const Image ybr = image(colour_shape(Photometric::ybr_full, 8, false, 2));
    for (const auto to : {uid::jpeg2000, uid::jpeg_ls, uid::rle})
        EXPECT_EQ(photometric_in(expect_exact(ybr, to), to), "YBR_FULL");
    EXPECT_FALSE(read_main_header(streams_of(ybr, uid::jpeg2000)[0]).component_transform);
    for (const auto to : {uid::htj2k, uid::htj2k_rpcl}) // htj2k.h: colour as YBR_RCT only
        expect_passed_on(ybr, "unsupported_target", to);
}

// Half the chrominance, 2 bytes a pixel, or 444 under that name: no lossless codec has the first,
// and the second contradicts its header. Native syntaxes keep either.
TEST(Pitfall, Row05_YbrFull422) {
    for (const std::size_t bytes_a_pixel : {2U, 3U}) {
        Image made = image(colour_shape());
        set(made.tree, text(0x00280004, "CS", "YBR_FULL_422"));
        Random rng(static_cast<std::uint32_t>(bytes_a_pixel));
        set(made.tree, raw(pixel_data, "OB", noise(rng, std::size_t{21} * 34 * bytes_a_pixel)));
        for (const auto to : coded_syntaxes)
            expect_passed_on(made, "unsupported_target", to);
        EXPECT_EQ(reason_for(made, uid::deflated),
                  "unsupported_target");    // images never are (design §5)
        set(made.tree, us(0x00280011, 33)); // no pairs of 33
        for (const auto to : coded_syntaxes)
            expect_passed_on(made, "unsupported_target", to);
    }
}

// The same name on streams whose components all have every pixel: native bytes would not be 422.
TEST(Pitfall, Row05_YbrFull422OnLosslessStreams) {
    const Image rgb = image(colour_shape());
    for (const auto from : {uid::jpeg_ls, uid::rle, uid::jpeg_lossless}) {
        const Bytes stream = from == uid::jpeg_lossless
                                 ? write_lossless_jpeg(rgb.pixels(), rgb.format(), 1)
                                 : streams_of(rgb, from)[0];
        Image said = rgb;
        set(said.tree, text(0x00280004, "CS", "YBR_FULL_422"));
        for (const auto to : {uid::explicit_le, uid::jpeg2000})
            EXPECT_EQ(reason_for(encapsulated(said.tree, {{}, stream}), from, to),
                      "unsupported_source");
    }
}

TEST(Pitfall, Row06_PaletteIndicesAreMonochrome) {
    for (const unsigned bits : {8U, 12U, 16U}) {
        Shape shape = shape_of(19, 23, bits > 8 ? 16 : 8, bits);
        shape.format.photometric = Photometric::palette_color;
        const Image made = image(shape);
        ASSERT_NE(find(made.tree, 0x00281201), nullptr);
        for (const auto to : coded_syntaxes) {
            const Bytes bytes = expect_exact(made, to); // lookup tables included
            EXPECT_EQ(photometric_in(bytes, to), "PALETTE COLOR");
            EXPECT_EQ(scan(bytes, to).us(0x0028, 0x0103), 0);
            if (is_wavelet(to)) {
                EXPECT_FALSE(read_main_header(streams_in(bytes, to)[0]).component_transform);
            }
        }
    }
}

TEST(Pitfall, Row07_PlanarConfiguration) {
    for (const bool planar : {false, true}) {
        const Image rgb = image(colour_shape(Photometric::rgb, 8, planar, 3));
        for (const auto to : coded_syntaxes) {
            const Bytes bytes = expect_exact(rgb, to); // and back to colour by pixel
            EXPECT_EQ(scan(bytes, to).us(0x0028, 0x0006), 0);
        }
        // Between native syntaxes nobody needs to touch it.
        EXPECT_EQ(convert(rgb.bytes(), uid::explicit_le, uid::implicit_le).bytes,
                  rgb.bytes(uid::implicit_le));
    }
    // RLE is by plane whatever the header says, and so are the others by what their streams say.
    const Image rgb = image(colour_shape());
    for (const auto from : coded_syntaxes) {
        Image said = rgb;
        set(said.tree, us(0x00280006, 1));
        if (is_wavelet(from))
            set(said.tree, text(0x00280004, "CS", "YBR_RCT"));
        const Bytes coded = encapsulated(said.tree, {{}, streams_of(rgb, from)[0]});
        EXPECT_TRUE(convert(coded, from, uid::explicit_le).bytes == rgb.bytes()) << from;
    }
}

// ---- JPEG: three components, and what they are

Bytes to_rgb(const Bytes& ycc) { // PS3.3 C.7.6.3.1.2
    Bytes out;
    const auto byte = [](double v) {
        return static_cast<std::uint8_t>(std::clamp(v + 0.5, 0.0, 255.0));
    };
    for (std::size_t i = 0; i < ycc.size(); i += 3) {
        const double y = ycc[i], b = ycc[i + 1] - 128.0, r = ycc[i + 2] - 128.0;
        out.push_back(byte(y + 1.402 * r));
        out.push_back(byte(y - 0.344136 * b - 0.714136 * r));
        out.push_back(byte(y + 1.772 * b));
    }
    return out;
}
int worst(const Bytes& a, const Bytes& b) {
    int most = a.size() == b.size() ? 0 : 999;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        most = std::max(most, std::abs(int{a[i]} - int{b[i]}));
    return most;
}
// Smooth, so that what JPEG loses is little next to what a wrong colour space changes.
Image smooth_colour() {
    const Shape shape = colour_shape();
    Bytes pixels;
    for (std::size_t i = 0; i < std::size_t{21} * 34; ++i)
        for (const std::size_t value : {90 + i % 34, 100 + i / 34, 200 - i % 34})
            pixels.push_back(static_cast<std::uint8_t>(value));
    return with_pixels(shape, pixels);
}

TEST(Pitfall, Row30_JpegColourByTheStreamNotTheTag) {
    struct Case {
        const char* tag;
        JpegMarks marks;
        const char* expected; // ycbcr, rgb, or the reason
    };
    const std::vector<Case> table{
        {"RGB", {true, -1, false, 1}, "ycbcr"}, // JFIF knows nothing else
        {"YBR_FULL_422", {true, -1, false, 2}, "ycbcr"},
        {"RGB", {false, 1, false, 1}, "ycbcr"}, // Adobe says so
        {"YBR_FULL", {false, 0, false, 1}, "rgb"},
        {"RGB", {false, 0, false, 1}, "rgb"},
        {"RGB", {false, -1, true, 1}, "rgb"}, // component identifiers
        {"YBR_FULL_422", {false, -1, true, 1}, "rgb"},
        {"YBR_FULL", {false, -1, false, 1}, "ycbcr"},
        {"YBR_FULL_422", {false, -1, false, 2}, "ycbcr"},
        {"RGB", {false, -1, false, 2}, "ycbcr"}, // only chrominance is subsampled
        // "Treat as YCbCr" would be a guess: real streams of that kind are of both sorts
        // (jpeg_stream.h).
        {"RGB", {false, -1, false, 1}, "stream_mismatch"},
        {"RGB", {true, 0, false, 1}, "stream_mismatch"}, // JFIF against Adobe
        {"RGB", {true, -1, true, 1}, "stream_mismatch"},
    };
    const Image samples = smooth_colour();
    for (const auto& [tag, marks, expected] : table) {
        SCOPED_TRACE(std::string(tag) + (marks.jfif ? " JFIF" : "") + " Adobe " +
                     std::to_string(marks.adobe) + (marks.rgb_ids ? " ids" : "") +
                     (marks.horizontal > 1 ? " subsampled" : ""));
        Image said = samples;
        set(said.tree, text(0x00280004, "CS", tag));
        const Bytes coded =
            encapsulated(said.tree, {{}, write_jpeg(samples.pixels(), samples.format(), marks)});
        for (const auto from : {uid::jpeg_baseline, uid::jpeg_extended}) {
            const Made made = decode_lossy(coded, from);
            const std::string reason(to_string(made.outcome.reason));
            if (std::string_view(expected) != "rgb" && std::string_view(expected) != "ycbcr") {
                EXPECT_EQ(reason, expected);
                continue;
            }
            ASSERT_EQ(reason, "ok");
            EXPECT_EQ(photometric_in(made.bytes, uid::explicit_le), "RGB");
            const auto native = scan(made.bytes, uid::explicit_le);
            const Bytes seen = to_bytes(native.value(*native.find(0x7FE0, 0x0010)));
            const bool is_rgb = std::string_view(expected) == "rgb";
            EXPECT_LE(worst(seen, is_rgb ? samples.pixels() : to_rgb(samples.pixels())), 12);
            EXPECT_GT(worst(seen, is_rgb ? to_rgb(samples.pixels()) : samples.pixels()), 40);
        }
    }
}

} // namespace
} // namespace dcmflow::pitfalls
