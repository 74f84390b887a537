// A JPEG lossless encoder for the tests (T.81 Annex H, Huffman), written from the standard and for
// nothing but to judge decoders: every precision, predictor, interleave and restart, and the forms
// that decoders must refuse.
#pragma once

#include "codecs/frame.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <vector>

namespace dcmflow::testing {

struct LosslessMaking {
    unsigned precision = 16;
    unsigned predictor = 1;
    unsigned point_transform = 0;
    unsigned restart_rows = 0;
    bool interleaved = true;
    bool tables_first = false; // DHT before SOF
    bool jfif = false;
    int adobe = -1; // transform flag; none if negative
    std::array<unsigned char, 3> ids{1, 2, 3};
};

// Samples of any size up to 16 bits, by pixel.
using Samples = std::vector<std::uint16_t>;

class LosslessEncoder {
  public:
    LosslessEncoder(const Samples& samples, unsigned rows, unsigned columns, unsigned components,
                    const LosslessMaking& making)
        : samples_(samples), rows_(rows), columns_(columns), components_(components),
          making_(making) {}

    codecs::FrameBuffer run() {
        bytes({0xFF, 0xD8});
        if (making_.jfif)
            bytes({0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0});
        if (making_.adobe >= 0)
            bytes({0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, making_.adobe});
        if (making_.tables_first)
            table();
        frame_header();
        if (!making_.tables_first)
            table();
        if (making_.restart_rows > 0) {
            bytes({0xFF, 0xDD, 0, 4});
            word(making_.restart_rows * columns_);
        }
        if (making_.interleaved) {
            scan(0, components_);
        } else {
            for (unsigned component = 0; component < components_; ++component)
                scan(component, 1);
        }
        bytes({0xFF, 0xD9});
        return out_;
    }

  private:
    void bytes(std::initializer_list<int> values) {
        for (const int value : values)
            out_.push_back(static_cast<std::byte>(value));
    }
    void word(unsigned value) {
        bytes({static_cast<int>(value >> 8), static_cast<int>(value & 255)});
    }

    void frame_header() {
        bytes({0xFF, 0xC3});
        word(8 + 3 * components_);
        bytes({static_cast<int>(making_.precision)});
        word(rows_);
        word(columns_);
        bytes({static_cast<int>(components_)});
        for (unsigned i = 0; i < components_; ++i)
            bytes({making_.ids[i], 0x11, 0});
    }

    // Categories 0 … 16 as codes of five bits, in order: any set of 17 codes will do.
    void table() {
        bytes({0xFF, 0xC4, 0, 19 + 17, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        for (int category = 0; category <= 16; ++category)
            bytes({category});
    }

    void scan(unsigned first, unsigned count) {
        bytes({0xFF, 0xDA});
        word(6 + 2 * count);
        bytes({static_cast<int>(count)});
        for (unsigned i = 0; i < count; ++i)
            bytes({making_.ids[first + i], 0});
        bytes({static_cast<int>(making_.predictor), 0, static_cast<int>(making_.point_transform)});
        unsigned restart = 0;
        for (unsigned y = 0; y < rows_; ++y) {
            const bool fresh =
                y == 0 || (making_.restart_rows > 0 && y % making_.restart_rows == 0);
            if (fresh && y > 0) {
                flush();
                bytes({0xFF, static_cast<int>(0xD0 + restart++ % 8)});
            }
            for (unsigned x = 0; x < columns_; ++x)
                for (unsigned i = first; i < first + count; ++i)
                    code(at(x, y, i) - predict(x, y, i, fresh));
        }
        flush();
    }

    int at(unsigned x, unsigned y, unsigned component) const {
        const std::size_t index = (std::size_t{y} * columns_ + x) * components_ + component;
        return samples_[index] >> making_.point_transform;
    }

    int predict(unsigned x, unsigned y, unsigned i, bool fresh) const { // T.81 H.1.2.1
        if (x == 0 && fresh)
            return 1 << (making_.precision - making_.point_transform - 1);
        if (fresh)
            return at(x - 1, y, i);
        if (x == 0)
            return at(x, y - 1, i);
        const int a = at(x - 1, y, i), b = at(x, y - 1, i), c = at(x - 1, y - 1, i);
        switch (making_.predictor) {
        case 1:
            return a;
        case 2:
            return b;
        case 3:
            return c;
        case 4:
            return a + b - c;
        case 5:
            return a + ((b - c) >> 1);
        case 6:
            return b + ((a - c) >> 1);
        default:
            return (a + b) >> 1;
        }
    }

    void code(int difference) { // modulo 2^16 (H.1.2.1): -32767 … 32768
        difference = static_cast<std::int16_t>(static_cast<std::uint16_t>(difference));
        if (difference == -32768) {
            put(16, 5);
            return; // 32768: no further bits (table H.2)
        }
        unsigned category = 0;
        for (int rest = std::abs(difference); rest > 0; rest >>= 1)
            ++category;
        put(category, 5);
        const int low = difference < 0 ? difference - 1 : difference;
        if (category > 0)
            put(static_cast<unsigned>(low) & ((1U << category) - 1), category);
    }

    void put(unsigned value, unsigned count) {
        for (unsigned i = count; i-- > 0;) {
            current_ = current_ << 1 | ((value >> i) & 1);
            if (++filled_ == 8) {
                bytes({static_cast<int>(current_ & 255)});
                if ((current_ & 255) == 255)
                    bytes({0});
                filled_ = 0;
                current_ = 0;
            }
        }
    }
    void flush() {
        while (filled_ != 0)
            put(1, 1);
    }

    const Samples& samples_;
    unsigned rows_, columns_, components_;
    LosslessMaking making_;
    codecs::FrameBuffer out_;
    unsigned current_ = 0, filled_ = 0;
};

} // namespace dcmflow::testing
