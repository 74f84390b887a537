#include "codecs/synthetic.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace dcmflow::codecs {

namespace {

constexpr std::uint64_t mix(std::uint64_t value) { // splitmix64
    value += 0x9E3779B97F4A7C15ULL;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(mix(seed)) {}
    std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15ULL); }
    std::int32_t between(std::int32_t low, std::int32_t high) {
        return low + static_cast<std::int32_t>(next() % static_cast<std::uint64_t>(high - low + 1));
    }
    // Bell-shaped around 0, deviation 147.8: the sum of four bytes.
    std::int32_t bell() {
        const std::uint64_t bits = next();
        return static_cast<std::int32_t>((bits & 0xFF) + (bits >> 8 & 0xFF) + (bits >> 16 & 0xFF) +
                                         (bits >> 24 & 0xFF)) -
               510;
    }

  private:
    std::uint64_t state_;
};

// Noise of the frame, one value a pixel. `grain` 1: neighbours share some of it, as after
// reconstruction or scan conversion; 0: they do not.
std::vector<std::int32_t> noise_field(std::uint32_t rows, std::uint32_t columns, int grain,
                                      Random& random) {
    std::vector<std::int32_t> field(std::size_t{rows} * columns);
    for (std::int32_t& value : field)
        value = random.bell();
    for (int pass = 0; pass < grain; ++pass) {
        for (std::size_t i = 0; i + 1 < field.size(); ++i)
            field[i] = (field[i] * 3 + field[i + 1] * 2) / 4;
        for (std::size_t i = 0; i + columns < field.size(); ++i)
            field[i] = (field[i] * 3 + field[i + columns] * 2) / 4;
    }
    return field;
}

// An ellipse with a soft edge; all lengths in pixels.
struct Ellipse {
    std::int32_t x, y;   // centre
    std::int32_t rx, ry; // half axes
    std::int32_t value;  // added inside
    std::int32_t soft;   // width of the edge in 1/1024 of the radius
};

// The same with its divisions done: a frame asks for millions of pixels.
struct Shape {
    explicit Shape(const Ellipse& from)
        : ellipse(from), scale_x((std::int64_t{4096} << 16) / from.rx),
          scale_y((std::int64_t{4096} << 16) / from.ry), slope((1 << 16) / from.soft) {}

    // 1024 inside, 0 outside, a ramp over the edge.
    [[nodiscard]] std::int32_t coverage(std::int32_t x, std::int32_t y) const {
        if (std::abs(x - ellipse.x) > ellipse.rx || std::abs(y - ellipse.y) > ellipse.ry)
            return 0;
        const std::int64_t dx = ((x - ellipse.x) * scale_x) >> 16; // 4096 on the edge
        const std::int64_t dy = ((y - ellipse.y) * scale_y) >> 16;
        const std::int64_t inside = 1024 - ((dx * dx + dy * dy) >> 14);
        return static_cast<std::int32_t>(
            std::clamp<std::int64_t>((inside * 1024 * slope) >> 16, 0, 1024));
    }

    Ellipse ellipse;
    std::int64_t scale_x, scale_y, slope;
};

using Shapes = std::vector<Shape>;

std::int32_t sum_of(const Shapes& shapes, std::int32_t x, std::int32_t y) {
    std::int32_t sum = 0;
    for (const Shape& shape : shapes)
        sum += (shape.ellipse.value * shape.coverage(x, y)) / 1024;
    return sum;
}

// A slow wave along the slices, -limit … limit.
std::int32_t drift(std::uint32_t index, std::int32_t period, std::int32_t limit) {
    const auto phase = static_cast<std::int32_t>(index % static_cast<std::uint32_t>(2 * period));
    const std::int32_t triangle = phase < period ? phase : 2 * period - phase;
    return (2 * triangle - period) * limit / period;
}

void put16(FrameBuffer& out, std::size_t index, std::int32_t value) {
    const auto cell = static_cast<std::uint16_t>(value);
    std::memcpy(out.data() + 2 * index, &cell, sizeof cell);
}

void draw_ct(const PixelFormat& format, Random& patient, Random& random, std::uint32_t index,
             FrameBuffer& out) {
    const auto columns = static_cast<std::int32_t>(format.columns);
    const std::int32_t wide = 190 + patient.between(-15, 15) + drift(index, 40, 12);
    const std::int32_t deep = 140 + patient.between(-10, 10) + drift(index, 55, 8);
    const Shapes shapes{
        Shape{{256, 260, wide, deep, 900, 40}},                     // skin and fat
        Shape{{256, 258, wide - 22, deep - 20, 140, 50}},           // muscle
        Shape{{170, 240, 70, 85 + drift(index, 30, 10), -800, 60}}, // lungs
        Shape{{340, 240, 72, 88 + drift(index, 33, 10), -800, 60}},
        Shape{{262, 250, 45, 50 + drift(index, 12, 6), 60, 120}}, // heart
        Shape{{256, 356, 26, 24, 500, 200}},                      // spine
        Shape{{256, 356, 9, 8, -450, 150}},                       // its canal
        Shape{{120 + drift(index, 9, 5), 300, 7, 14, 600, 400}},  // ribs
        Shape{{396 - drift(index, 9, 5), 300, 7, 14, 600, 400}},
    };
    const auto noise = noise_field(format.rows, format.columns, 1, random);
    for (std::size_t i = 0; i < noise.size(); ++i) {
        const auto x = static_cast<std::int32_t>(i % format.columns);
        const auto y = static_cast<std::int32_t>(i / format.columns);
        const std::int32_t cx = 2 * x - columns + 1, cy = 2 * y - columns + 1;
        const bool scanned = cx * cx + cy * cy <= columns * columns;
        const std::int32_t tissue = sum_of(shapes, x, y);
        // Noise is stronger where the patient is.
        const std::int32_t strength = tissue > 0 ? 36 : 20;
        const std::int32_t hu = -1000 + tissue + noise[i] * strength / 256;
        put16(out, i, scanned ? std::clamp(hu, -1024, 3071) : -2000);
    }
}

void draw_mr(const PixelFormat& format, Random& patient, Random& random, std::uint32_t index,
             FrameBuffer& out) {
    const std::int32_t wide = 92 + patient.between(-6, 6) + drift(index, 30, 8);
    const std::int32_t deep = 110 + patient.between(-6, 6) + drift(index, 30, 9);
    const Shapes shapes{
        Shape{{128, 128, wide, deep, 700, 60}},          // scalp
        Shape{{128, 128, wide - 7, deep - 7, -550, 50}}, // skull
        Shape{{128, 128, wide - 12, deep - 12, 420, 60}},
        Shape{{128, 130, wide - 30, deep - 32, 180, 300}},          // white matter
        Shape{{112, 120, 12, 26 + drift(index, 15, 6), -330, 250}}, // ventricles
        Shape{{144, 120, 12, 26 + drift(index, 15, 6), -330, 250}},
        Shape{{150, 170, 16, 11, 120, 500}},
    };
    const auto noise = noise_field(format.rows, format.columns, 0, random);
    for (std::size_t i = 0; i < noise.size(); ++i) {
        const auto x = static_cast<std::int32_t>(i % format.columns);
        const auto y = static_cast<std::int32_t>(i / format.columns);
        const std::int32_t tissue = sum_of(shapes, x, y);
        const std::int32_t shading = 256 + (x - 128) / 6 + (y - 128) / 9; // coil sensitivity
        // Magnitude data: background noise is one-sided, and the scanner cuts it.
        const std::int32_t value = tissue * shading / 256 + noise[i] * 28 / 256;
        put16(out, i, tissue <= 0 ? std::max(0, value - 12) : std::clamp(value, 0, 4095));
    }
}

void draw_us(const PixelFormat& format, Random& patient, Random& random, std::uint32_t index,
             FrameBuffer& out) {
    const std::int32_t apex_x = 320, apex_y = 20;
    const Shapes shapes{
        Shape{{300 + patient.between(-20, 20), 210, 70 + drift(index, 8, 10), 55, -75, 300}},
        Shape{{360, 300 + drift(index, 8, 6), 90, 40, 60, 600}},
        Shape{{320, 380, 150, 25, 50, 500}},
    };
    const auto speckle = noise_field(format.rows, format.columns, 2, random);
    for (std::size_t i = 0; i < speckle.size(); ++i) {
        const auto x = static_cast<std::int32_t>(i % format.columns);
        const auto y = static_cast<std::int32_t>(i / format.columns);
        const std::int32_t dx = x - apex_x, dy = y - apex_y;
        const std::int32_t range = dx * dx + dy * dy;
        const bool fan =
            dy > 0 && 4 * dx * dx < 3 * dy * dy && range > 40 * 40 && range < 420 * 420;
        std::array<std::int32_t, 3> rgb{};
        if (fan) {
            const std::int32_t grey = 95 - dy / 8 + sum_of(shapes, x, y);
            rgb.fill(std::clamp(grey + grey * speckle[i] / 700, 0, 255));
            const std::int32_t flow = speckle[i] + drift(index, 4, 200);
            if (x > 285 && x < 345 && y > 185 && y < 245 && grey < 40) { // colour Doppler
                rgb = {std::clamp(flow / 2, 0, 255), 0, std::clamp(-flow / 2, 0, 255)};
            }
        } else if (x >= 610 && x < 622 && y >= 60 && y < 316) { // grey scale
            rgb.fill(315 - y);
        }
        for (std::size_t s = 0; s < 3; ++s)
            out[3 * i + s] = static_cast<std::byte>(rgb[s]);
    }
}

void draw_cr(const PixelFormat& format, Random& patient, Random& random, std::uint32_t index,
             FrameBuffer& out) {
    const std::int32_t move = drift(index, 5, 60);
    const Shapes shapes{
        Shape{{1070, 900, 980 + patient.between(-40, 40), 1100, 420, 700}}, // chest
        Shape{{640 + move, 850, 330, 560, -230, 500}},                      // lungs
        Shape{{1500 + move, 850, 330, 560, -230, 500}},
        Shape{{1130 + move, 1050, 300, 330, 130, 500}}, // heart
        Shape{{1070 + move, 900, 110, 1300, 120, 500}}, // spine
    };
    const auto noise = noise_field(format.rows, format.columns, 1, random);
    for (std::size_t i = 0; i < noise.size(); ++i) {
        const auto x = static_cast<std::int32_t>(i % format.columns);
        const auto y = static_cast<std::int32_t>(i / format.columns);
        const bool collimated = x < 40 || y < 40 || x >= 2100 || y >= 1720;
        const std::int32_t value = 200 + sum_of(shapes, x, y) + noise[i] * 7 / 256;
        put16(out, i, collimated ? 0 : std::clamp(value, 0, 1023));
    }
}

} // namespace

std::string_view to_string(SyntheticKind kind) {
    switch (kind) {
    case SyntheticKind::ct:
        return "ct";
    case SyntheticKind::mr:
        return "mr";
    case SyntheticKind::us:
        return "us";
    case SyntheticKind::cr:
        return "cr";
    }
    return "ct";
}

std::optional<SyntheticKind> synthetic_kind_from(std::string_view text) {
    for (const auto kind :
         {SyntheticKind::ct, SyntheticKind::mr, SyntheticKind::us, SyntheticKind::cr})
        if (to_string(kind) == text)
            return kind;
    return std::nullopt;
}

PixelFormat synthetic_format(SyntheticKind kind) {
    PixelFormat format{.rows = 512,
                       .columns = 512,
                       .samples = 1,
                       .bits_allocated = 16,
                       .bits_stored = 16,
                       .high_bit = 15,
                       .is_signed = true,
                       .photometric = Photometric::monochrome2,
                       .planar = false};
    if (kind == SyntheticKind::ct)
        return format;
    format.is_signed = false;
    if (kind == SyntheticKind::mr) {
        format.rows = format.columns = 256;
        format.bits_stored = 12;
    } else if (kind == SyntheticKind::cr) {
        format.rows = 1760;
        format.columns = 2140;
        format.bits_stored = 10;
        format.photometric = Photometric::monochrome1;
    } else {
        format.rows = 480;
        format.columns = 640;
        format.samples = 3;
        format.bits_allocated = 8;
        format.bits_stored = 8;
        format.photometric = Photometric::rgb;
    }
    format.high_bit = static_cast<std::uint16_t>(format.bits_stored - 1);
    return format;
}

FrameBuffer synthetic_frame(SyntheticKind kind, PixelFormat& format, std::uint64_t seed,
                            std::uint32_t index) {
    format = synthetic_format(kind);
    FrameBuffer out(format.frame_bytes());
    const std::uint64_t who = mix(seed) ^ static_cast<std::uint64_t>(kind);
    Random patient{who};
    Random random{who ^ mix(index + 1ULL)};
    switch (kind) {
    case SyntheticKind::ct:
        draw_ct(format, patient, random, index, out);
        break;
    case SyntheticKind::mr:
        draw_mr(format, patient, random, index, out);
        break;
    case SyntheticKind::us:
        draw_us(format, patient, random, index, out);
        break;
    case SyntheticKind::cr:
        draw_cr(format, patient, random, index, out);
        break;
    }
    return out;
}

} // namespace dcmflow::codecs
