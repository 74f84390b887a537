#include "codecs/jpeg_ls_stream.h"

#include "codecs/jpeg_markers.h"

#include <algorithm>
#include <array>

namespace dcmflow::codecs {

namespace {

// Second bytes of the markers (T.87 table C.1, T.81 table B.1).
enum Marker : std::uint8_t {
    soi = 0xD8,
    eoi = 0xD9,
    sos = 0xDA,
    dri = 0xDD,
    sof55 = 0xF7,
    lse = 0xF8,
    com = 0xFE,
    app0 = 0xE0,
    app15 = 0xEF,
    rst0 = 0xD0,
    rst7 = 0xD7,
};

class Parser {
  public:
    Parser(std::span<const std::byte> stream, JpegLsHeader& header)
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
        const bool known = code == sof55 || code == lse || code == sos || code == dri ||
                           code == com || (code >= app0 && code <= app15);
        if (!known)
            return CodecStatus::corrupt; // another JPEG process, DNL, or no marker at all
        ByteReader body{take_jpeg_segment(reader_)};
        if (reader_.failed())
            return CodecStatus::corrupt;
        switch (code) {
        case sof55:
            return frame(body);
        case lse:
            return preset(body);
        case dri:
            restarts_ = true;
            return body.left() >= 2 && body.left() <= 4 ? CodecStatus::ok : CodecStatus::corrupt;
        case sos:
            return scan(body);
        default:
            return CodecStatus::ok;
        }
    }

    CodecStatus frame(ByteReader& body) {
        if (header_.components != 0)
            return CodecStatus::corrupt;
        header_.precision = body.u8();
        header_.height = body.u16();
        header_.width = body.u16();
        const std::uint8_t count = body.u8();
        if (body.failed() || count == 0 || body.left() != count * 3U)
            return CodecStatus::corrupt;
        if (header_.precision < 2 || header_.precision > 16)
            return CodecStatus::corrupt;
        if (header_.width == 0 || header_.height == 0) // in a DNL or LSE segment then
            return CodecStatus::unsupported;
        if (count > ids_.size())
            return CodecStatus::unsupported;
        for (std::uint8_t i = 0; i < count; ++i) {
            const std::uint8_t id = body.u8();
            if (std::find(ids_.begin(), ids_.begin() + i, id) != ids_.begin() + i)
                return CodecStatus::corrupt;
            ids_[i] = id;
            if (body.u8() != 0x11) // subsampled
                return CodecStatus::unsupported;
            body.skip(1);
        }
        header_.components = count;
        return CodecStatus::ok;
    }

    // T.87 C.2.4.1. Limits of T.87 table C.2 for lossless coding, given MAXVAL.
    CodecStatus preset(ByteReader& body) {
        if (body.u8() != 1) // 2, 3 mapping tables; 4 oversize dimensions
            return CodecStatus::unsupported;
        if (body.left() != 10 || header_.components == 0)
            return body.left() == 10 ? CodecStatus::unsupported : CodecStatus::corrupt;
        const unsigned full = (1U << header_.precision) - 1;
        const unsigned maxval = body.u16();
        const unsigned t1 = body.u16();
        const unsigned t2 = body.u16();
        const unsigned t3 = body.u16();
        const unsigned reset = body.u16();
        const unsigned top = maxval == 0 ? full : maxval;
        if (top > full)
            return CodecStatus::corrupt;
        const bool ordered = (t1 == 0 || t1 <= top) && (t2 == 0 || (t2 >= t1 && t2 <= top)) &&
                             (t3 == 0 || (t3 >= t2 && t3 <= top));
        if (!ordered || (reset != 0 && (reset < 3 || reset > std::max(255U, top))))
            return CodecStatus::corrupt;
        return CodecStatus::ok;
    }

    CodecStatus scan(ByteReader& body) {
        if (header_.components == 0 || scanned_ >= header_.components)
            return CodecStatus::corrupt;
        const std::uint8_t count = body.u8();
        if (count == 0 || body.left() != count * 2U + 3U)
            return CodecStatus::corrupt;
        for (std::uint8_t i = 0; i < count; ++i) {
            if (scanned_ + i >= header_.components || body.u8() != ids_[scanned_ + i])
                return CodecStatus::unsupported; // another order than the frame's
            if (body.u8() != 0)                  // mapping table
                return CodecStatus::unsupported;
        }
        const std::uint8_t near = body.u8();
        const std::uint8_t interleave = body.u8();
        if (body.u8() != 0) // point transform
            return CodecStatus::unsupported;
        if (interleave > 2 || (interleave == 0) != (count == 1))
            return CodecStatus::corrupt;
        if (scanned_ == 0) {
            header_.near = near;
            header_.interleave = interleave;
        } else if (near != header_.near || interleave != header_.interleave) {
            return CodecStatus::unsupported;
        }
        if (interleave != 0 && count != header_.components)
            return CodecStatus::unsupported;
        scanned_ = static_cast<std::uint8_t>(scanned_ + count);
        return skip_entropy_coded();
    }

    // To the next marker: after FF, coded data has a zero bit (T.87 A.1), so FF80 … FFFF are
    // markers.
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
            } else if (code >= 0x80) {
                reader_.seek(at);
                return CodecStatus::ok;
            } else {
                at += 2;
            }
        }
    }

    CodecStatus finish() {
        if (header_.components == 0 || scanned_ != header_.components)
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
    JpegLsHeader& header_;
    std::array<std::uint8_t, 4> ids_{};
    std::uint8_t scanned_ = 0; // components whose scan has begun
    bool restarts_ = false;
};

} // namespace

CodecStatus parse_jpeg_ls(std::span<const std::byte> stream, JpegLsHeader& header) {
    header = {};
    return Parser{stream, header}.run();
}

} // namespace dcmflow::codecs
