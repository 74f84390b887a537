#include "codecs/jpeg2000_cells.h"

#include <cstring>

namespace dcmflow::codecs {

namespace {

template <typename Cell>
void read_cells(const std::byte* first, std::size_t step, std::span<std::int32_t> samples) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
        Cell cell;
        std::memcpy(&cell, first + i * step * sizeof(Cell), sizeof cell);
        samples[i] = cell;
    }
}

template <typename Cell>
void write_cells(std::span<const std::int32_t> samples, std::size_t step, std::byte* first) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto cell = static_cast<Cell>(samples[i]);
        std::memcpy(first + i * step * sizeof(Cell), &cell, sizeof cell);
    }
}

} // namespace

bool jpeg2000_codable(const PixelFormat& format) {
    return format.problem().empty() && format.frame_bytes() <= max_frame_bytes &&
           (format.bits_allocated == 8 || format.bits_allocated == 16) &&
           format.photometric != Photometric::ybr_full_422 &&
           format.photometric != Photometric::ybr_partial_420;
}

bool jpeg2000_writable(const PixelFormat& format) {
    if (!jpeg2000_codable(format))
        return false;
    const bool monochrome = format.photometric == Photometric::monochrome1 ||
                            format.photometric == Photometric::monochrome2;
    if (monochrome)
        return !format.is_signed || format.bits_allocated == 16;
    return !format.is_signed &&
           (format.photometric == Photometric::palette_color ||
            format.photometric == Photometric::rgb || format.photometric == Photometric::ybr_full);
}

bool jpeg2000_transforms(const PixelFormat& format, const EncodeOptions& options) {
    return options.colour_transform && format.photometric == Photometric::rgb &&
           format.bits_allocated == 8;
}

unsigned jpeg2000_precision(const PixelFormat& format) {
    return format.bits_allocated == 16 && format.bits_stored <= 8 ? 16 : format.bits_stored;
}

void cells_to_samples(const FrameView& frame, std::uint16_t sample, std::size_t first_pixel,
                      std::span<std::int32_t> samples) {
    const PixelFormat& format = frame.format;
    const std::size_t pixels = std::size_t{format.rows} * format.columns;
    const std::size_t step = format.planar ? 1 : format.samples;
    const std::size_t first_cell = (format.planar ? sample * pixels : sample) + first_pixel * step;
    const std::byte* first = frame.bytes.data() + first_cell * format.bytes_per_sample();
    if (format.bits_allocated == 8)
        format.is_signed ? read_cells<std::int8_t>(first, step, samples)
                         : read_cells<std::uint8_t>(first, step, samples);
    else
        format.is_signed ? read_cells<std::int16_t>(first, step, samples)
                         : read_cells<std::uint16_t>(first, step, samples);
}

void samples_to_cells(std::span<const std::int32_t> samples, const PixelFormat& format,
                      std::uint16_t sample, std::span<std::byte> cells) {
    std::byte* first = cells.data() + std::size_t{sample} * format.bytes_per_sample();
    if (format.bits_allocated == 8)
        write_cells<std::uint8_t>(samples, format.samples, first);
    else
        write_cells<std::uint16_t>(samples, format.samples, first);
}

} // namespace dcmflow::codecs
