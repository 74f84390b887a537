#include "codecs/transfer_syntax.h"

#include <array>

namespace dcmflow::codecs {

namespace {

// What a row says beyond its names. Ability is what this build does, not what the syntax allows.
enum class Kind : unsigned char { native, implicit, big_endian, deflated, fragments };
enum class Pixels : unsigned char { lossless, lossy };
enum class Ability : unsigned char { carry, read, read_write };

constexpr TransferSyntax row(std::string_view uid, std::string_view name, std::string_view title,
                             Kind kind, Pixels pixels, Ability ability) {
    return {.uid = uid,
            .name = name,
            .title = title,
            .encapsulated = kind == Kind::fragments,
            .implicit_vr = kind == Kind::implicit,
            .big_endian = kind == Kind::big_endian,
            .deflated = kind == Kind::deflated,
            .lossless = pixels == Pixels::lossless,
            .can_read = ability != Ability::carry,
            .can_write = ability == Ability::read_write};
}

using enum Kind;
using enum Pixels;
using enum Ability;

// PS3.6 Table A-1, and the few private ones that archives still hold.
constexpr std::array table{
    row(uid::explicit_le, "explicit-le", "Explicit VR Little Endian", native, lossless, read_write),
    row(uid::implicit_le, "implicit-le", "Implicit VR Little Endian", implicit, lossless,
        read_write),
    row(uid::explicit_be, "explicit-be", "Explicit VR Big Endian", big_endian, lossless, read),
    row(uid::deflated, "deflated", "Deflated Explicit VR Little Endian", deflated, lossless,
        read_write),

    row(uid::jpeg_ls, "jpeg-ls", "JPEG-LS Lossless", fragments, lossless, read_write),
    row(uid::jpeg_ls_near, "jpeg-ls-near", "JPEG-LS Near-lossless", fragments, lossy, read),
    row(uid::jpeg2000, "jpeg2000", "JPEG 2000 Lossless", fragments, lossless, read_write),
    row(uid::jpeg2000_lossy, "jpeg2000-lossy", "JPEG 2000", fragments, lossy, read),
    row("1.2.840.10008.1.2.4.92", "jpeg2000-mc", "JPEG 2000 Part 2 Multi-component Lossless",
        fragments, lossless, carry),
    row("1.2.840.10008.1.2.4.93", "jpeg2000-mc-lossy", "JPEG 2000 Part 2 Multi-component",
        fragments, lossy, carry),
    row(uid::htj2k, "htj2k", "High-Throughput JPEG 2000 Lossless", fragments, lossless, read_write),
    row(uid::htj2k_rpcl, "htj2k-rpcl", "High-Throughput JPEG 2000 Lossless RPCL", fragments,
        lossless, read_write),
    row(uid::htj2k_lossy, "htj2k-lossy", "High-Throughput JPEG 2000", fragments, lossy, read),

    row(uid::jpeg_baseline, "jpeg-baseline", "JPEG Baseline (Process 1)", fragments, lossy, read),
    row(uid::jpeg_extended, "jpeg-extended", "JPEG Extended (Process 2 and 4)", fragments, lossy,
        read),
    row("1.2.840.10008.1.2.4.53", "jpeg-spectral", "JPEG Spectral Selection (Process 6 and 8)",
        fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.55", "jpeg-progressive", "JPEG Full Progression (Process 10 and 12)",
        fragments, lossy, carry),
    row(uid::jpeg_lossless_57, "jpeg-lossless-57", "JPEG Lossless (Process 14)", fragments,
        lossless, read),
    row(uid::jpeg_lossless, "jpeg-lossless", "JPEG Lossless, First-Order (Process 14 SV1)",
        fragments, lossless, read),
    row(uid::rle, "rle", "RLE Lossless", fragments, lossless, read_write),

    row("1.2.840.10008.1.2.1.98", "encapsulated", "Encapsulated Uncompressed Explicit VR LE",
        fragments, lossless, carry),
    row(uid::deflated_frame, "deflated-frame", "Deflated Image Frame Compression", fragments,
        lossless, read),
    row("1.2.840.10008.1.2.4.110", "jpeg-xl", "JPEG XL Lossless", fragments, lossless, carry),
    row("1.2.840.10008.1.2.4.111", "jpeg-xl-recompressed", "JPEG XL JPEG Recompression", fragments,
        lossy, carry),
    row("1.2.840.10008.1.2.4.112", "jpeg-xl-lossy", "JPEG XL", fragments, lossy, carry),

    row("1.2.840.10008.1.2.4.100", "mpeg2", "MPEG2 Main Profile / Main Level", fragments, lossy,
        carry),
    row("1.2.840.10008.1.2.4.100.1", "mpeg2-fragmentable",
        "Fragmentable MPEG2 Main Profile / Main Level", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.101", "mpeg2-high", "MPEG2 Main Profile / High Level", fragments,
        lossy, carry),
    row("1.2.840.10008.1.2.4.101.1", "mpeg2-high-fragmentable",
        "Fragmentable MPEG2 Main Profile / High Level", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.102", "mpeg4", "MPEG-4 AVC/H.264 High Profile / Level 4.1", fragments,
        lossy, carry),
    row("1.2.840.10008.1.2.4.102.1", "mpeg4-fragmentable",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.103", "mpeg4-bd",
        "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.103.1", "mpeg4-bd-fragmentable",
        "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", fragments, lossy,
        carry),
    row("1.2.840.10008.1.2.4.104", "mpeg4-2d",
        "MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D Video", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.104.1", "mpeg4-2d-fragmentable",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D Video", fragments, lossy,
        carry),
    row("1.2.840.10008.1.2.4.105", "mpeg4-3d",
        "MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D Video", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.105.1", "mpeg4-3d-fragmentable",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D Video", fragments, lossy,
        carry),
    row("1.2.840.10008.1.2.4.106", "mpeg4-stereo",
        "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.106.1", "mpeg4-stereo-fragmentable",
        "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", fragments, lossy, carry),
    row("1.2.840.10008.1.2.4.107", "hevc", "HEVC/H.265 Main Profile / Level 5.1", fragments, lossy,
        carry),
    row("1.2.840.10008.1.2.4.108", "hevc-10", "HEVC/H.265 Main 10 Profile / Level 5.1", fragments,
        lossy, carry),

    // JPIP: the pixels are elsewhere, behind a URL (PS3.5 A.6); the data set has none.
    row("1.2.840.10008.1.2.4.94", "jpip", "JPIP Referenced", native, lossy, carry),
    row("1.2.840.10008.1.2.4.95", "jpip-deflated", "JPIP Referenced Deflate", deflated, lossy,
        carry),
    row("1.2.840.10008.1.2.4.204", "jpip-htj2k", "JPIP HTJ2K Referenced", native, lossy, carry),
    row("1.2.840.10008.1.2.4.205", "jpip-htj2k-deflated", "JPIP HTJ2K Referenced Deflate", deflated,
        lossy, carry),

    // Little endian data set with big endian pixels: not encapsulated, so an unknown UID's
    // assumption would be wrong for it.
    row("1.2.840.113619.5.2", "ge-private-be", "GE Private Implicit VR, Big Endian Pixels",
        implicit, lossless, carry),
};

} // namespace

std::span<const TransferSyntax> transfer_syntaxes() {
    return table;
}

const TransferSyntax* find_by_uid(std::string_view uid) {
    for (const TransferSyntax& syntax : table)
        if (syntax.uid == uid)
            return &syntax;
    return nullptr;
}

const TransferSyntax* find_by_name(std::string_view name) {
    for (const TransferSyntax& syntax : table)
        if (syntax.name == name)
            return &syntax;
    return nullptr;
}

std::string_view display_name(std::string_view uid) {
    const TransferSyntax* syntax = find_by_uid(uid);
    return syntax != nullptr ? syntax->name : uid;
}

} // namespace dcmflow::codecs
