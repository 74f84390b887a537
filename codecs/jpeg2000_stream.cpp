#include "codecs/jpeg2000_stream.h"

#include "codecs/byte_reader.h"

#include <algorithm>
#include <array>
#include <vector>

namespace dcmflow::codecs {

namespace {

// T.800 table A.2.
enum Marker : std::uint16_t {
    soc = 0xFF4F,
    cap = 0xFF50,
    siz = 0xFF51,
    cod = 0xFF52,
    coc = 0xFF53,
    tlm = 0xFF55,
    plm = 0xFF57,
    plt = 0xFF58,
    qcd = 0xFF5C,
    qcc = 0xFF5D,
    crg = 0xFF63,
    com = 0xFF64,
    sot = 0xFF90,
    sod = 0xFF93,
    eoc = 0xFFD9,
};

// Ceilings on what a stream may make the decoder allocate, far above what encoders write.
constexpr std::uint64_t max_tiles = 4096;
constexpr std::uint64_t max_blocks = 1U << 20;   // code-blocks or precincts of the image
constexpr std::uint64_t max_packets = 16U << 20; // layers × precincts

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) {
    return (value + by - 1) / by;
}

class Parser {
  public:
    Parser(std::span<const std::byte> stream, Jpeg2000Header& header)
        : stream_(stream), reader_(stream), header_(header) {}

    CodecStatus run() {
        if (reader_.u16() != soc || reader_.u16() != siz)
            return CodecStatus::corrupt;
        if (const CodecStatus status = size(); status != CodecStatus::ok)
            return status;
        if (const CodecStatus status = segments(sot); status != CodecStatus::ok)
            return status;
        if (!have_cod_ || !have_qcd_)
            return CodecStatus::corrupt;
        if (const CodecStatus status = tile_parts(); status != CodecStatus::ok)
            return status;
        return coherent();
    }

  private:
    // SIZ, T.800 A.5.1.
    CodecStatus size() {
        const std::uint16_t length = reader_.u16();
        ByteReader body{reader_.take(length >= 2 ? length - 2U : ~0ULL)};
        const std::uint16_t capabilities = body.u16();
        const std::uint64_t x1 = body.u32(), y1 = body.u32(), x0 = body.u32(), y0 = body.u32();
        const std::uint64_t tile_w = body.u32(), tile_h = body.u32();
        const std::uint64_t tile_x = body.u32(), tile_y = body.u32();
        header_.components = body.u16();
        if (body.failed() || header_.components == 0 || body.left() != header_.components * 3U)
            return CodecStatus::corrupt;
        if ((capabilities & 0x8000U) != 0) // Part 2 extensions
            return CodecStatus::unsupported;
        if (x1 <= x0 || y1 <= y0 || tile_w == 0 || tile_h == 0 || tile_x > x0 || tile_y > y0 ||
            tile_x + tile_w <= x0 || tile_y + tile_h <= y0)
            return CodecStatus::corrupt;
        if (x1 > 0x7FFFFFFF || y1 > 0x7FFFFFFF || header_.components > 4)
            return CodecStatus::unsupported;
        header_.width = static_cast<std::uint32_t>(x1 - x0);
        header_.height = static_cast<std::uint32_t>(y1 - y0);
        tile_w_ = std::min<std::uint64_t>(tile_w, header_.width);
        tile_h_ = std::min<std::uint64_t>(tile_h, header_.height);
        const std::uint64_t across = divide_up(x1 - tile_x, tile_w);
        const std::uint64_t down = divide_up(y1 - tile_y, tile_h);
        if (across > max_tiles || down > max_tiles || across * down > max_tiles)
            return CodecStatus::unsupported;
        tiles_.resize(across * down);
        return components(body);
    }

    CodecStatus components(ByteReader& body) {
        for (std::uint16_t i = 0; i < header_.components; ++i) {
            const std::uint8_t depth = body.u8();
            const std::uint8_t step_x = body.u8(), step_y = body.u8();
            if (step_x == 0 || step_y == 0)
                return CodecStatus::corrupt;
            if (step_x != 1 || step_y != 1)
                return CodecStatus::unsupported; // subsampled
            const auto precision = static_cast<std::uint8_t>((depth & 0x7FU) + 1);
            const bool is_signed = (depth & 0x80U) != 0;
            if (i > 0 && (precision != header_.precision || is_signed != header_.is_signed))
                return CodecStatus::unsupported;
            header_.precision = precision;
            header_.is_signed = is_signed;
        }
        return header_.precision <= 38 ? CodecStatus::ok : CodecStatus::corrupt;
    }

    // Marker segments up to `last`, which is consumed.
    CodecStatus segments(std::uint16_t last) {
        while (true) {
            const std::uint16_t code = reader_.u16();
            if (reader_.failed() || code < 0xFF00)
                return CodecStatus::corrupt;
            if (code == last)
                return CodecStatus::ok;
            const std::uint16_t length = reader_.u16();
            if (reader_.failed() || length < 2)
                return CodecStatus::corrupt;
            ByteReader body{reader_.take(length - 2U)};
            if (reader_.failed())
                return CodecStatus::corrupt;
            if (const CodecStatus status = segment(code, body); status != CodecStatus::ok)
                return status;
        }
    }

    CodecStatus segment(std::uint16_t code, ByteReader& body) {
        switch (code) {
        case cap:
            return extended_capabilities(body);
        case cod:
            have_cod_ = true;
            return coding_default(body);
        case coc:
            return coding_component(body);
        case qcd:
            have_qcd_ = true;
            return quantization(body);
        case qcc:
            if (body.u8() >= header_.components)
                return CodecStatus::corrupt;
            return quantization(body);
        case tlm:
        case plm:
        case plt:
        case crg:
        case com:
            return CodecStatus::ok;
        default:
            // RGN, POC, PPM, PPT and what we do not know: nothing that DICOM writers use.
            return CodecStatus::unsupported;
        }
    }

    // CAP, T.814 A.3: nothing but Part 15, and of that one set of HT code-blocks without regions of
    // interest, not mixed with others: what OpenJPEG reads.
    CodecStatus extended_capabilities(ByteReader& body) {
        constexpr std::uint32_t part15 = 0x00020000;
        constexpr std::uint16_t mixed = 0x4000, several_sets = 0x2000, regions = 0x1000;
        const std::uint32_t parts = body.u32();
        if (!body.failed() && parts != part15)
            return CodecStatus::unsupported;
        const std::uint16_t part15_needs = body.u16();
        if (body.failed() || body.left() != 0)
            return CodecStatus::corrupt;
        have_cap_ = true;
        return (part15_needs & (mixed | several_sets | regions)) == 0 ? CodecStatus::ok
                                                                      : CodecStatus::unsupported;
    }

    // COD, T.800 A.6.1.
    CodecStatus coding_default(ByteReader& body) {
        const std::uint8_t style = body.u8();
        const std::uint8_t progression = body.u8();
        layers_ = body.u16();
        const std::uint8_t transform = body.u8();
        if (body.failed() || (style & 0xF8U) != 0 || progression > 4 || layers_ == 0 ||
            transform > 1)
            return CodecStatus::corrupt;
        if (transform == 1 && header_.components < 3)
            return CodecStatus::corrupt;
        transforms_ |= transform == 1 ? 2U : 1U;
        max_layers_ = std::max(max_layers_, layers_);
        return coding_style(body, (style & 1U) != 0);
    }

    // COC, T.800 A.6.2; fewer than 257 components: one-byte index.
    CodecStatus coding_component(ByteReader& body) {
        const std::uint8_t component = body.u8();
        const std::uint8_t style = body.u8();
        if (body.failed() || component >= header_.components || style > 1)
            return CodecStatus::corrupt;
        return coding_style(body, style == 1);
    }

    // SPcod and SPcoc, T.800 table A.20.
    CodecStatus coding_style(ByteReader& body, bool precincts) {
        const std::uint8_t levels = body.u8();
        const unsigned block_w = body.u8() + 2U, block_h = body.u8() + 2U;
        const std::uint8_t style = body.u8();
        const std::uint8_t wavelet = body.u8();
        if (body.failed() || levels > 32 || block_w > 10 || block_h > 10 || block_w + block_h > 12)
            return CodecStatus::corrupt;
        if (body.left() != (precincts ? levels + 1U : 0U))
            return CodecStatus::corrupt;
        constexpr unsigned ht = 0x40, ht_mixed = 0x80, vertically_causal = 0x08;
        if (wavelet > 1 || (style & ht_mixed) != 0 ||
            ((style & ht) != 0 && (style & ~(ht | vertically_causal)) != 0)) // T.814 table A.5
            return CodecStatus::unsupported;
        blocks_ |= (style & ht) != 0 ? 2U : 1U;
        wavelets_ |= wavelet == 1 ? 2U : 1U;
        max_levels_ = std::max<unsigned>(max_levels_, levels);
        const std::uint64_t samples =
            std::uint64_t{header_.width} * header_.height * header_.components;
        if (samples >> (block_w + block_h) > max_blocks)
            return CodecStatus::unsupported;
        return precinct_sizes(body, levels, precincts);
    }

    CodecStatus precinct_sizes(ByteReader& body, unsigned levels, bool given) {
        std::uint64_t total = 0, most = 0;
        for (unsigned resolution = 0; resolution <= levels; ++resolution) {
            const std::uint8_t sizes = given ? body.u8() : std::uint8_t{0xFF};
            const unsigned across = sizes & 0x0FU, down = sizes >> 4U;
            if (resolution > 0 && (across == 0 || down == 0))
                return CodecStatus::corrupt; // T.800 A.6.1: zero only at the lowest resolution
            const unsigned reduced = levels - resolution;
            const std::uint64_t count =
                ((tile_w_ >> reduced >> across) + 2) * ((tile_h_ >> reduced >> down) + 2);
            total += count;
            most = std::max(most, count);
        }
        const std::uint64_t per_tile = most * (levels + 1) * header_.components * layers_;
        // + 2 above counts one precinct four times: forgive that.
        if (total * header_.components * tiles_.size() > 4 * max_blocks ||
            per_tile > 4 * max_packets)
            return CodecStatus::unsupported;
        return CodecStatus::ok;
    }

    // QCD, QCC, T.800 A.6.4: none, one step from which the others derive, or one per sub-band.
    CodecStatus quantization(ByteReader& body) {
        const unsigned style = body.u8() & 0x1FU;
        const std::size_t bytes_per_band = style == 0 ? 1 : 2;
        if (body.failed() || body.left() == 0 || body.left() % bytes_per_band != 0 || style > 2)
            return CodecStatus::corrupt;
        quantisations_ |= style == 0 ? 2U : 1U;
        if (style != 1)
            min_bands_ = std::min(min_bands_, body.left() / bytes_per_band);
        return CodecStatus::ok;
    }

    // What the segments say together. Components or tiles that differ in kind are legal and rare.
    CodecStatus coherent() {
        if (min_bands_ < 3 * std::size_t{max_levels_} + 1)
            return CodecStatus::unsupported; // perhaps a sub-band without its exponent
        const auto one = [](unsigned kinds) { return kinds == 1 || kinds == 2; };
        if (!one(transforms_) || !one(blocks_) || !one(wavelets_) || quantisations_ != wavelets_)
            return CodecStatus::unsupported;
        // OpenJPEG 2.5.0 finds its way among interleaved tile-parts by their number (#1558).
        if (interleaved_ && parts_unsaid_)
            return CodecStatus::unsupported;
        header_.component_transform = transforms_ == 2;
        header_.high_throughput = blocks_ == 2;
        header_.reversible = wavelets_ == 2;
        // OpenJPEG reads HT code-blocks of one layer; T.814 demands CAP.
        if (header_.high_throughput && (!have_cap_ || max_layers_ != 1))
            return CodecStatus::unsupported;
        return CodecStatus::ok;
    }

    // The reader stands behind the first SOT.
    CodecStatus tile_parts() {
        while (true) {
            const std::size_t start = reader_.position() - 2;
            const std::uint16_t length = reader_.u16(); // T.800 A.4.2
            const std::uint16_t tile = reader_.u16();
            const std::uint32_t bytes = reader_.u32();
            const std::uint8_t part = reader_.u8();
            const std::uint8_t parts = reader_.u8();
            if (reader_.failed() || length != 10 || tile >= tiles_.size())
                return CodecStatus::corrupt;
            if (const CodecStatus status = note_part(tile, part, parts); status != CodecStatus::ok)
                return status;
            if (const CodecStatus status = segments(sod); status != CodecStatus::ok)
                return status;
            parts_unsaid_ = parts_unsaid_ || bytes == 0;
            const std::size_t end = bytes == 0 ? last_eoc() : start + bytes;
            if (end < reader_.position() || end > stream_.size())
                return CodecStatus::corrupt;
            reader_.seek(end);
            const std::uint16_t next = reader_.u16();
            if (!reader_.failed() && next == eoc)
                return finish();
            if (reader_.failed() || next != sot || bytes == 0)
                return CodecStatus::corrupt;
        }
    }

    // Parts of a tile in order; those of other tiles may be in between.
    CodecStatus note_part(std::uint16_t tile, std::uint8_t part, std::uint8_t parts) {
        Tile& state = tiles_[tile];
        if (part != state.seen || (parts != 0 && part >= parts) || state.seen == 255)
            return CodecStatus::corrupt;
        interleaved_ = interleaved_ || (part > 0 && tile != last_tile_);
        parts_unsaid_ = parts_unsaid_ || parts == 0;
        ++state.seen;
        if (parts != 0)
            state.expected = parts;
        last_tile_ = tile;
        return CodecStatus::ok;
    }

    // Psot = 0: the tile-part runs to EOC, the last thing before pad bytes. 0 if there is none.
    [[nodiscard]] std::size_t last_eoc() const {
        std::size_t end = stream_.size();
        while (end >= 2 && stream_[end - 1] == std::byte{0})
            --end;
        while (end >= 2 && stream_[end - 1] == std::byte{0xFF})
            --end;
        const bool found =
            end >= 2 && stream_[end - 2] == std::byte{0xFF} && stream_[end - 1] == std::byte{0xD9};
        return found ? end - 2 : 0;
    }

    CodecStatus finish() {
        for (const Tile& tile : tiles_)
            if (tile.seen == 0 || (tile.expected != 0 && tile.seen != tile.expected))
                return CodecStatus::corrupt;
        header_.codestream = stream_.first(reader_.position());
        const auto rest = stream_.subspan(reader_.position());
        const bool pad = std::all_of(rest.begin(), rest.end(), [](std::byte byte) {
            return byte == std::byte{0} || byte == std::byte{0xFF};
        });
        return pad ? CodecStatus::ok : CodecStatus::corrupt;
    }

    struct Tile {
        std::uint8_t seen = 0;     // tile-parts met
        std::uint8_t expected = 0; // TNsot; 0: not said
    };

    std::span<const std::byte> stream_;
    ByteReader reader_;
    Jpeg2000Header& header_;
    std::vector<Tile> tiles_;
    std::uint64_t tile_w_ = 0, tile_h_ = 0;
    std::uint16_t layers_ = 1, max_layers_ = 1;
    std::uint16_t last_tile_ = 0;
    bool interleaved_ = false, parts_unsaid_ = false; // tile-parts; TNsot or Psot 0
    bool have_cap_ = false, have_cod_ = false, have_qcd_ = false;
    // Kinds met, 1 and 2: no component transform, one; Part 1, HT code-blocks; 9/7, 5/3 wavelet;
    // quantised, not.
    unsigned transforms_ = 0, blocks_ = 0, wavelets_ = 0, quantisations_ = 0;
    unsigned max_levels_ = 0;
    std::size_t min_bands_ = SIZE_MAX;
};

// JP2 files in fragments are wrong (PS3.5 A.4.4) but exist: the codestream is in box jp2c
// (T.800 annex I.4). Empty if there is none, or several: a second one would be a frame that nobody decodes.
std::span<const std::byte> unwrap_jp2(std::span<const std::byte> stream) {
    constexpr std::uint32_t jp2c = 0x6A703263;
    ByteReader reader{stream};
    std::span<const std::byte> codestream;
    while (!reader.failed() && reader.left() >= 8) {
        std::uint64_t length = reader.u32();
        const std::uint32_t type = reader.u32();
        std::uint64_t header = 8;
        if (length == 1) {
            length = reader.u64();
            header = 16;
        }
        const std::uint64_t body = length == 0 ? reader.left() : length - header;
        if (reader.failed() || (length != 0 && length < header) || body > reader.left())
            return {};
        const auto content = reader.take(body);
        if (type != jp2c)
            continue;
        if (!codestream.empty())
            return {};
        codestream = content;
    }
    return codestream;
}

constexpr std::array jp2_signature{std::byte{0x00}, std::byte{0x00}, std::byte{0x00},
                                   std::byte{0x0C}, std::byte{0x6A}, std::byte{0x50},
                                   std::byte{0x20}, std::byte{0x20}};

} // namespace

CodecStatus parse_jpeg2000(std::span<const std::byte> stream, Jpeg2000Header& header) {
    header = {};
    if (stream.size() > jp2_signature.size() &&
        std::equal(jp2_signature.begin(), jp2_signature.end(), stream.begin()))
        stream = unwrap_jp2(stream);
    return Parser{stream, header}.run();
}

} // namespace dcmflow::codecs
