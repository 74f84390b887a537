// Other people's eyes: DCMTK for the elements, CharLS and OpenJPEG called directly for the pixels.
#pragma once

#include "tests/codecs/opj_raw.h"
#include "tests/dicom/transcode_object.h"

#include <charls/charls.h>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcwcache.h>

namespace dcmflow::testing {

// Once: no chatter, and the made objects' private sequence, so that DCMTK sees one in Implicit VR
// too.
inline void prepare_dcmtk() {
    static const bool once = [] {
        OFLog::configure(OFLogger::ERROR_LOG_LEVEL);
        dcmDataDict.wrlock().addEntry(new DcmDictEntry(0x0009, 0x0010, EVR_SQ, "TestSequence", 1, 1,
                                                       nullptr, OFTrue, "DCMFLOW TEST"));
        dcmDataDict.wrunlock();
        return true;
    }();
    static_cast<void>(once);
}

// The data set as DCMTK understands it, without the elements that a transcode may change, in one
// encoding: implicit, sequences of undefined length, no group lengths. Equal for equal content
// whatever the VRs' form.
inline Bytes as_dcmtk_sees(const Bytes& bytes, std::string_view syntax,
                           bool without_pixels = true) {
    prepare_dcmtk();
    DcmDataset data_set;
    DcmInputBufferStream in;
    in.setBuffer(bytes.data(), static_cast<offile_off_t>(bytes.size()));
    in.setEos();
    data_set.transferInit();
    const E_TransferSyntax xfer = syntax == uid::deflated
                                      ? EXS_LittleEndianExplicit
                                      : DcmXfer(std::string(syntax).c_str()).getXfer();
    const OFCondition read = data_set.read(in, xfer);
    data_set.transferEnd();
    if (read.bad())
        throw std::runtime_error(std::string("DCMTK cannot read: ") + read.text());
    if (without_pixels)
        for (const DcmTagKey& tag :
             {DcmTagKey(0x7FE0, 0x0010), DcmTagKey(0x7FE0, 0x0001), DcmTagKey(0x7FE0, 0x0002),
              DcmTagKey(0x0028, 0x0004), DcmTagKey(0x0028, 0x0006)})
            data_set.findAndDeleteElement(tag);
    Bytes out(bytes.size() * 2 + 4096);
    DcmOutputBufferStream stream(out.data(), static_cast<offile_off_t>(out.size()));
    DcmWriteCache cache;
    data_set.computeGroupLengthAndPadding(EGL_withoutGL, EPD_noChange, EXS_LittleEndianImplicit,
                                          EET_UndefinedLength);
    data_set.transferInit();
    const OFCondition written =
        data_set.write(stream, EXS_LittleEndianImplicit, EET_UndefinedLength, &cache);
    data_set.transferEnd();
    if (written.bad())
        throw std::runtime_error(std::string("DCMTK cannot write: ") + written.text());
    void* buffer = nullptr;
    offile_off_t length = 0;
    stream.flushBuffer(buffer, length);
    out.resize(static_cast<std::size_t>(length));
    return out;
}

// Native bytes by pixel, sign-extended.
inline Bytes judge_jpeg_ls(std::span<const std::byte> stream, const codecs::PixelFormat& format) {
    charls::jpegls_decoder decoder;
    decoder.source(stream.data(), stream.size());
    decoder.read_header();
    const auto info = decoder.frame_info();
    if (info.width != format.columns || info.height != format.rows ||
        info.component_count != format.samples)
        throw std::runtime_error("JPEG-LS stream of another shape");
    if (decoder.near_lossless() != 0)
        throw std::runtime_error("JPEG-LS stream is not lossless");
    if (format.samples > 1 && decoder.interleave_mode() == charls::interleave_mode::none)
        throw std::runtime_error("viewers scramble interleave none");
    Bytes out(decoder.destination_size());
    decoder.decode(out);
    if (out.size() != format.frame_bytes())
        throw std::runtime_error("JPEG-LS stream of another cell size");
    if (format.is_signed && format.bits_allocated == 16)
        for (std::size_t i = 0; i < out.size(); i += 2) {
            std::uint32_t value = out[i] + 256U * out[i + 1];
            const std::uint32_t sign = 1U << (info.bits_per_sample - 1);
            value = (value ^ sign) - sign;
            out[i] = static_cast<std::uint8_t>(value);
            out[i + 1] = static_cast<std::uint8_t>(value >> 8);
        }
    return out;
}

inline Bytes judge_jpeg2000(std::span<const std::byte> stream, const codecs::PixelFormat& format) {
    const auto image = codecs::test::opj_raw_decode({stream.begin(), stream.end()});
    if (image.components.size() != format.samples)
        throw std::runtime_error("JPEG 2000 stream of another shape");
    // Some writers' codestreams say unsigned where the header says signed: the header is right
    // about the bits.
    const std::uint32_t sign = 1U << (format.bits_stored - 1);
    Bytes out;
    for (std::size_t i = 0; i < image.components[0].size(); ++i)
        for (const auto& component : image.components) {
            auto value = static_cast<std::uint32_t>(component.at(i)) & (2 * sign - 1);
            value = format.is_signed ? (value ^ sign) - sign : value;
            for (std::size_t b = 0; b < format.bytes_per_sample(); ++b)
                out.push_back(static_cast<std::uint8_t>(value >> (8 * b)));
        }
    return out;
}

inline Bytes judge(std::string_view syntax, std::span<const std::byte> stream,
                   const codecs::PixelFormat& format) {
    return syntax == uid::jpeg_ls ? judge_jpeg_ls(stream, format) : judge_jpeg2000(stream, format);
}

// Colour by plane to colour by pixel, one frame.
inline Bytes by_pixel(std::span<const std::uint8_t> frame, const codecs::PixelFormat& format) {
    if (!format.planar)
        return {frame.begin(), frame.end()};
    const std::size_t cell = format.bytes_per_sample();
    const std::size_t pixels = frame.size() / cell / format.samples;
    Bytes out;
    for (std::size_t p = 0; p < pixels; ++p)
        for (std::size_t s = 0; s < format.samples; ++s)
            for (std::size_t b = 0; b < cell; ++b)
                out.push_back(frame[(s * pixels + p) * cell + b]);
    return out;
}

// The fragments of Pixel Data, read by code of the test: the first is the Basic Offset Table.
inline std::vector<std::span<const std::byte>> fragments_of(const DataSet& data_set) {
    std::vector<std::span<const std::byte>> out;
    const ElementRef* pixels = data_set.find(0x7FE0, 0x0010);
    if (!pixels)
        throw std::runtime_error("no Pixel Data");
    const auto value = data_set.value(*pixels);
    for (std::size_t at = 0; at + 8 <= value.size();) {
        std::uint32_t length = 0;
        for (std::size_t i = 0; i < 4; ++i)
            length |= std::to_integer<std::uint32_t>(value[at + 4 + i]) << (8 * i);
        out.push_back(value.subspan(at + 8, length));
        at += 8 + std::size_t{length};
    }
    return out;
}

} // namespace dcmflow::testing
