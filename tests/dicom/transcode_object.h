// A data set as a tree, written by other code than the one under test, and a seeded maker of whole
// objects.
#pragma once

#include "codecs/pixel_format.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/dataset.h"
#include "pipeline/dicom/transcode.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::testing {

using Bytes = std::vector<std::uint8_t>;
namespace uid = codecs::uid;

struct Node;
using Tree = std::vector<Node>;
struct Node {
    std::uint32_t tag = 0;
    std::string vr;
    Bytes value;             // little endian
    std::vector<Tree> items; // of a sequence
    bool undefined = false;  // sequence of undefined length
    bool undefined_items = false;
};

inline Node text(std::uint32_t tag, std::string vr, std::string value) {
    if (value.size() % 2)
        value.push_back(vr == "UI" || vr == "OB" ? '\0' : ' ');
    return {tag, std::move(vr), Bytes(value.begin(), value.end()), {}, false, false};
}
inline Node numbers(std::uint32_t tag, std::string vr, std::vector<std::uint64_t> values,
                    std::size_t width) {
    Node node{tag, std::move(vr), {}, {}, false, false};
    for (auto value : values)
        for (std::size_t i = 0; i < width; ++i)
            node.value.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return node;
}
inline Node us(std::uint32_t tag, std::uint16_t value, std::string vr = "US") {
    return numbers(tag, std::move(vr), {value}, 2);
}
inline Node raw(std::uint32_t tag, std::string vr, Bytes value) {
    return {tag, std::move(vr), std::move(value), {}, false, false};
}
inline Node sequence(std::uint32_t tag, std::vector<Tree> items, bool undefined,
                     bool undefined_items) {
    return {tag, "SQ", {}, std::move(items), undefined, undefined_items};
}

// ---- writing

struct Form {
    bool implicit_vr = false;
    bool big_endian = false;
    bool group_lengths = false; // retired (gggg,0000), nested ones included
};

inline std::size_t width_of(std::string_view vr) {
    for (std::string_view two : {"AT", "US", "SS", "OW"})
        if (vr == two)
            return 2;
    for (std::string_view four : {"UL", "SL", "FL", "OF", "OL"})
        if (vr == four)
            return 4;
    for (std::string_view eight : {"FD", "OD", "OV", "SV", "UV"})
        if (vr == eight)
            return 8;
    return 1;
}
inline bool is_long(std::string_view vr) {
    for (std::string_view form :
         {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
        if (vr == form)
            return true;
    return false;
}
inline void put(Bytes& out, std::uint64_t value, std::size_t width, bool big) {
    for (std::size_t i = 0; i < width; ++i)
        out.push_back(static_cast<std::uint8_t>(value >> (8 * (big ? width - 1 - i : i))));
}
inline void put_tag(Bytes& out, std::uint32_t tag, bool big) {
    put(out, tag >> 16, 2, big);
    put(out, tag & 0xFFFF, 2, big);
}
inline Bytes write(const Tree& tree, const Form& form);
inline void write_header(Bytes& out, const Node& node, std::uint64_t length, const Form& form) {
    put_tag(out, node.tag, form.big_endian);
    if (form.implicit_vr)
        return put(out, length, 4, form.big_endian);
    out.insert(out.end(), node.vr.begin(), node.vr.end());
    if (is_long(node.vr)) {
        put(out, 0, 2, false);
        put(out, length, 4, form.big_endian);
    } else {
        put(out, length, 2, form.big_endian);
    }
}
inline Bytes write_items(const Node& node, const Form& form) {
    Bytes out;
    for (const auto& tree : node.items) {
        const Bytes content = write(tree, form);
        put_tag(out, 0xFFFEE000, form.big_endian);
        put(out, node.undefined_items ? 0xFFFFFFFF : content.size(), 4, form.big_endian);
        out.insert(out.end(), content.begin(), content.end());
        if (node.undefined_items) {
            put_tag(out, 0xFFFEE00D, form.big_endian);
            put(out, 0, 4, false);
        }
    }
    return out;
}
inline Bytes write_node(const Node& node, const Form& form) {
    Bytes out;
    if (node.vr == "SQ" || !node.items.empty()) {
        // UN with items: Implicit VR LE inside (PS3.5 6.2.2).
        const Form inside = node.vr == "UN" ? Form{true, false, form.group_lengths} : form;
        const Bytes content = write_items(node, inside);
        write_header(out, node, node.undefined ? 0xFFFFFFFF : content.size(), form);
        out.insert(out.end(), content.begin(), content.end());
        if (node.undefined) {
            put_tag(out, 0xFFFEE0DD, form.big_endian);
            put(out, 0, 4, false);
        }
        return out;
    }
    write_header(out, node, node.value.size(), form);
    const std::size_t width = form.big_endian ? width_of(node.vr) : 1;
    for (std::size_t i = 0; i < node.value.size(); i += width)
        for (std::size_t j = width; j-- > 0;)
            out.push_back(node.value[i + j]);
    return out;
}
inline Bytes write(const Tree& tree, const Form& form) {
    Bytes out;
    for (std::size_t i = 0; i < tree.size();) {
        const auto group = tree[i].tag >> 16;
        Bytes body;
        for (; i < tree.size() && tree[i].tag >> 16 == group; ++i) {
            const Bytes one = write_node(tree[i], form);
            body.insert(body.end(), one.begin(), one.end());
        }
        if (form.group_lengths) {
            Node length = numbers(group << 16, "UL", {body.size()}, 4);
            const Bytes one = write_node(length, form);
            out.insert(out.end(), one.begin(), one.end());
        }
        out.insert(out.end(), body.begin(), body.end());
    }
    return out;
}

inline std::span<const std::byte> as_span(const Bytes& bytes) {
    return std::as_bytes(std::span(bytes));
}
inline Bytes to_bytes(std::span<const std::byte> bytes) {
    Bytes out(bytes.size());
    std::transform(bytes.begin(), bytes.end(), out.begin(),
                   [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    return out;
}
// The scan must succeed; `bytes` must outlive the result.
inline DataSet scan(const Bytes& bytes, std::string_view syntax) {
    auto scanned = DataSet::scan(as_span(bytes), Encoding::of(syntax));
    if (!scanned)
        throw std::runtime_error("scan: " + std::string(to_string(scanned.error().fault)) + " " +
                                 scanned.error().text);
    return std::move(*scanned);
}

inline const Node* find(const Tree& tree, std::uint32_t tag) {
    const auto it =
        std::find_if(tree.begin(), tree.end(), [tag](const Node& n) { return n.tag == tag; });
    return it == tree.end() ? nullptr : &*it;
}
inline void set(Tree& tree, Node node) {
    const auto it =
        std::find_if(tree.begin(), tree.end(), [&](const Node& n) { return n.tag >= node.tag; });
    if (it != tree.end() && it->tag == node.tag)
        *it = std::move(node);
    else
        tree.insert(it, std::move(node));
}
inline void drop(Tree& tree, std::uint32_t tag) {
    tree.erase(
        std::remove_if(tree.begin(), tree.end(), [tag](const Node& n) { return n.tag == tag; }),
        tree.end());
}

// ---- making

class Random {
  public:
    explicit Random(std::uint32_t seed) : engine_(seed) {}
    std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

  private:
    std::mt19937 engine_;
};

struct Shape {
    codecs::PixelFormat format;
    std::uint32_t frames = 1;
};

// Pixels that compress: a ramp with a little noise, over the whole range, signs included.
inline Bytes make_pixels(const Shape& shape, Random& rng) {
    const auto& f = shape.format;
    const std::size_t cells = std::size_t{f.rows} * f.columns * f.samples * shape.frames;
    const std::size_t width = f.bits_allocated / 8;
    Bytes out;
    out.reserve(cells * width + 1);
    const std::uint32_t range = 1U << f.bits_stored;
    std::uint32_t level = rng() % range;
    for (std::size_t i = 0; i < cells; ++i) {
        if (i % 97 == 0 || rng() % 50 == 0)
            level = rng() % range;
        std::uint32_t value =
            (level + static_cast<std::uint32_t>(i) * (range / 64) + rng() % 3) % range;
        if (f.is_signed && (value & (range >> 1)))
            value |= ~(range - 1);
        for (std::size_t b = 0; b < width; ++b)
            out.push_back(static_cast<std::uint8_t>(value >> (8 * b)));
    }
    if (out.size() % 2)
        out.push_back(0);
    return out;
}

inline Tree pixel_module(const Shape& shape, Random& rng) {
    const auto& f = shape.format;
    const std::string signed_vr = f.is_signed ? "SS" : "US";
    Tree tree{us(0x00280002, f.samples),
              text(0x00280004, "CS", std::string(to_string(f.photometric)))};
    if (f.samples > 1)
        tree.push_back(us(0x00280006, f.planar ? 1 : 0));
    if (shape.frames > 1) {
        tree.push_back(text(0x00280008, "IS", std::to_string(shape.frames)));
        tree.push_back(numbers(0x00280009, "AT", {0x10630018U}, 4));
    }
    tree.push_back(us(0x00280010, static_cast<std::uint16_t>(f.rows)));
    tree.push_back(us(0x00280011, static_cast<std::uint16_t>(f.columns)));
    tree.push_back(us(0x00280100, f.bits_allocated));
    tree.push_back(us(0x00280101, f.bits_stored));
    tree.push_back(us(0x00280102, f.high_bit));
    tree.push_back(us(0x00280103, f.is_signed ? 1 : 0));
    tree.push_back(us(0x00280106, static_cast<std::uint16_t>(rng()), signed_vr));
    tree.push_back(us(0x00280120, static_cast<std::uint16_t>(rng()), signed_vr));
    if (f.photometric == codecs::Photometric::palette_color) {
        tree.push_back(numbers(0x00281101, "US", {256, 0, 16}, 2));
        tree.push_back(raw(0x00281201, "OW", Bytes(512, 7)));
    }
    return tree;
}

inline Shape random_shape(Random& rng) {
    using codecs::Photometric;
    Shape shape;
    auto& f = shape.format;
    f.rows = 1 + rng() % 24;
    f.columns = 1 + rng() % 24;
    shape.frames = rng() % 2 ? 1 : 1 + rng() % 5;
    switch (rng() % 6) {
    case 0: // colour
        f.samples = 3;
        f.photometric = rng() % 3 ? Photometric::rgb : Photometric::ybr_full;
        f.planar = rng() % 2;
        break;
    case 1:
        f.photometric = Photometric::palette_color;
        break;
    default:
        f.photometric = rng() % 4 ? Photometric::monochrome2 : Photometric::monochrome1;
        f.bits_allocated = rng() % 3 ? 16 : 8;
        f.bits_stored =
            static_cast<std::uint16_t>(f.bits_allocated == 16 ? 2 + rng() % 15 : 2 + rng() % 7);
        f.is_signed = rng() % 2 && (f.bits_allocated == 16);
    }
    f.high_bit = static_cast<std::uint16_t>(f.bits_stored - 1);
    return shape;
}

inline std::string words(Random& rng, std::size_t most) {
    std::string out;
    for (std::size_t i = rng() % most + 1; i-- > 0;)
        out.push_back(static_cast<char>(rng() % 5 == 0 ? 0xC0 + rng() % 0x3F : 'a' + rng() % 26));
    return out;
}
inline Bytes noise(Random& rng, std::size_t size) {
    Bytes out(size);
    for (auto& b : out)
        b = static_cast<std::uint8_t>(rng());
    return out;
}

inline Node nested(std::uint32_t tag, Random& rng, int depth) {
    std::vector<Tree> items;
    for (std::size_t n = rng() % 3; n-- > 0;) {
        Tree item{text(0x00080100, "SH", words(rng, 12)), text(0x00080104, "LO", words(rng, 30))};
        if (depth > 0 && rng() % 2)
            item.push_back(nested(0x00081140, rng, depth - 1));
        item.push_back(text(0x00091001, "LO", words(rng, 9)));
        item.push_back(numbers(0x00189087, "FD", {(std::uint64_t{rng()} << 32) | rng()}, 8));
        item.push_back(numbers(0x00280009, "AT", {rng()}, 4));
        items.push_back(std::move(item));
    }
    return sequence(tag, std::move(items), rng() % 2, rng() % 2);
}

// A whole object. `swappable`: no UN, so that it exists in big endian too.
inline Tree make_object(const Shape& shape, Random& rng, bool swappable) {
    const auto& f = shape.format;
    const std::string signed_vr = f.is_signed ? "SS" : "US";
    Tree tree{text(0x00080005, "CS", "ISO_IR 100"),
              text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"),
              text(0x00080018, "UI", "1.2.3." + std::to_string(rng())),
              text(0x00080060, "CS", "OT"),
              nested(0x00081140, rng, 3),
              text(0x00090010, "LO", "DCMFLOW TEST"),
              text(0x00091001, "LO", words(rng, 40)),
              raw(0x00091002, "OB", noise(rng, 2 * (rng() % 20))),
              numbers(0x00091003, "UL", {rng(), rng()}, 4)};
    if (!swappable) {
        tree.push_back(raw(0x00091004, "UN", noise(rng, 2 * (rng() % 40))));
        if (rng() % 3 == 0)
            tree.push_back(raw(0x00091005, "UN", noise(rng, 70'000)));
        Node unknown = nested(0x00091006, rng, 1);
        unknown.vr = "UN";
        unknown.undefined = !unknown.items.empty();
        if (!unknown.items.empty())
            tree.push_back(std::move(unknown));
    }
    tree.push_back(nested(0x00091010, rng, 2));
    tree.push_back(text(0x00100010, "PN", "M\xFCller^" + words(rng, 20)));
    tree.push_back(text(0x00100020, "LO", words(rng, 20)));
    tree.push_back(text(0x00101000 + 0x10, "AS", "042Y"));
    tree.push_back(numbers(0x00189810, signed_vr, {rng() & 0xFFFFU}, 2));
    tree.push_back(text(0x0020000D, "UI", "1.2.3.4"));
    tree.push_back(text(0x0020000E, "UI", "1.2.3.5"));
    for (auto& node : pixel_module(shape, rng))
        tree.push_back(std::move(node));
    tree.push_back(text(0x00282110, "CS", "01"));
    tree.push_back(sequence(
        0x00283000,
        {{numbers(0x00283002, signed_vr, {4, 0, 16}, 2), raw(0x00283006, "OW", noise(rng, 8))}},
        rng() % 2, rng() % 2));
    if (rng() % 3 == 0)
        tree.push_back(text(0x0040A160, "UT", std::string(66'000, 'x')));
    if (rng() % 2) {
        Shape icon;
        icon.format.rows = icon.format.columns = 5;
        Tree item = pixel_module(icon, rng);
        item.push_back(raw(0x7FE00010, "OB", make_pixels(icon, rng)));
        tree.push_back(sequence(0x00880200, {std::move(item)}, rng() % 2, rng() % 2));
    }
    if (rng() % 2) {
        tree.push_back(us(0x60000010, 8));
        tree.push_back(us(0x60000011, 8));
        tree.push_back(raw(0x60003000, "OW", noise(rng, 8)));
    }
    tree.push_back(raw(0x7FE00010, f.bits_allocated > 8 ? "OW" : "OB", make_pixels(shape, rng)));
    if (rng() % 2)
        tree.push_back(sequence(0xFFFAFFFA, {}, rng() % 2, false));
    if (rng() % 2)
        tree.push_back(raw(0xFFFCFFFC, "OB", Bytes(2 * (rng() % 60), 0)));
    return tree;
}

// What a reader of Implicit VR LE knows of the same object: no private VR, no VR of what it does
// not know.
inline Tree seen_in_implicit(const Tree& tree, bool group_lengths) {
    Tree out;
    for (const Node& node : tree) {
        Node seen = node;
        const bool is_private = (node.tag >> 16) % 2 == 1;
        const bool is_creator =
            is_private && (node.tag & 0xFFFF) >= 0x10 && (node.tag & 0xFFFF) <= 0xFF;
        if (is_private && !is_creator && !(node.vr == "SQ" && node.undefined) &&
            !node.items.empty() && !node.undefined) {
            seen.vr = "UN";
            seen.value = write_items(node, Form{true, false, group_lengths});
            seen.items.clear();
        } else if (!node.items.empty()) {
            seen.vr = "SQ"; // UN of undefined length too: nothing else can be meant
            for (auto& item : seen.items)
                item = seen_in_implicit(item, group_lengths);
        } else if (is_private && !is_creator && !(node.vr == "SQ" && node.undefined)) {
            seen.vr = "UN";
        } else if (node.vr == "UN") {
            seen.vr = node.undefined ? "SQ" : "UN";
        }
        out.push_back(std::move(seen));
    }
    return out;
}

inline Form form_of(std::string_view syntax, bool group_lengths) {
    return {syntax == uid::implicit_le, syntax == uid::explicit_be, group_lengths};
}

} // namespace dcmflow::testing
