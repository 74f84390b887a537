// Small objects with something wrong, and what is expected of them. For the tests of reasons.
#pragma once

#include "tests/dicom/transcode_judge.h"

#include <gtest/gtest.h>

namespace dcmflow::testing {

inline constexpr std::string_view jpeg_baseline = "1.2.840.10008.1.2.4.50";

inline Shape gray(std::uint16_t bits = 8, std::uint32_t frames = 1) {
    Shape shape;
    shape.format.rows = 48;
    shape.format.columns = 64;
    shape.format.bits_allocated = bits > 8 ? 16 : 8;
    shape.format.bits_stored = bits;
    shape.format.high_bit = static_cast<std::uint16_t>(bits - 1);
    shape.frames = frames;
    return shape;
}
inline Tree object(const Shape& shape, std::uint32_t seed = 1) {
    Random rng(seed);
    Tree tree{text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), text(0x00080018, "UI", "1.2.3")};
    for (auto& node : pixel_module(shape, rng))
        tree.push_back(std::move(node));
    tree.push_back(
        raw(0x7FE00010, shape.format.bits_allocated > 8 ? "OW" : "OB", make_pixels(shape, rng)));
    return tree;
}

inline const codecs::Registry& registry() {
    static const codecs::Registry instance;
    return instance;
}

struct Made {
    TranscodeOutcome outcome;
    Bytes bytes;
};
inline Made transcode(const Bytes& bytes, std::string_view from, std::string_view to,
                      const TranscodeOptions& options = {}) {
    VectorSink sink;
    const auto outcome =
        Transcoder(registry()).transcode(scan(bytes, from), from, to, options, sink);
    return {outcome, to_bytes(sink.bytes())};
}
// Both the forecast and the attempt.
inline void expect_reason(TranscodeReason reason, const Bytes& bytes, std::string_view from,
                          std::string_view to) {
    SCOPED_TRACE(std::string(from) + " to " + std::string(to));
    EXPECT_EQ(to_string(Transcoder(registry()).can_transcode(scan(bytes, from), from, to)),
              to_string(reason));
    const auto outcome = transcode(bytes, from, to).outcome;
    EXPECT_EQ(to_string(outcome.reason), to_string(reason));
    EXPECT_EQ(outcome.bytes_in, bytes.size());
    if (reason != TranscodeReason::ok) {
        EXPECT_EQ(outcome.bytes_out, 0U);
        EXPECT_FALSE(outcome.verified);
    }
}
inline void expect_reason(TranscodeReason reason, const Tree& tree, std::string_view to) {
    expect_reason(reason, write(tree, form_of(uid::explicit_le, false)), uid::explicit_le, to);
}

// Pixel Data in fragments, as somebody else might have written it.
inline Bytes items(const std::vector<Bytes>& values) {
    Bytes out;
    for (const auto& value : values) {
        put_tag(out, 0xFFFEE000, false);
        put(out, value.size(), 4, false);
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}
inline Bytes encapsulated(Tree tree, const std::vector<Bytes>& values) {
    drop(tree, 0x7FE00010);
    Bytes out = write(tree, {});
    const Bytes content = items(values);
    put_tag(out, 0x7FE00010, false);
    for (const char c : {'O', 'B', '\0', '\0'})
        out.push_back(static_cast<std::uint8_t>(c));
    put(out, 0xFFFFFFFF, 4, false);
    out.insert(out.end(), content.begin(), content.end());
    put_tag(out, 0xFFFEE0DD, false);
    put(out, 0, 4, false);
    return out;
}
inline std::vector<Bytes> streams_of(const Tree& tree, std::string_view syntax) {
    const Made made = transcode(write(tree, {}), uid::explicit_le, syntax);
    EXPECT_EQ(made.outcome.reason, TranscodeReason::ok);
    std::vector<Bytes> out;
    for (const auto fragment : fragments_of(scan(made.bytes, syntax)))
        out.push_back(to_bytes(fragment));
    out.erase(out.begin()); // the table
    return out;
}

// An object in fragments whose icon is in fragments too: legal in an encapsulated syntax only.
struct WithCodedIcon {
    Bytes bytes;
    std::size_t icon_at = 0, icon_end = 0;
};
inline WithCodedIcon with_coded_icon(const Tree& tree, const std::vector<Bytes>& image_fragments,
                                     const Bytes& icon_stream) {
    const Bytes image = encapsulated(tree, image_fragments);
    const DataSet plain = scan(image, uid::jpeg_ls);
    const auto pixels_at = static_cast<std::ptrdiff_t>(plain.find(0x7FE0, 0x0010)->header_offset);
    WithCodedIcon out{Bytes(image.begin(), image.begin() + pixels_at)};
    put_tag(out.bytes, 0x00880200, false);
    for (const char c : {'S', 'Q', '\0', '\0'})
        out.bytes.push_back(static_cast<std::uint8_t>(c));
    put(out.bytes, 0xFFFFFFFF, 4, false);
    out.icon_at = out.bytes.size();
    const Bytes item = items({encapsulated({us(0x00280010, 48)}, {{}, icon_stream})});
    out.bytes.insert(out.bytes.end(), item.begin(), item.end());
    out.icon_end = out.bytes.size();
    put_tag(out.bytes, 0xFFFEE0DD, false);
    put(out.bytes, 0, 4, false);
    out.bytes.insert(out.bytes.end(), image.begin() + pixels_at, image.end());
    return out;
}
// A digital signature that covers these tags (PS3.3 C.12.1.1.3.1.1).
inline Tree with_signature(Tree tree, std::vector<std::uint64_t> covered) {
    for (auto& tag : covered) // AT: two words
        tag = tag >> 16 | (tag & 0xFFFF) << 16;
    set(tree, sequence(0x4FFE0001, {{us(0x04000005, 1), numbers(0x04000020, "AT", covered, 4)}},
                       true, true));
    set(tree, sequence(0xFFFAFFFA, {{us(0x04000005, 1), raw(0x04000120, "OB", Bytes(16, 3))}},
                       false, false));
    return tree;
}

} // namespace dcmflow::testing
