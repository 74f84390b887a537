#include "pipeline/cli/synthetic.h"

#include "codecs/synthetic.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/cli/element_writer.h"
#include "pipeline/config/values.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>

namespace dcmflow::cli {

namespace {

constexpr std::uint32_t cine_frames = 20;
constexpr std::uint32_t max_objects = 10'000'000;

struct KindRow {
    StudyKind kind;
    std::string_view name;
    std::string_view modality;
    std::string_view sop_class_uid;
    std::string_view study; // Study Description
    std::string_view series;
    std::optional<codecs::SyntheticKind> pixels;
    std::uint32_t frames;
};
constexpr std::array<KindRow, 5> kinds{{
    {StudyKind::ct, "ct", "CT", "1.2.840.10008.5.1.4.1.1.2", "CT THORAX", "AXIAL 1.25 SOFT",
     codecs::SyntheticKind::ct, 1},
    {StudyKind::mr, "mr", "MR", "1.2.840.10008.5.1.4.1.1.4", "MR BRAIN", "T2 TSE TRA",
     codecs::SyntheticKind::mr, 1},
    {StudyKind::us, "us", "US", "1.2.840.10008.5.1.4.1.1.3.1", "US ABDOMEN", "CINE",
     codecs::SyntheticKind::us, cine_frames},
    {StudyKind::cr, "cr", "CR", "1.2.840.10008.5.1.4.1.1.1", "CHEST PA", "PA",
     codecs::SyntheticKind::cr, 1},
    {StudyKind::sr, "sr", "SR", "1.2.840.10008.5.1.4.1.1.88.11", "CT THORAX", "REPORT",
     std::nullopt, 0},
}};

const KindRow& row_of(StudyKind kind) {
    return kinds[static_cast<std::size_t>(kind)];
}

std::uint64_t mix(std::uint64_t value) { // splitmix64's finaliser
    value += 0x9E3779B97F4A7C15ULL;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

enum class UidOf : std::uint8_t { study, series, instance, frame_of_reference };

// 2.25 and a UUID of version 8, "custom" (PS3.5 B.2), as a decimal number.
std::string make_uid(std::uint64_t seed, StudyKind kind, UidOf what, std::uint32_t index) {
    __extension__ using Wide = unsigned __int128;
    const std::uint64_t key =
        mix(seed ^ mix((std::uint64_t{static_cast<std::uint8_t>(kind)} << 40) |
                       (std::uint64_t{static_cast<std::uint8_t>(what)} << 32) | index));
    const std::uint64_t high = (mix(key) & ~0xF000ULL) | 0x8000ULL;
    const std::uint64_t low = (mix(key ^ 0xD1B54A32D192ED03ULL) & ~(3ULL << 62)) | (1ULL << 63);
    std::string digits;
    for (Wide value = (Wide{high} << 64) | low; value != 0; value /= 10)
        digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    std::reverse(digits.begin(), digits.end());
    return "2.25." + digits;
}

ElementWriter code(std::string_view value, std::string_view scheme, std::string_view meaning) {
    ElementWriter item;
    item.text(0x00080100, "SH", value)
        .text(0x00080102, "SH", scheme)
        .text(0x00080104, "LO", meaning);
    return item;
}

// What every object of a study has.
void add_identity(ElementWriter& out, const KindRow& row, std::uint64_t seed, std::uint32_t index) {
    const auto kind = row.kind;
    const std::uint64_t patient = mix(seed ^ 0x70617469656E74ULL) % 1'000'000;
    out.text(0x00080005, "CS", "ISO_IR 192")
        .text(0x00080016, "UI", row.sop_class_uid)
        .text(0x00080018, "UI", make_uid(seed, kind, UidOf::instance, index))
        .text(0x00080020, "DA", "20240115")
        .text(0x00080023, "DA", "20240115")
        .text(0x00080030, "TM", "101500")
        .text(0x00080033, "TM", fmt::format("1016{:02}.{:03}", index / 1000 % 60, index % 1000))
        .text(0x00080050, "SH", fmt::format("ACC{:06}{}", patient, row.modality))
        .text(0x00080060, "CS", row.modality)
        .text(0x00080070, "LO", "dcmflow")
        .text(0x00080080, "LO", "Synthetic Hospital")
        .text(0x00080090, "PN", "Referrer^Synthetic")
        .text(0x00081010, "SH", fmt::format("{}01", row.modality))
        .text(0x00081030, "LO", row.study)
        .text(0x0008103E, "LO", row.series)
        .text(0x00081090, "LO", "Synthetic")
        .text(0x00100010, "PN", fmt::format("Synthetic^Patient\u00E9 {}", patient))
        .text(0x00100020, "LO", fmt::format("SYN{:06}", patient))
        .text(0x00100030, "DA", "19700101")
        .text(0x00100040, "CS", "O")
        .text(0x00181020, "LO", "0.1")
        .text(0x0020000D, "UI", make_uid(seed, kind, UidOf::study, 0))
        .text(0x0020000E, "UI", make_uid(seed, kind, UidOf::series, 0))
        .text(0x00200010, "SH", "1")
        .text(0x00200011, "IS", "1")
        .text(0x00200013, "IS", std::to_string(index + 1));
}

// A private block, and a request with a code sequence inside: what a router must not harm.
void add_extras(ElementWriter& out, std::uint64_t seed, std::uint32_t index) {
    std::array<std::byte, 24> opaque{};
    for (std::size_t i = 0; i < opaque.size(); ++i)
        opaque[i] = static_cast<std::byte>(mix(seed + i) >> 8);
    ElementWriter request;
    request.text(0x00400007, "LO", "Synthetic procedure step")
        .sequence(0x00400008, {code("P1", "99DCMFLOW", "Synthetic protocol")})
        .text(0x00400009, "SH", "SPS1")
        .text(0x00401001, "SH", "RP1");
    out.text(0x00290010, "LO", "DCMFLOW SYNTHETIC")
        .bytes(0x00291010, "OB", opaque)
        .text(0x00291011, "LO", fmt::format("slice {}", index))
        .bytes(0x00291012, "UN", std::span(opaque).first(6))
        .sequence(0x00400275, {request}, true);
}

void add_slice(ElementWriter& out, StudyKind kind, std::uint64_t seed, std::uint32_t index) {
    const bool ct = kind == StudyKind::ct;
    const double step = ct ? 1.25 : 4.0;
    const double z = static_cast<double>(index) * step - 150.0;
    out.text(0x00080008, "CS", ct ? "ORIGINAL\\PRIMARY\\AXIAL" : "ORIGINAL\\PRIMARY\\M\\SE")
        .text(0x00180015, "CS", ct ? "CHEST" : "BRAIN")
        .text(0x00180050, "DS", fmt::format("{}", step))
        .text(0x00200032, "DS", fmt::format("-180\\-180\\{}", z))
        .text(0x00200037, "DS", "1\\0\\0\\0\\1\\0")
        .text(0x00200052, "UI", make_uid(seed, kind, UidOf::frame_of_reference, 0))
        .text(0x00201041, "DS", fmt::format("{}", z))
        .text(0x00280030, "DS", ct ? "0.703125\\0.703125" : "0.9\\0.9");
    if (ct) {
        out.text(0x00180060, "DS", "120")
            .text(0x00181151, "IS", "240")
            .text(0x00181210, "SH", "SOFT")
            .text(0x00281050, "DS", "40")
            .text(0x00281051, "DS", "400")
            .text(0x00281052, "DS", "0")
            .text(0x00281053, "DS", "1")
            .text(0x00281054, "LO", "HU");
    } else {
        out.text(0x00180020, "CS", "SE")
            .text(0x00180021, "CS", "SK")
            .text(0x00180080, "DS", "4000")
            .text(0x00180081, "DS", "100")
            .text(0x00180087, "DS", "1.5");
    }
}

void add_cine(ElementWriter& out) {
    out.text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\ABDOMINAL")
        .text(0x00181063, "DS", "40")
        .text(0x00280008, "IS", std::to_string(cine_frames))
        .at(0x00280009, 0x00181063)
        .text(0x00282110, "CS", "00");
}

void add_projection(ElementWriter& out) {
    out.text(0x00080008, "CS", "ORIGINAL\\PRIMARY")
        .text(0x00180015, "CS", "CHEST")
        .text(0x00181164, "DS", "0.175\\0.175")
        .text(0x00185101, "CS", "PA")
        .text(0x00281050, "DS", "512")
        .text(0x00281051, "DS", "1024");
}

void add_pixels(ElementWriter& out, const KindRow& row, std::uint64_t seed, std::uint32_t index) {
    codecs::PixelFormat format;
    std::vector<std::byte> pixels;
    for (std::uint32_t frame = 0; frame < row.frames; ++frame) {
        // The frames of one cine follow each other; so do the slices of one series.
        const auto bytes =
            row.frames > 1 ? codecs::synthetic_frame(*row.pixels, format, mix(seed + index), frame)
                           : codecs::synthetic_frame(*row.pixels, format, seed, index);
        pixels.insert(pixels.end(), bytes.begin(), bytes.end());
    }
    out.us(0x00280002, format.samples)
        .text(0x00280004, "CS", codecs::to_string(format.photometric))
        .us(0x00280010, static_cast<std::uint16_t>(format.rows))
        .us(0x00280011, static_cast<std::uint16_t>(format.columns))
        .us(0x00280100, format.bits_allocated)
        .us(0x00280101, format.bits_stored)
        .us(0x00280102, format.high_bit)
        .us(0x00280103, format.is_signed ? 1 : 0)
        .bytes(0x7FE00010, format.bits_allocated > 8 ? "OW" : "OB", pixels);
    if (format.samples > 1)
        out.us(0x00280006, format.planar ? 1 : 0);
}

ElementWriter report_text(std::string_view relationship, const ElementWriter& concept_name,
                          std::string_view text) {
    ElementWriter item;
    item.text(0x0040A010, "CS", relationship)
        .text(0x0040A040, "CS", "TEXT")
        .sequence(0x0040A043, {concept_name})
        .text(0x0040A160, "UT", text);
    return item;
}

// PS3.3 A.35.1: a container of containers of text.
void add_report(ElementWriter& out, std::uint32_t index) {
    ElementWriter findings;
    findings.text(0x0040A010, "CS", "CONTAINS")
        .text(0x0040A040, "CS", "CONTAINER")
        .sequence(0x0040A043, {code("121070", "DCM", "Findings")})
        .text(0x0040A050, "CS", "SEPARATE")
        .sequence(
            0x0040A730,
            {report_text("CONTAINS", code("121071", "DCM", "Finding"),
                         fmt::format("Synthetic finding {}: no abnormality.", index)),
             report_text("CONTAINS", code("121071", "DCM", "Finding"), "Gr\u00F6\u00DFe normal.")},
            true);
    out.text(0x0040A040, "CS", "CONTAINER")
        .sequence(0x0040A043, {code("18748-4", "LN", "Diagnostic Imaging Report")})
        .text(0x0040A050, "CS", "SEPARATE")
        .text(0x0040A491, "CS", "COMPLETE")
        .text(0x0040A493, "CS", "UNVERIFIED")
        .sequence(
            0x0040A730,
            {findings, report_text("CONTAINS", code("121077", "DCM", "Conclusion"), "Synthetic.")});
}

} // namespace

std::string_view to_string(StudyKind kind) {
    return row_of(kind).name;
}

Result<std::vector<StudySpec>> parse_studies(std::string_view text) {
    std::vector<StudySpec> studies;
    while (true) {
        const auto comma = text.find(',');
        const auto word = text.substr(0, comma);
        const auto colon = word.find(':');
        const auto name = word.substr(0, colon);
        const auto* row = std::find_if(kinds.begin(), kinds.end(),
                                       [&](const KindRow& one) { return one.name == name; });
        const auto count = colon == std::string_view::npos
                               ? std::optional<std::int64_t>(1)
                               : parse_integer(word.substr(colon + 1), 1, max_objects);
        if (row == kinds.end() || !count)
            return fail(
                ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not a synthetic study; expected ct, mr, us, cr or sr "
                            "and a count, as in ct:200,mr:100,us:2,sr:5",
                            word));
        const bool twice = std::any_of(studies.begin(), studies.end(),
                                       [&](const StudySpec& one) { return one.kind == row->kind; });
        if (twice)
            return fail(ErrorCode::invalid_argument,
                        fmt::format("\"{}\" is there twice; expected each kind once", name));
        studies.push_back({row->kind, static_cast<std::uint32_t>(*count)});
        if (comma == std::string_view::npos)
            return studies;
        text.remove_prefix(comma + 1);
    }
}

SyntheticStudies::SyntheticStudies(std::vector<StudySpec> studies, std::uint64_t seed)
    : studies_(std::move(studies)), seed_(seed) {
    for (const auto& study : studies_)
        size_ += study.count;
}

std::uint64_t SyntheticStudies::bytes() const {
    std::uint64_t total = 0;
    for (const auto& study : studies_) {
        const auto& row = row_of(study.kind);
        const std::uint64_t frame =
            row.pixels ? codecs::synthetic_format(*row.pixels).frame_bytes() : 0;
        total += study.count * (frame * row.frames + 2048);
    }
    return total;
}

SyntheticObject SyntheticStudies::make(std::size_t number) const {
    const auto* study = studies_.data();
    while (number >= study->count) {
        number -= study->count;
        ++study;
    }
    const auto index = static_cast<std::uint32_t>(number);
    const auto& row = row_of(study->kind);
    ElementWriter out;
    add_identity(out, row, seed_, index);
    add_extras(out, seed_, index);
    switch (row.kind) {
    case StudyKind::ct:
    case StudyKind::mr:
        add_slice(out, row.kind, seed_, index);
        break;
    case StudyKind::us:
        add_cine(out);
        break;
    case StudyKind::cr:
        add_projection(out);
        break;
    case StudyKind::sr:
        add_report(out, index);
        break;
    }
    if (row.pixels)
        add_pixels(out, row, seed_, index);
    return {fmt::format("{}/{:05}.dcm", row.name, index + 1), std::string(row.sop_class_uid),
            make_uid(seed_, row.kind, UidOf::instance, index),
            std::string(codecs::uid::explicit_le), out.finish()};
}

} // namespace dcmflow::cli
