// Images drawn from a seed over the whole matrix: depth 1 to 16 (and some of 32), sign, samples,
// planes, odd sizes down to 1×1, flat to noise, 1 to 5 frames, and data where none should be.
#pragma once

#include "tests/pitfalls/images.h"

#include <iomanip>
#include <sstream>

namespace dcmflow::pitfalls {

enum class Content { flat, gradient, smooth, noise, extremes };

struct DrawnImage {
    Image image;
    Content content = Content::flat;
    bool unused_bits = false; // something lies outside Bits Stored, or High Bit is elsewhere
    std::string_view syntax;  // explicit-le, implicit-le or explicit-be
    [[nodiscard]] std::string describe() const {
        const auto& f = image.format();
        std::ostringstream out;
        out << f.rows << 'x' << f.columns << 'x' << image.shape.frames << ' '
            << to_string(f.photometric) << ' ' << f.bits_allocated << '/' << f.bits_stored << '/'
            << f.high_bit << (f.is_signed ? " signed" : "") << (f.planar ? " planar" : "")
            << (unused_bits ? " unused bits" : "") << " content " << static_cast<int>(content)
            << " from " << codecs::display_name(syntax);
        return out.str();
    }
};

class ImageMaker {
  public:
    explicit ImageMaker(std::uint32_t seed) : rng_(seed) {}
    DrawnImage draw() {
        DrawnImage drawn;
        const Shape shape = draw_shape();
        drawn.content = static_cast<Content>(rng_() % 5);
        drawn.syntax = std::array{uid::explicit_le, uid::implicit_le, uid::explicit_be}[rng_() % 3];
        if (shape.format.bits_allocated > 16 && drawn.syntax == uid::explicit_be)
            drawn.syntax = uid::explicit_le; // words do not say how four bytes are ordered
        std::vector<std::uint32_t> cells = draw_cells(shape, drawn.content);
        if (rng_() % 4 == 0)
            soil(shape.format, cells);
        drawn.unused_bits = uses_unused_bits(shape.format, cells);
        drawn.image = {shape, draw_object(shape, drawn.syntax)};
        Bytes pixels;
        for (const std::uint32_t cell : cells)
            put(pixels, cell, shape.format.bytes_per_sample(), false);
        pixels.resize(pixels.size() + pixels.size() % 2);
        const bool words =
            shape.format.bits_allocated > 8 || rng_() % 4 == 0; // bytes may lie in OW
        set(drawn.image.tree, raw(pixel_data, words ? "OW" : "OB", std::move(pixels)));
        return drawn;
    }

  private:
    std::uint32_t below(std::uint32_t limit) { return rng_() % limit; }

    Shape draw_shape() {
        Shape shape;
        auto& f = shape.format;
        const auto side = [this] { return below(6) == 0 ? 1 + below(2) : 1 + below(40); };
        f.rows = side();
        f.columns = side();
        shape.frames = below(2) ? 1 : 1 + below(5);
        f.bits_allocated = below(3) ? 16 : 8;
        switch (below(10)) {
        case 0:
        case 1:
        case 2:
            f.samples = 3;
            f.photometric = below(3) ? Photometric::rgb : Photometric::ybr_full;
            f.bits_allocated = below(3) ? 8 : 16;
            f.planar = below(2) == 0;
            break;
        case 3:
            f.photometric = Photometric::palette_color;
            break;
        default:
            f.photometric = below(3) ? Photometric::monochrome2 : Photometric::monochrome1;
            f.is_signed = below(3) == 0;
            f.bits_allocated = below(20) == 0 ? 32 : f.bits_allocated;
        }
        f.bits_stored =
            static_cast<std::uint16_t>(below(4) ? 1 + below(f.bits_allocated) : f.bits_allocated);
        f.high_bit = static_cast<std::uint16_t>(f.bits_stored - 1);
        if (below(12) == 0)
            f.high_bit =
                static_cast<std::uint16_t>(f.high_bit + below(f.bits_allocated - f.high_bit));
        return shape;
    }

    // Bits Stored at High Bit, the sign repeated above if there is one.
    static std::uint32_t cell_of(std::uint32_t value, const PixelFormat& f) {
        const std::uint32_t stored = f.bits_stored == 32 ? ~0U : (1U << f.bits_stored) - 1;
        const std::uint32_t whole = f.bits_allocated == 32 ? ~0U : (1U << f.bits_allocated) - 1;
        const bool negative = f.is_signed && (value >> (f.bits_stored - 1) & 1U) != 0;
        const std::uint32_t cell = negative ? value | ~stored : value & stored;
        return (cell << (f.high_bit + 1 - f.bits_stored)) & whole;
    }

    std::vector<std::uint32_t> draw_cells(const Shape& shape, Content content) {
        const auto& f = shape.format;
        const std::uint32_t top = f.bits_stored == 32 ? ~0U : (1U << f.bits_stored) - 1;
        std::vector<std::uint32_t> cells(std::size_t{f.rows} * f.columns * f.samples *
                                         shape.frames);
        const std::uint32_t start = rng_(), step = 1 + below(7), spread = top / 16 + 1;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            std::uint32_t value = start;
            switch (content) {
            case Content::flat:
                break;
            case Content::gradient:
                value += static_cast<std::uint32_t>(i) * step;
                break;
            case Content::smooth:
                value += static_cast<std::uint32_t>(i % f.columns) * step + below(spread);
                break;
            case Content::noise:
                value = rng_();
                break;
            case Content::extremes:
                value = below(2) ? top / 2
                                 : top / 2 + 1; // ends of the signed range, the middle of the other
                value = f.is_signed ? value : (value & 1U ? top : 0);
                break;
            }
            cells[i] = cell_of(value & top, f);
        }
        return cells;
    }

    // An overlay's bits, garbage everywhere, or one bit in one of the last cells.
    void soil(const PixelFormat& f, std::vector<std::uint32_t>& cells) {
        const unsigned free = f.bits_allocated - f.high_bit - 1U;
        if (free == 0)
            return;
        const unsigned bit = f.high_bit + 1U + below(free);
        const auto kind = below(3);
        for (auto& cell : cells)
            if (kind == 0)
                cell ^= (below(5) == 0 ? 1U : 0U) << bit;
            else if (kind == 1)
                cell ^= (rng_() << (f.high_bit + 1U)) &
                        (f.bits_allocated == 32 ? ~0U : (1U << f.bits_allocated) - 1);
        if (kind == 2)
            cells[cells.size() - 1 -
                  below(static_cast<std::uint32_t>(std::min<std::size_t>(cells.size(), 3)))] ^=
                1U << bit;
    }
    static bool uses_unused_bits(const PixelFormat& f, const std::vector<std::uint32_t>& cells) {
        PixelFormat low = f;
        low.high_bit = static_cast<std::uint16_t>(f.bits_stored - 1);
        return f.high_bit != low.high_bit ||
               std::any_of(cells.begin(), cells.end(),
                           [&](auto cell) { return cell_of(cell, low) != cell; });
    }

    Tree draw_object(const Shape& shape, std::string_view syntax) {
        Tree tree{text(0x00080005, "CS", "ISO_IR 100"),
                  text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"),
                  text(0x00080018, "UI", "1.2.3." + std::to_string(rng_()))};
        tree.push_back(nested(0x00081140, rng_, 2));
        tree.push_back(text(0x00090010, "LO", "DCMFLOW DRAWN"));
        tree.push_back(text(0x00091001, "LO", words(rng_, 40)));
        if (syntax != uid::explicit_be)
            tree.push_back(raw(0x00091004, "UN", noise(rng_, 2 * below(40))));
        tree.push_back(text(0x00100010, "PN", "M\xFCller^" + words(rng_, 20)));
        for (auto& node : pixel_module(shape, rng_))
            tree.push_back(std::move(node));
        if (below(3) == 0) {
            Shape icon;
            icon.format.rows = icon.format.columns = 3;
            Tree item = pixel_module(icon, rng_);
            item.push_back(raw(pixel_data, "OB", make_pixels(icon, rng_)));
            tree.push_back(sequence(0x00880200, {std::move(item)}, below(2) == 0, below(2) == 0));
        }
        tree.push_back(raw(0x60003000, "OW", noise(rng_, 8)));
        tree.push_back(raw(pixel_data, "OB", {}));
        tree.push_back(raw(0xFFFCFFFC, "OB", Bytes(2 * below(9), 0)));
        return tree;
    }

    Random rng_;
};

} // namespace dcmflow::pitfalls
