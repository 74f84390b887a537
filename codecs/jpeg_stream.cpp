#include "codecs/jpeg_stream.h"

#include "codecs/jpeg_markers.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace dcmflow::codecs {

namespace {

// Second bytes of the markers (T.81 table B.1).
enum Marker : std::uint8_t {
    sof0 = 0xC0,
    sof1 = 0xC1,
    sof3 = 0xC3,
    dht = 0xC4,
    sof15 = 0xCF,
    rst0 = 0xD0,
    rst7 = 0xD7,
    soi = 0xD8,
    eoi = 0xD9,
    sos = 0xDA,
    dqt = 0xDB,
    dnl = 0xDC,
    dri = 0xDD,
    exp_last = 0xDF, // DHP, EXP
    app0 = 0xE0,
    app14 = 0xEE,
    app15 = 0xEF,
    com = 0xFE,
};

bool starts_with(std::span<const std::byte> bytes, std::string_view text) {
    return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

class Parser {
  public:
    Parser(std::span<const std::byte> stream, JpegHeader& header)
        : stream_(stream), reader_(stream), header_(header) {}

    CodecStatus run() {
        if (reader_.u8() != 0xFF || reader_.u8() != soi)
            return CodecStatus::corrupt;
        while (true) {
            const std::uint8_t code = next_jpeg_marker(reader_);
            if (reader_.failed())
                return CodecStatus::corrupt;
            if (code == eoi)
                return finish();
            if (const CodecStatus status = segment(code); status != CodecStatus::ok)
                return status;
        }
    }

  private:
    CodecStatus segment(std::uint8_t code) {
        const bool frame_marker = code >= sof0 && code <= sof15 && code != dht;
        if (frame_marker && code != sof0 && code != sof1 && code != sof3)
            return CodecStatus::unsupported; // another process, or arithmetic coding
        const bool known = frame_marker || code == dht || code == sos || code == dqt ||
                           code == dri || code == com || (code >= app0 && code <= app15);
        if (!known)
            return code >= dnl && code <= exp_last ? CodecStatus::unsupported
                                                   : CodecStatus::corrupt;
        const auto body = take_jpeg_segment(reader_);
        if (reader_.failed())
            return CodecStatus::corrupt;
        if (frame_marker)
            return frame(code, ByteReader{body});
        return other_segment(code, body);
    }

    CodecStatus other_segment(std::uint8_t code, std::span<const std::byte> body) {
        switch (code) {
        case sos:
            return scan(ByteReader{body});
        case dht:
            return huffman_tables(ByteReader{body});
        case dqt:
            return quantization_tables(ByteReader{body});
        case dri:
            if (body.size() != 2)
                return CodecStatus::corrupt;
            restarts_ = ByteReader{body}.u16() != 0;
            return CodecStatus::ok;
        case app0:
            header_.jfif = header_.jfif || starts_with(body, std::string_view{"JFIF", 5});
            return CodecStatus::ok;
        case app14: // "Adobe", version, flags0, flags1, transform
            if (starts_with(body, "Adobe") && body.size() >= 12)
                header_.adobe_transform = std::to_integer<std::uint8_t>(body[11]);
            return CodecStatus::ok;
        default:
            return CodecStatus::ok;
        }
    }

    CodecStatus frame(std::uint8_t code, ByteReader body) { // T.81 B.2.2
        if (header_.components != 0)
            return CodecStatus::corrupt;
        header_.process = code == sof0   ? JpegProcess::baseline
                          : code == sof1 ? JpegProcess::extended
                                         : JpegProcess::lossless;
        header_.precision = body.u8();
        header_.height = body.u16();
        header_.width = body.u16();
        const std::uint8_t count = body.u8();
        if (body.failed() || count == 0 || body.left() != count * 3U || header_.width == 0)
            return CodecStatus::corrupt;
        if (header_.height == 0 || count > header_.component.size())
            return CodecStatus::unsupported;
        const unsigned p = header_.precision;
        const bool allowed = header_.process == JpegProcess::lossless   ? p >= 2 && p <= 16
                             : header_.process == JpegProcess::extended ? p == 8 || p == 12
                                                                        : p == 8;
        if (!allowed)
            return CodecStatus::corrupt;
        for (std::uint8_t i = 0; i < count; ++i) {
            auto& component = header_.component[i];
            component.id = body.u8();
            const std::uint8_t sampling = body.u8();
            component.horizontal = sampling >> 4;
            component.vertical = sampling & 15;
            if (component.horizontal < 1 || component.horizontal > 4 || component.vertical < 1 ||
                component.vertical > 4 || body.u8() > 3 || index_of(component.id) != i)
                return CodecStatus::corrupt;
        }
        header_.components = count;
        return CodecStatus::ok;
    }

    // The first of the frame's components with this identifier; 4: none.
    std::size_t index_of(std::uint8_t id) const {
        const auto found = std::find_if(header_.component.begin(), header_.component.end(),
                                        [id](const auto& each) { return each.id == id; });
        return static_cast<std::size_t>(found - header_.component.begin());
    }

    // T.81 B.2.4.2: a code of one to 16 bits has room for so many symbols, and symbols are lengths.
    static CodecStatus huffman_tables(ByteReader body) {
        while (body.left() > 0) {
            const std::uint8_t target = body.u8();
            if ((target & 0x0F) > 3 || target >> 4 > 1)
                return CodecStatus::corrupt;
            std::uint32_t symbols = 0, room = 1;
            for (int bits = 1; bits <= 16; ++bits) {
                const std::uint32_t count = body.u8();
                room *= 2;
                if (count > room)
                    return CodecStatus::corrupt;
                room -= count;
                symbols += count;
            }
            if (symbols > 256)
                return CodecStatus::corrupt;
            for (const std::byte symbol : body.take(symbols))
                if (target >> 4 == 0 && std::to_integer<unsigned>(symbol) > 16)
                    return CodecStatus::corrupt;
            if (body.failed())
                return CodecStatus::corrupt;
        }
        return CodecStatus::ok;
    }

    static CodecStatus quantization_tables(ByteReader body) { // T.81 B.2.4.1
        while (body.left() > 0) {
            const std::uint8_t target = body.u8();
            if ((target & 0x0F) > 3 || target >> 4 > 1)
                return CodecStatus::corrupt;
            body.skip(target >> 4 == 0 ? 64 : 128);
            if (body.failed())
                return CodecStatus::corrupt;
        }
        return CodecStatus::ok;
    }

    CodecStatus scan(ByteReader body) { // T.81 B.2.3
        if (header_.components == 0)
            return CodecStatus::corrupt;
        const std::uint8_t count = body.u8();
        if (count == 0 || count > header_.components || body.left() != count * 2U + 3U)
            return CodecStatus::corrupt;
        for (std::uint8_t i = 0; i < count; ++i) {
            const std::size_t which = index_of(body.u8());
            const std::uint8_t tables = body.u8();
            if (which >= header_.components || scanned_[which] || tables >> 4 > 3 ||
                (tables & 15) > 3)
                return CodecStatus::corrupt;
            scanned_[which] = true;
        }
        const CodecStatus status = scan_parameters(body);
        return status == CodecStatus::ok ? skip_entropy_coded() : status;
    }

    CodecStatus scan_parameters(ByteReader& body) {
        const std::size_t band_end = reader_.position() - body.left() + 1;
        const std::uint8_t start = body.u8();
        const std::uint8_t end = body.u8();
        const std::uint8_t approximation = body.u8();
        if (header_.process != JpegProcess::lossless) {
            if (start != 0 || approximation != 0 || (end != 63 && end != 0))
                return CodecStatus::corrupt;
            if (end == 0)
                header_.short_band[header_.short_bands++] =
                    band_end; // a scan per component at most
            return CodecStatus::ok;
        }
        if (start < 1 || start > 7 || end != 0 || approximation >= header_.precision)
            return CodecStatus::corrupt;
        if (header_.predictor != 0 &&
            (header_.predictor != start || header_.point_transform != approximation))
            return CodecStatus::unsupported; // another predictor for another component
        header_.predictor = start;
        header_.point_transform = approximation;
        return CodecStatus::ok;
    }

    // To the next marker that is not RST: FF00 stands for FF in coded data (T.81 F.1.2.3).
    CodecStatus skip_entropy_coded() {
        std::size_t at = reader_.position();
        while (true) {
            const auto from = stream_.begin() + static_cast<std::ptrdiff_t>(at);
            const auto found = std::find(from, stream_.end(), std::byte{0xFF});
            at = static_cast<std::size_t>(found - stream_.begin());
            if (at + 1 >= stream_.size())
                return CodecStatus::corrupt; // no EOI: truncated
            const auto code = std::to_integer<std::uint8_t>(stream_[at + 1]);
            if (code >= rst0 && code <= rst7) {
                if (!restarts_)
                    return CodecStatus::corrupt;
                at += 2;
            } else if (code == 0) {
                at += 2;
            } else {
                reader_.seek(at);
                return CodecStatus::ok;
            }
        }
    }

    CodecStatus finish() {
        if (header_.components == 0 ||
            std::count(scanned_.begin(), scanned_.end(), true) != header_.components)
            return CodecStatus::corrupt;
        header_.end = reader_.position();
        const auto rest = stream_.subspan(header_.end);
        const bool pad = std::all_of(rest.begin(), rest.end(), [](std::byte byte) {
            return byte == std::byte{0} || byte == std::byte{0xFF};
        });
        return pad ? CodecStatus::ok : CodecStatus::corrupt;
    }

    std::span<const std::byte> stream_;
    ByteReader reader_;
    JpegHeader& header_;
    std::array<bool, 4> scanned_{}; // components whose scan has begun
    bool restarts_ = false;
};

} // namespace

bool JpegHeader::subsampled() const {
    for (std::uint8_t i = 1; i < components; ++i)
        if (component[i].horizontal != component[0].horizontal ||
            component[i].vertical != component[0].vertical)
            return true;
    return false;
}

bool JpegHeader::ids_are_rgb() const {
    return components == 3 && component[0].id == 'R' && component[1].id == 'G' &&
           component[2].id == 'B';
}

CodecStatus parse_jpeg(std::span<const std::byte> stream, JpegHeader& header) {
    header = {};
    return Parser{stream, header}.run();
}

std::span<const std::byte> repaired(std::span<const std::byte> stream, const JpegHeader& header,
                                    FrameBuffer& copy) {
    if (header.short_bands == 0)
        return stream;
    copy.assign(stream.begin(), stream.end());
    for (std::uint8_t i = 0; i < header.short_bands; ++i)
        copy[header.short_band[i]] = std::byte{63};
    return copy;
}

std::optional<JpegColour> coded_colour(const JpegHeader& header, Photometric photometric) {
    const bool rgb_ids = header.ids_are_rgb();
    const bool adobe_rgb = header.adobe_transform == 0;
    if (header.adobe_transform.value_or(0) > 1)
        return std::nullopt; // YCCK has four components
    if (header.jfif || header.adobe_transform == 1) {
        if (adobe_rgb || rgb_ids)
            return std::nullopt;
        return JpegColour::ycbcr;
    }
    if (adobe_rgb || rgb_ids)
        return JpegColour::rgb;
    if (photometric == Photometric::rgb && !header.subsampled())
        return std::nullopt;
    return JpegColour::ycbcr;
}

} // namespace dcmflow::codecs
