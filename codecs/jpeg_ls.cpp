#include "codecs/jpeg_ls.h"

#include "codecs/jpeg_ls_stream.h"
#include "codecs/native.h"
#include "codecs/scratch.h"

#include <charls/charls.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

namespace dcmflow::codecs {

namespace {

struct DestroyEncoder {
    void operator()(charls_jpegls_encoder* encoder) const {
        charls_jpegls_encoder_destroy(encoder);
    }
};
struct DestroyDecoder {
    void operator()(charls_jpegls_decoder* decoder) const {
        charls_jpegls_decoder_destroy(decoder);
    }
};
using Encoder = std::unique_ptr<charls_jpegls_encoder, DestroyEncoder>;
using Decoder = std::unique_ptr<charls_jpegls_decoder, DestroyDecoder>;

bool is_monochrome(Photometric photometric) {
    return photometric == Photometric::monochrome1 || photometric == Photometric::monochrome2;
}

std::uint8_t precision_for(const PixelFormat& format) {
    if (format.bits_allocated == 16 && format.bits_stored > 8 && !format.is_signed)
        return static_cast<std::uint8_t>(format.bits_stored);
    return static_cast<std::uint8_t>(format.bits_allocated);
}

bool good(charls_jpegls_errc result) {
    return result == charls::jpegls_errc::success;
}

CodecStatus run_encoder(std::span<const std::byte> pixels, const PixelFormat& format,
                        std::uint8_t precision, FrameBuffer& out) {
    const Encoder encoder{charls_jpegls_encoder_create()};
    if (!encoder)
        return CodecStatus::failed;
    charls_frame_info info{};
    info.width = format.columns;
    info.height = format.rows;
    info.bits_per_sample = precision;
    info.component_count = format.samples;
    // By line: smaller than by sample, and viewers misread planes (viewers.md item 4).
    const auto interleaving =
        format.samples == 1 ? charls::interleave_mode::none : charls::interleave_mode::line;
    // An odd stream is filled with FF before EOI, as DICOM wants (PS3.5 A.4.3). Above 12 bits the
    // thresholds are spelt out: some readers compute wrong defaults there.
    const auto options = charls::encoding_options::even_destination_size |
                         charls::encoding_options::include_pc_parameters_jai;
    out.resize(encoded_limit(format));
    if (!good(charls_jpegls_encoder_set_frame_info(encoder.get(), &info)) ||
        !good(charls_jpegls_encoder_set_interleave_mode(encoder.get(), interleaving)) ||
        !good(charls_jpegls_encoder_set_encoding_options(encoder.get(), options)) ||
        !good(charls_jpegls_encoder_set_destination_buffer(encoder.get(), out.data(), out.size())))
        return CodecStatus::failed;
    const charls_jpegls_errc result =
        charls_jpegls_encoder_encode_from_buffer(encoder.get(), pixels.data(), pixels.size(), 0);
    if (result == charls::jpegls_errc::destination_buffer_too_small)
        return CodecStatus::incompressible;
    std::size_t written = 0;
    if (!good(result) || !good(charls_jpegls_encoder_get_bytes_written(encoder.get(), &written)))
        return CodecStatus::failed;
    out.resize(written);
    return written % 2 == 0 ? CodecStatus::ok : CodecStatus::failed;
}

// `out` takes exactly what the header, checked before, amounts to.
CodecStatus run_decoder(std::span<const std::byte> stream, const JpegLsHeader& header,
                        std::span<std::byte> out) {
    const Decoder decoder{charls_jpegls_decoder_create()};
    if (!decoder)
        return CodecStatus::unavailable;
    charls_frame_info info{};
    if (!good(
            charls_jpegls_decoder_set_source_buffer(decoder.get(), stream.data(), stream.size())) ||
        !good(charls_jpegls_decoder_read_header(decoder.get())) ||
        !good(charls_jpegls_decoder_get_frame_info(decoder.get(), &info)))
        return CodecStatus::corrupt;
    // CharLS must have read what we read, or its idea of the size is not ours.
    if (info.width != header.width || info.height != header.height ||
        info.component_count != header.components || info.bits_per_sample != header.precision)
        return CodecStatus::corrupt;
    const charls_jpegls_errc result =
        charls_jpegls_decoder_decode_to_buffer(decoder.get(), out.data(), out.size(), 0);
    if (result == charls::jpegls_errc::not_enough_memory)
        return CodecStatus::unavailable;
    return good(result) ? CodecStatus::ok : CodecStatus::corrupt;
}

// A codec of 1999 (official WG04 samples hold its streams) pads with 00 before EOI, which CharLS
// 2.4.1 rejects (charls#365): then once more without it.
CodecStatus decode_with_retry(std::span<const std::byte> stream, const JpegLsHeader& header,
                              std::span<std::byte> out) {
    const CodecStatus status = run_decoder(stream, header, out);
    if (status == CodecStatus::ok || stream.size() < 3 || stream[stream.size() - 3] != std::byte{0})
        return status;
    FrameBuffer shorter(stream.begin(), stream.end() - 3);
    shorter.insert(shorter.end(), stream.end() - 2, stream.end());
    return run_decoder(shorter, header, out);
}

bool decodable(const PixelFormat& format) {
    return format.problem().empty() && format.frame_bytes() <= max_frame_bytes &&
           (format.bits_allocated == 8 || format.bits_allocated == 16) &&
           format.photometric != Photometric::ybr_full_422 &&
           format.photometric != Photometric::ybr_partial_420;
}

enum class Loss : bool { none, near }; // what the transfer syntax allows

// Precision is Bits Stored, or Bits Allocated (GDCM, DCMTK: the whole cell). Anything else and the
// stream is not this object's, or says something about sign that we would have to guess.
CodecStatus compare(const JpegLsHeader& header, const PixelFormat& format, Loss loss) {
    if (header.near != 0 && loss == Loss::none)
        return CodecStatus::unsupported; // lossy pixels in a lossless syntax
    if (header.width != format.columns || header.height != format.rows ||
        header.components != format.samples)
        return CodecStatus::mismatch;
    const bool whole_cell = header.precision == format.bits_allocated;
    const bool stored_bits =
        header.precision == format.bits_stored && format.high_bit + 1 == format.bits_stored;
    return whole_cell || stored_bits ? CodecStatus::ok : CodecStatus::mismatch;
}

// CharLS gives one byte for up to 8 bits; the cell may have two.
void widen(std::span<const std::byte> bytes, std::span<std::byte> cells) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        cells[2 * i] = bytes[i];
        cells[2 * i + 1] = std::byte{0};
    }
}

CodecStatus decode_frame(std::span<const std::byte> stream, const JpegLsHeader& header,
                         const PixelFormat& format, FrameBuffer& out) {
    const std::uint64_t frame_bytes = format.frame_bytes();
    const std::size_t sample_bytes = header.precision <= 8 ? 1 : 2;
    const bool narrow = sample_bytes < format.bytes_per_sample();
    const bool planes = header.interleave == 0 && header.components > 1;
    out.resize(frame_bytes);
    if (!narrow && !planes)
        return decode_with_retry(stream, header, out);

    Scratch scratch;
    const std::span<std::byte> decoded =
        scratch.of_size(frame_bytes / format.bytes_per_sample() * sample_bytes);
    if (const CodecStatus status = decode_with_retry(stream, header, decoded);
        status != CodecStatus::ok)
        return status;
    if (!narrow) {
        interleave(decoded, format, out);
    } else if (!planes) {
        widen(decoded, out);
    } else {
        FrameBuffer cells(frame_bytes); // 8-bit planes in 16-bit cells: rare enough to allocate
        widen(decoded, cells);
        interleave(cells, format, out);
    }
    return CodecStatus::ok;
}

CodecStatus decode_checked(std::span<const std::byte> stream, const PixelFormat& format, Loss loss,
                           FrameBuffer& out) {
    if (!decodable(format))
        return CodecStatus::unsupported;
    JpegLsHeader header;
    if (const CodecStatus status = parse_jpeg_ls(stream, header); status != CodecStatus::ok)
        return status;
    if (const CodecStatus status = compare(header, format, loss); status != CodecStatus::ok)
        return status;
    const CodecStatus status = decode_frame(stream.first(header.end), header, format, out);
    if (status == CodecStatus::ok && format.is_signed && header.precision < format.bits_allocated) {
        // The stream knows no sign (T.87): restore it from bit Bits Stored - 1.
        if (format.bits_allocated == 8)
            sign_extend_8(out, header.precision);
        else
            sign_extend_16(out, header.precision);
    }
    return status;
}

CodecStatus decode_guarded(std::span<const std::byte> stream, const PixelFormat& format, Loss loss,
                           FrameBuffer& out) {
    try {
        return decode_checked(stream, format, loss, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

} // namespace

// PS3.5 table 8.2.3-1: what JPEG-LS may hold in DICOM.
bool JpegLsCodec::can_encode(const PixelFormat& format) const {
    if (!format.problem().empty() || format.frame_bytes() > max_frame_bytes ||
        format.bits_stored < 2)
        return false;
    if (format.bits_allocated != 8 && format.bits_allocated != 16)
        return false;
    if (is_monochrome(format.photometric))
        return true;
    if (format.is_signed)
        return false;
    return format.photometric == Photometric::palette_color ||
           format.photometric == Photometric::rgb ||
           (format.photometric == Photometric::ybr_full && format.bits_allocated == 8);
}

CodecStatus JpegLsCodec::encode(const FrameView& frame, const EncodeOptions& options,
                                FrameBuffer& out, AttributeChanges& changes) const {
    const PixelFormat& format = frame.format;
    if (!can_encode(format) || frame.bytes.size() != format.frame_bytes())
        return CodecStatus::unsupported;
    if (!options.whole_cells && !unused_bits_clean(frame))
        return CodecStatus::dirty_bits;
    const std::uint8_t precision = options.whole_cells
                                       ? static_cast<std::uint8_t>(format.bits_allocated)
                                       : precision_for(format);
    changes = {.photometric = format.photometric, .planar = false};
    try {
        Scratch scratch;
        std::span<const std::byte> pixels = frame.bytes;
        if (format.samples > 1 && format.planar) {
            const std::span<std::byte> by_pixel = scratch.of_size(frame.bytes.size());
            interleave(frame.bytes, format, by_pixel);
            pixels = by_pixel;
        }
        // Signed samples go in as whole cells, their sign extended: T.87 knows no sign.
        return run_encoder(pixels, format, precision, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::failed;
    }
}

CodecStatus JpegLsCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                FrameBuffer& out) const {
    return decode_guarded(stream, format, Loss::none, out);
}

CodecStatus JpegLsNearCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                    FrameBuffer& out) const {
    return decode_guarded(stream, format, Loss::near, out);
}

} // namespace dcmflow::codecs
