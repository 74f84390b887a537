#include "pipeline/dicom/part10.h"

#include "pipeline/dicom/charset.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fmt/format.h>

namespace dcmflow {
namespace {

constexpr std::size_t preamble_size = 128;
constexpr std::size_t meta_offset = preamble_size + 4;
constexpr std::uint64_t meta_ceiling = 1U << 20; // no file meta information needs a megabyte
constexpr std::string_view private_creator_uid = "1.2.826.0.1.3680043.10.1462.1.1";

// The Private Information of a spool blob: lines of fixed width, so that the digest can be written
// in place.
constexpr std::string_view spool_magic = "dcmflow-spool-1\n";
constexpr std::string_view digest_label = "digest=";
constexpr std::string_view received_label = "\nreceived=";
constexpr std::string_view calling_label = "\ncalling=";
constexpr std::string_view called_label = "\ncalled=";
constexpr std::string_view peer_label = "\npeer=";
constexpr std::size_t digest_width = 32;
constexpr std::size_t received_width = 20;
constexpr std::size_t ae_width = 16;
constexpr std::size_t peer_width = 64;

// Text from the network, made fit for a field: printable ASCII without backslash, trimmed, clipped.
std::string clean(std::string_view text, std::size_t width) {
    std::string out;
    for (const char c : trimmed(text)) {
        if (out.size() == width)
            break;
        out += c >= 0x20 && c < 0x7F && c != '\\' ? c : '?';
    }
    return out;
}

// Of the VRs, those with a length of 32 bits after two reserved bytes (PS3.5 table 7.1-1).
bool has_long_header(std::string_view vr) {
    static constexpr std::array<std::string_view, 13> vrs{
        "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"};
    return std::find(vrs.begin(), vrs.end(), vr) != vrs.end();
}

class MetaWriter {
  public:
    explicit MetaWriter(std::span<const std::byte> preamble = {})
        : bytes_(preamble.begin(), preamble.end()) {
        bytes_.resize(preamble_size);
        put("DICM");
        element(0x0000, "UL", std::string_view("\0\0\0\0", 4), '\0'); // filled in by finish()
        element(0x0001, "OB", std::string_view("\0\x01", 2), '\0');
    }
    void element(std::uint16_t number, std::string_view vr, std::string_view value, char padding) {
        const std::size_t length = value.size() + value.size() % 2;
        put16(0x0002);
        put16(number);
        put(vr);
        if (has_long_header(vr)) {
            put16(0);
            put16(static_cast<std::uint16_t>(length & 0xFFFF));
            put16(static_cast<std::uint16_t>(length >> 16));
        } else {
            put16(static_cast<std::uint16_t>(length));
        }
        put(value);
        if (length != value.size())
            bytes_.push_back(static_cast<std::byte>(padding));
    }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::vector<std::byte> finish() {
        const std::size_t after_length = meta_offset + 12;
        const auto length = static_cast<std::uint32_t>(bytes_.size() - after_length);
        for (std::size_t i = 0; i < 4; ++i) {
            bytes_[meta_offset + 8 + i] = static_cast<std::byte>((length >> (8 * i)) & 0xFF);
        }
        return std::move(bytes_);
    }

  private:
    void put(std::string_view text) {
        for (const char c : text)
            bytes_.push_back(static_cast<std::byte>(c));
    }
    void put16(std::uint16_t value) {
        bytes_.push_back(static_cast<std::byte>(value & 0xFF));
        bytes_.push_back(static_cast<std::byte>(value >> 8));
    }
    std::vector<std::byte> bytes_;
};

// UIDs were checked by the caller; a longer one must still not spoil the file.
std::string_view clip_uid(std::string_view uid) {
    return uid.substr(0, 64);
}

MetaWriter begin_meta(std::string_view sop_class_uid, std::string_view sop_instance_uid,
                      std::string_view transfer_syntax_uid) {
    MetaWriter meta;
    meta.element(0x0002, "UI", clip_uid(sop_class_uid), '\0');
    meta.element(0x0003, "UI", clip_uid(sop_instance_uid), '\0');
    meta.element(0x0010, "UI", clip_uid(transfer_syntax_uid), '\0');
    meta.element(0x0012, "UI", implementation_class_uid, '\0');
    meta.element(0x0013, "SH", implementation_version_name, ' ');
    return meta;
}

// Takes "label" and then `width` characters off the front.
std::optional<std::string_view> take_field(std::string_view& text, std::string_view label,
                                           std::size_t width) {
    if (text.substr(0, label.size()) != label || text.size() < label.size() + width)
        return std::nullopt;
    const std::string_view field = text.substr(label.size(), width);
    text.remove_prefix(label.size() + width);
    return field;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

std::optional<Digest> parse_digest(std::string_view hex) {
    Digest digest;
    for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
        const int high = hex_value(hex[2 * i]);
        const int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return std::nullopt;
        digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    if (digest == Digest{})
        return std::nullopt; // never completed
    return digest;
}

void parse_spool_information(std::string_view text, FileMeta& meta) {
    const auto magic = take_field(text, spool_magic, 0);
    if (!magic)
        return;
    const auto digest = take_field(text, digest_label, digest_width);
    if (!digest)
        return;
    const auto received = take_field(text, received_label, received_width);
    if (!received)
        return;
    const auto calling = take_field(text, calling_label, ae_width);
    if (!calling)
        return;
    const auto called = take_field(text, called_label, ae_width);
    if (!called)
        return;
    const auto peer = take_field(text, peer_label, peer_width);
    if (!peer)
        return;
    Origin origin;
    const std::string_view number = trimmed(*received);
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), origin.received);
    if (error != std::errc() || end != number.data() + number.size())
        return;
    origin.calling_aet = trimmed(*calling);
    origin.called_aet = trimmed(*called);
    origin.peer_ip = trimmed(*peer);
    meta.origin = std::move(origin);
    meta.digest = parse_digest(*digest);
}

struct MetaElement {
    std::uint16_t number = 0;
    std::string_view vr; // empty where it is implicit
    std::string_view value;
    std::uint64_t end = 0;
};

std::uint32_t little(std::span<const std::byte> file, std::uint64_t offset, unsigned size) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= static_cast<std::uint32_t>(file[offset + i]) << (8 * i);
    return value;
}

// The element of group 0002 at `offset`, nullopt if there is none there, an error if it is broken.
// Explicit VR LE (PS3.10 7.1), or implicit where an old writer did that.
Result<std::optional<MetaElement>> read_element(std::span<const std::byte> file,
                                                std::uint64_t offset) {
    if (file.size() - offset < 8 || little(file, offset, 2) != 0x0002)
        return std::optional<MetaElement>();
    MetaElement element;
    element.number = static_cast<std::uint16_t>(little(file, offset + 2, 2));
    const auto upper = [&file](std::uint64_t at) {
        return std::to_integer<char>(file[at]) >= 'A' && std::to_integer<char>(file[at]) <= 'Z';
    };
    std::uint64_t length = 0;
    std::uint64_t value = offset + 8;
    const std::string_view vr = as_text(file.subspan(offset + 4, 2));
    if (!upper(offset + 4) || !upper(offset + 5)) {
        length = little(file, offset + 4, 4);
    } else if (!has_long_header(vr)) {
        element.vr = vr;
        length = little(file, offset + 6, 2);
    } else {
        element.vr = vr;
        if (file.size() - offset < 12)
            return fail(ErrorCode::malformed, "ends inside the file meta information");
        length = little(file, offset + 8, 4);
        value = offset + 12;
    }
    if (length > file.size() - value || length > meta_ceiling) {
        return fail(ErrorCode::malformed,
                    fmt::format("file meta element (0002,{:04X}) at byte {}: its length {} "
                                "leads past the end",
                                element.number, offset, length));
    }
    element.value = as_text(file.subspan(value, length));
    element.end = value + length;
    return std::optional<MetaElement>(element);
}

// A group length that leads to an element of another group is right, and then nothing that follows
// can be mistaken for meta information (a deflated data set may begin with any bytes). If more of
// group 0002 follows, it is wrong.
bool ends_here(std::span<const std::byte> file, std::uint64_t offset, std::uint64_t announced_end) {
    if (offset != announced_end || file.size() - offset < 8)
        return offset == announced_end;
    const auto letter = [&file](std::uint64_t at) {
        return std::to_integer<char>(file[at]) >= 'A' && std::to_integer<char>(file[at]) <= 'Z';
    };
    return !(little(file, offset, 2) == 0x0002 && letter(offset + 4) && letter(offset + 5));
}

// Calls per_element for each element of group 0002; gives the offset of the data set.
template <class PerElement>
Result<std::uint64_t> walk_meta(std::span<const std::byte> file, const PerElement& per_element) {
    if (file.size() < meta_offset || as_text(file.subspan(preamble_size, 4)) != "DICM") {
        return fail(ErrorCode::malformed,
                    "not a DICOM file: no DICM after a preamble of 128 bytes");
    }
    std::uint64_t offset = meta_offset;
    std::uint64_t announced_end = 0;
    while (!ends_here(file, offset, announced_end)) {
        const auto element = read_element(file, offset);
        if (!element)
            return tl::unexpected(element.error());
        if (!*element)
            break;
        offset = (*element)->end;
        if (offset > meta_ceiling) {
            return fail(ErrorCode::malformed, "file meta information of more than a megabyte");
        }
        if ((*element)->number == 0x0000 && (*element)->value.size() == 4)
            announced_end = offset + little(file, offset - 4, 4);
        per_element(**element);
    }
    return offset;
}

// Elements that say how the rest is written and by whom: not taken over from another writer.
bool is_rewritten(std::uint16_t number) {
    return number == 0x0000 || number == 0x0001 || number == 0x0010 || number == 0x0012 ||
           number == 0x0013;
}

// PS3.6 table 7-1, for meta information that an old writer left implicit.
std::string_view meta_vr(std::uint16_t number) {
    switch (number) {
    case 0x0002:
    case 0x0003:
    case 0x0100:
        return "UI";
    case 0x0016:
    case 0x0017:
    case 0x0018:
        return "AE";
    case 0x0026:
    case 0x0027:
    case 0x0028:
        return "UR";
    case 0x0102:
        return "OB";
    default:
        return "UN";
    }
}

} // namespace

bool is_valid_uid(std::string_view uid) {
    return !uid.empty() && uid.size() <= 64 && std::all_of(uid.begin(), uid.end(), [](char c) {
        return c == '.' || (c >= '0' && c <= '9');
    });
}

Result<FileMeta> read_file_meta(std::span<const std::byte> file) {
    FileMeta meta;
    std::string private_creator;
    std::string_view private_information;
    const auto end = walk_meta(file, [&](const MetaElement& element) {
        switch (element.number) {
        case 0x0002:
            meta.sop_class_uid = trimmed(element.value);
            break;
        case 0x0003:
            meta.sop_instance_uid = trimmed(element.value);
            break;
        case 0x0010:
            meta.transfer_syntax_uid = trimmed(element.value);
            break;
        case 0x0100:
            private_creator = trimmed(element.value);
            break;
        case 0x0102:
            private_information = element.value;
            break;
        default:
            break;
        }
    });
    if (!end)
        return tl::unexpected(end.error());
    if (!is_valid_uid(meta.transfer_syntax_uid)) {
        return fail(ErrorCode::malformed,
                    fmt::format("file meta information without a valid Transfer Syntax UID "
                                "(0002,0010): \"{}\"",
                                clean(meta.transfer_syntax_uid, 64)));
    }
    if (private_creator == private_creator_uid)
        parse_spool_information(private_information, meta);
    meta.dataset_offset = *end;
    return meta;
}

Result<std::vector<std::byte>> rewrite_file_meta(std::span<const std::byte> file,
                                                 std::string_view transfer_syntax_uid) {
    std::vector<MetaElement> kept;
    bool spooled = false;
    const auto end = walk_meta(file, [&](const MetaElement& element) {
        spooled = spooled ||
                  (element.number == 0x0100 && trimmed(element.value) == private_creator_uid);
        if (!is_rewritten(element.number))
            kept.push_back(element);
    });
    if (!end)
        return tl::unexpected(end.error());
    if (spooled) // origin and digest of a spool blob: the digest is that of the old data set
        std::erase_if(kept, [](const auto& e) { return e.number == 0x0100 || e.number == 0x0102; });
    kept.push_back({0x0010, "UI", clip_uid(transfer_syntax_uid), 0});
    kept.push_back({0x0012, "UI", implementation_class_uid, 0});
    kept.push_back({0x0013, "SH", implementation_version_name, 0});
    std::stable_sort(kept.begin(), kept.end(),
                     [](const auto& a, const auto& b) { return a.number < b.number; });
    MetaWriter meta(file.first(preamble_size));
    for (const auto& element : kept) {
        auto vr = element.vr.empty() ? meta_vr(element.number) : element.vr;
        if (element.value.size() > 0xFFFE)
            vr = has_long_header(vr) ? vr : "UN"; // PS3.5 6.2.2
        meta.element(element.number, vr, element.value,
                     vr == "UI" || vr == "OB" || vr == "UN" ? '\0' : ' ');
    }
    return meta.finish();
}

std::vector<std::byte> make_file_meta(std::string_view sop_class_uid,
                                      std::string_view sop_instance_uid,
                                      std::string_view transfer_syntax_uid,
                                      std::string_view source_aet) {
    MetaWriter meta = begin_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid);
    const std::string source = clean(source_aet, ae_width);
    if (!source.empty())
        meta.element(0x0016, "AE", source, ' ');
    return meta.finish();
}

SpoolHeader make_spool_header(std::string_view sop_class_uid, std::string_view sop_instance_uid,
                              std::string_view transfer_syntax_uid, const Origin& origin) {
    MetaWriter meta = begin_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid);
    const std::string calling = clean(origin.calling_aet, ae_width);
    const std::string called = clean(origin.called_aet, ae_width);
    if (!calling.empty())
        meta.element(0x0016, "AE", calling, ' ');
    if (!calling.empty())
        meta.element(0x0017, "AE", calling, ' ');
    if (!called.empty())
        meta.element(0x0018, "AE", called, ' ');
    meta.element(0x0100, "UI", private_creator_uid, '\0');
    std::string information(spool_magic);
    information += digest_label;
    const std::size_t digest_at = information.size();
    information.append(digest_width, '0');
    information +=
        fmt::format("{}{:>{}}{}{:<{}}{}{:<{}}{}{:<{}}\n", received_label, origin.received,
                    received_width, calling_label, calling, ae_width, called_label, called,
                    ae_width, peer_label, clean(origin.peer_ip, peer_width), peer_width);
    SpoolHeader header;
    header.digest_offset = meta.size() + 12 + digest_at; // 12: the header of an OB element
    meta.element(0x0102, "OB", information, '\0');
    header.bytes = meta.finish();
    return header;
}

} // namespace dcmflow
