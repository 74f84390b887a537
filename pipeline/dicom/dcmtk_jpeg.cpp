#include "pipeline/dicom/dcmtk_jpeg.h"

#include "codecs/jpeg_stream.h"
#include "codecs/native.h"
#include "codecs/scratch.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg12.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <dcmtk/dcmjpeg/djdijg8.h>

#include <limits>
#include <new>

namespace dcmflow {

namespace {

using codecs::CodecStatus;
using codecs::FrameBuffer;
using codecs::JpegHeader;
using codecs::JpegProcess;
using codecs::Photometric;
using codecs::PixelFormat;

// DCMTK's decoder logs what the IJG library says, and goes on after warnings. This one counts them
// and stays silent. (Errors leave decode() as a condition; DCMTK's own longjmp ends there.)
template <class Base> class Silent final : public Base {
  public:
    using Base::Base;
    void emitMessage(int level) const override { warned_ = warned_ || level < 0; }
    [[nodiscard]] bool warned() const { return warned_; }

  private:
    mutable bool warned_ = false;
};

// `out` takes exactly what the header, checked before, amounts to.
template <class Base>
CodecStatus run_decoder(std::span<const std::byte> stream, std::span<std::byte> out) {
    const DJCodecParameter parameters(ECC_lossyYCbCr, EDC_never, EUC_never, EPC_colorByPixel);
    Silent<Base> decoder(parameters, OFFalse);
    if (decoder.init().bad())
        return CodecStatus::unavailable;
    // DCMTK's parameter is not const; it does not write to it.
    auto* in = reinterpret_cast<Uint8*>(const_cast<std::byte*>(stream.data()));
    const OFCondition result =
        decoder.decode(in, static_cast<Uint32>(stream.size()), reinterpret_cast<Uint8*>(out.data()),
                       static_cast<Uint32>(out.size()), OFFalse);
    if (result == EC_MemoryExhausted)
        return CodecStatus::unavailable;
    // Also bad when it asks for more data: all there is was given.
    return result.good() && !decoder.warned() ? CodecStatus::ok : CodecStatus::corrupt;
}

// As DCMTK chooses: the smallest library whose samples hold the precision.
CodecStatus run_decoder_for(unsigned precision, std::span<const std::byte> stream,
                            std::span<std::byte> out) {
    if (precision <= 8)
        return run_decoder<DJDecompressIJG8Bit>(stream, out);
    return precision <= 12 ? run_decoder<DJDecompressIJG12Bit>(stream, out)
                           : run_decoder<DJDecompressIJG16Bit>(stream, out);
}

bool is_sized(std::span<const std::byte> stream, const PixelFormat& format) {
    return format.problem().empty() && format.frame_bytes() <= codecs::max_frame_bytes &&
           stream.size() <= std::numeric_limits<Uint32>::max();
}

bool same_shape(const JpegHeader& header, const PixelFormat& format) {
    return header.width == format.columns && header.height == format.rows &&
           header.components == format.samples;
}

// The tag says what the components are; a stream that says otherwise, and tags that lossless JPEG
// has no coding for, leave a guess.
CodecStatus compare_colour(const JpegHeader& header, const PixelFormat& format) {
    if (header.components == 1)
        return CodecStatus::ok;
    if (header.subsampled())
        return CodecStatus::unsupported;
    const bool says_rgb = header.adobe_transform == 0 || header.ids_are_rgb();
    const bool says_ycbcr = header.adobe_transform.value_or(0) != 0;
    if (format.photometric == Photometric::rgb)
        return says_ycbcr ? CodecStatus::mismatch : CodecStatus::ok;
    if (format.photometric == Photometric::ybr_full)
        return says_rgb ? CodecStatus::mismatch : CodecStatus::ok;
    return CodecStatus::mismatch;
}

CodecStatus compare_lossless(const JpegHeader& header, const PixelFormat& format,
                             bool any_predictor) {
    if (header.process != JpegProcess::lossless || !same_shape(header, format) ||
        (header.predictor != 1 && !any_predictor))
        return CodecStatus::mismatch;
    if (header.point_transform != 0)
        return CodecStatus::unsupported; // the low bits are gone: not lossless
    const bool whole_cell = header.precision == format.bits_allocated;
    const bool stored_bits =
        header.precision == format.bits_stored && format.high_bit + 1 == format.bits_stored;
    return whole_cell || stored_bits ? compare_colour(header, format) : CodecStatus::mismatch;
}

// Samples of up to 8 bits come as bytes; the cell may have two.
CodecStatus decode_cells(std::span<const std::byte> stream, const JpegHeader& header,
                         const PixelFormat& format, FrameBuffer& out) {
    out.resize(format.frame_bytes());
    if (header.precision > 8 || format.bits_allocated == 8)
        return run_decoder_for(header.precision, stream, out);
    codecs::Scratch scratch;
    const std::span<std::byte> bytes = scratch.of_size(out.size() / 2);
    const CodecStatus status = run_decoder_for(header.precision, stream, bytes);
    for (std::size_t i = 0; i < bytes.size() && status == CodecStatus::ok; ++i) {
        out[2 * i] = bytes[i];
        out[2 * i + 1] = std::byte{0};
    }
    return status;
}

CodecStatus decode_lossless(std::span<const std::byte> stream, const PixelFormat& format,
                            bool any_predictor, FrameBuffer& out) {
    if (!is_sized(stream, format) || (format.bits_allocated != 8 && format.bits_allocated != 16) ||
        (format.samples != 1 && format.samples != 3) || (format.samples == 3 && format.is_signed))
        return CodecStatus::unsupported;
    JpegHeader header;
    if (const auto status = codecs::parse_jpeg(stream, header); status != CodecStatus::ok)
        return status;
    if (const auto status = compare_lossless(header, format, any_predictor);
        status != CodecStatus::ok)
        return status;
    const CodecStatus status = decode_cells(stream.first(header.end), header, format, out);
    if (status == CodecStatus::ok && format.is_signed && header.precision < format.bits_allocated) {
        // The stream knows no sign: restore it from bit Bits Stored - 1.
        if (format.bits_allocated == 8)
            codecs::sign_extend_8(out, header.precision);
        else
            codecs::sign_extend_16(out, header.precision);
    }
    return status;
}

// T.81 knows no 10 bits: images of fewer than 12 are coded as 12 (WG04 XA1, RG3). What the loss
// lifts over Bits Stored is not a value of this object.
CodecStatus decode_12_bits(std::span<const std::byte> stream, const JpegHeader& header,
                           const PixelFormat& format, FrameBuffer& out) {
    if (!is_sized(stream, format) || format.samples != 1 || format.is_signed ||
        format.bits_allocated != 16)
        return CodecStatus::unsupported;
    if (!same_shape(header, format) || format.bits_stored < 9 || format.bits_stored > 12 ||
        format.high_bit + 1 != format.bits_stored)
        return CodecStatus::mismatch;
    out.resize(format.frame_bytes());
    FrameBuffer copy;
    const auto checked = codecs::repaired(stream.first(header.end), header, copy);
    const CodecStatus status = run_decoder<DJDecompressIJG12Bit>(checked, out);
    if (status != CodecStatus::ok)
        return status;
    return codecs::unused_bits_clean({format, out}) ? CodecStatus::ok : CodecStatus::mismatch;
}

} // namespace

std::string_view JpegLosslessCodec::name() const {
    return predictors_ == Predictors::all ? "jpeg-lossless-57" : "jpeg-lossless";
}

CodecStatus JpegLosslessCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                      FrameBuffer& out) const {
    try {
        return decode_lossless(stream, format, predictors_ == Predictors::all, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

PixelFormat JpegExtendedCodec::decoded_format(const PixelFormat& coded) const {
    return eight_bits_.decoded_format(coded);
}

CodecStatus JpegExtendedCodec::decode(std::span<const std::byte> stream, const PixelFormat& format,
                                      FrameBuffer& out) const {
    try {
        JpegHeader header;
        if (const auto status = codecs::parse_jpeg(stream, header); status != CodecStatus::ok)
            return status;
        const bool twelve = header.process == JpegProcess::extended && header.precision == 12;
        return twelve ? decode_12_bits(stream, header, format, out)
                      : eight_bits_.decode(stream, format, out);
    } catch (const std::bad_alloc&) {
        return CodecStatus::unavailable;
    }
}

} // namespace dcmflow
