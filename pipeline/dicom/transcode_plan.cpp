#include "pipeline/dicom/transcode_plan.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/rewrite.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>

namespace dcmflow {

namespace {

using codecs::Photometric;
using codecs::PixelFormat;
using codecs::TransferSyntax;

constexpr std::uint32_t pixel_data_tag = 0x7FE0'0010;
constexpr std::uint32_t photometric_tag = 0x0028'0004, planar_tag = 0x0028'0006;

bool has_shared_chrominance(const PixelFormat& format) {
    return format.photometric == Photometric::ybr_full_422 ||
           format.photometric == Photometric::ybr_partial_420;
}

FrameStart frame_start(const TransferSyntax& syntax) {
    if (syntax.name.starts_with("jpeg2000") || syntax.name.starts_with("htj2k"))
        return FrameStart::soc;
    return syntax.name.starts_with("jpeg") ? FrameStart::soi : FrameStart::unknown;
}

std::string_view trimmed(std::string_view uid) {
    while (!uid.empty() && (uid.back() == ' ' || uid.back() == '\0'))
        uid.remove_suffix(1);
    return uid;
}

struct Planner {
    const DataSet& source;
    const PlanRequest& request;
    const TransferSyntax* from = nullptr;
    const TransferSyntax* to = nullptr;
    TranscodePlan plan{};

    TranscodeReason check_syntaxes(std::string_view from_uid, std::string_view to_uid);
    TranscodeReason check_object();
    TranscodeReason check_header(const ElementRef& pixels);
    TranscodeReason check_native_source(const ElementRef& pixels);
    TranscodeReason check_encapsulated_source(const ElementRef& pixels);
    TranscodeReason check_target();
    TranscodeReason check_elements() const;
    [[nodiscard]] bool is_unique(std::uint32_t tag) const;
};

TranscodeReason Planner::check_syntaxes(std::string_view from_uid, std::string_view to_uid) {
    if (from_uid == to_uid)
        return TranscodeReason::same_syntax;
    from = codecs::find_by_uid(from_uid);
    to = codecs::find_by_uid(to_uid);
    if (!to || !to->can_write || to->big_endian)
        return TranscodeReason::unsupported_target;
    if (from && !from->lossless && (!request.decode_lossy || to->encapsulated))
        return TranscodeReason::lossy_source;
    if (!from || !from->can_read)
        return TranscodeReason::unsupported_source;
    if (to->encapsulated && !request.own.find(to->uid))
        return TranscodeReason::unsupported_target;
    if (from->encapsulated && !request.foreign.find(from->uid))
        return TranscodeReason::unsupported_source;
    if (source.encoding() != Encoding::of(from->uid))
        return TranscodeReason::internal;
    plan.encoding = Encoding::of(to->uid);
    plan.from_native = !from->encapsulated;
    plan.from_lossy = !from->lossless;
    plan.to_native = !to->encapsulated;
    plan.to_deflated = to->deflated;
    return TranscodeReason::ok;
}

bool Planner::is_unique(std::uint32_t tag) const {
    const auto& elements = source.elements();
    return std::count_if(elements.begin(), elements.end(),
                         [tag](const auto& element) { return element.tag() == tag; }) <= 1;
}

TranscodeReason Planner::check_object() {
    const ElementRef* pixels = source.find(0x7FE0, 0x0010);
    const bool floats = source.find(0x7FE0, 0x0008) || source.find(0x7FE0, 0x0009);
    if (!plan.to_native && floats)
        return TranscodeReason::float_pixels;
    if (!plan.to_native && !pixels)
        return TranscodeReason::not_image;
    // Deflate is for what has no pixels (design §5): few archives take images in it.
    if (plan.to_deflated && (pixels || floats))
        return TranscodeReason::unsupported_target;
    if (pixels) {
        // Fragments in a native syntax, or none in an encapsulated one.
        if (!is_unique(pixel_data_tag) || pixels->undefined_length != from->encapsulated)
            return TranscodeReason::stream_mismatch;
        if (!plan.from_native || !plan.to_native) {
            const auto reason = check_header(*pixels);
            if (reason != TranscodeReason::ok)
                return reason;
        } else if (const auto description = pixel_format_of(source)) {
            plan.frames = description->frames;
        }
    }
    return check_elements();
}

TranscodeReason Planner::check_header(const ElementRef& pixels) {
    const auto description = pixel_format_of(source);
    if (!description || !is_unique(photometric_tag) || !is_unique(planar_tag))
        return TranscodeReason::bad_pixel_header;
    const auto& format = description->format;
    plan.frames = description->frames;
    // Native frames of single bits are packed across bytes (PS3.5 8.1.1): no codec of ours writes those, and they are
    // unpacked only if each begins with a byte.
    if (format.bits_allocated % 8 != 0) {
        if (plan.from_native)
            return TranscodeReason::unsupported_target;
        if (!plan.to_native || format.frame_bits() % 8 != 0)
            return TranscodeReason::unsupported_source;
    }
    plan.task.emplace();
    plan.task->frames = description->frames;
    plan.task->coded = plan.task->native = format;
    const auto reason =
        plan.from_native ? check_native_source(pixels) : check_encapsulated_source(pixels);
    return reason == TranscodeReason::ok ? check_target() : reason;
}

TranscodeReason Planner::check_native_source(const ElementRef& pixels) {
    FrameTask& task = *plan.task;
    const PixelFormat& format = task.native;
    if (format.photometric == Photometric::ybr_rct || format.photometric == Photometric::ybr_ict)
        return TranscodeReason::bad_pixel_header; // exist in codestreams only
    if (has_shared_chrominance(format))
        return TranscodeReason::unsupported_target; // half the samples: no lossless codec has that
                                                    // form
    if (format.frame_bytes() > codecs::max_frame_bytes)
        return TranscodeReason::frame_too_large;
    const auto size = format.frame_bytes() * task.frames; // 2^29 * 2^31 at most
    if (pixels.value_length != size && pixels.value_length != size + size % 2)
        return TranscodeReason::pixel_length;
    task.pixel_data = source.value(pixels);
    if (source.encoding().big_endian) {
        const auto unit = swap_unit(pixels.vr_text());
        const bool swappable =
            unit == 2 && pixels.value_length % 2 == 0 && format.bits_allocated <= 16;
        const bool as_is = unit == 1 && format.bits_allocated == 8;
        if (!swappable && !as_is)
            return TranscodeReason::unknown_vr;
        task.swapped = swappable;
    }
    return TranscodeReason::ok;
}

TranscodeReason Planner::check_encapsulated_source(const ElementRef& pixels) {
    FrameTask& task = *plan.task;
    const PixelFormat& format = task.coded;
    const auto start = frame_start(*from);
    if (format.photometric == Photometric::ybr_ict && from->lossless)
        return TranscodeReason::lossy_source; // an irreversible transform (PS3.5 8.2.4)
    if (format.photometric == Photometric::ybr_rct && start != FrameStart::soc)
        return TranscodeReason::bad_pixel_header; // only JPEG 2000 has that transform
    const auto value_of = [this](std::uint16_t element) {
        const ElementRef* found = source.find(0x7FE0, element);
        return found ? source.value(*found) : std::span<const std::byte>{};
    };
    auto fragments = FragmentReader::open({.pixel_data = source.value(pixels),
                                           .extended_offsets = value_of(0x0001),
                                           .extended_lengths = value_of(0x0002),
                                           .frames = task.frames,
                                           .start = start,
                                           .max_fragments = (1U << 20) + std::size_t{16} * task.frames});
    if (!fragments)
        return fragments.error() == FragmentFault::too_many ? TranscodeReason::limits
                                                            : TranscodeReason::frame_count;
    task.fragments = std::move(*fragments);
    task.decoder = request.foreign.find(from->uid);
    // In a codestream Planar Configuration means nothing; a deflated frame is native bytes (PS3.5 8.2.16).
    task.coded.planar = task.coded.planar && from->uid == codecs::uid::deflated_frame;
    task.native = task.decoder->decoded_format(task.coded);
    if (has_shared_chrominance(task.native))
        return TranscodeReason::unsupported_source;
    if (task.native.frame_bytes() > codecs::max_frame_bytes)
        return TranscodeReason::frame_too_large;
    if (is_bomb(task.native.frame_bytes() * task.frames, pixels.value_length, bomb_object_bytes))
        return TranscodeReason::limits;
    return TranscodeReason::ok;
}

TranscodeReason Planner::check_target() {
    FrameTask& task = *plan.task;
    const PixelFormat& format = task.native;
    static constexpr std::array recoded{pixel_data_tag, photometric_tag, planar_tag};
    if (is_signed(source, recoded))
        return TranscodeReason::signed_object;
    if (plan.to_native) { // a native length has 32 bits (PS3.5 A.1)
        const bool fits = format.frame_bytes() * task.frames < 0xFFFF'FFFE;
        return fits ? TranscodeReason::ok : TranscodeReason::unsupported_target;
    }
    // Tables of offsets have 32-bit lengths too.
    if (task.frames > (1U << 28))
        return TranscodeReason::limits;
    task.encoder = request.own.find(to->uid);
    if (!task.encoder->can_encode(format))
        return TranscodeReason::unsupported_target;
    // Viewers clamp 16-bit colour that went through the reversible transform to 8 bits.
    task.encode_options.colour_transform = format.bits_allocated == 8;
    if (format.high_bit + 1 == format.bits_stored)
        return TranscodeReason::ok;
    task.encode_options.whole_cells = true;
    return task.encoder->keeps_unused_bits(task.encode_options) ? TranscodeReason::ok
                                                                : TranscodeReason::dirty_bits;
}

// Whether every element but Pixel Data can be written in the target.
TranscodeReason Planner::check_elements() const {
    if (source.encoding() == plan.encoding) {
        const bool forbidden = plan.to_native && has_nested_fragments(source);
        return forbidden ? TranscodeReason::nested_pixels : TranscodeReason::ok;
    }
    Output nowhere(nullptr);
    DataSetWriter writer(source, plan.encoding, nowhere);
    for (const auto& element : source.elements())
        if (element.tag() != pixel_data_tag || element.value_length == 0)
            writer.keep(element);
    const ElementRef* pixels = source.find(0x7FE0, 0x0010);
    // Big endian words say nothing of the order within cells of 32 bits and more; OB nothing of 16.
    if (source.encoding().big_endian && pixels && !plan.task) {
        const auto unit = swap_unit(pixels->vr_text());
        const auto cell = source.us(0x0028, 0x0100).value_or(16);
        if (unit == 0 || cell > 16 || (unit == 1 && cell > 8) || pixels->value_length % unit != 0)
            return TranscodeReason::unknown_vr;
    }
    return reason_of(writer.fault());
}

std::optional<std::uint32_t> frames_of(const DataSet& data_set) {
    const std::string text = data_set.text(0x0028, 0x0008);
    if (text.empty())
        return 1;
    std::uint32_t frames = 0;
    const char* begin = text.data() + (text.front() == '+' ? 1 : 0);
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, frames);
    if (error != std::errc{} || stop != end || frames == 0 ||
        frames > std::uint32_t{std::numeric_limits<std::int32_t>::max()})
        return std::nullopt;
    return frames;
}

} // namespace

Result<PixelDescription> pixel_format_of(const DataSet& data_set) {
    struct Field {
        std::uint16_t element;
        const char* name;
    };
    static constexpr std::array<Field, 7> needed{{{0x0002, "Samples per Pixel"},
                                                  {0x0010, "Rows"},
                                                  {0x0011, "Columns"},
                                                  {0x0100, "Bits Allocated"},
                                                  {0x0101, "Bits Stored"},
                                                  {0x0102, "High Bit"},
                                                  {0x0103, "Pixel Representation"}}};
    std::array<std::uint16_t, needed.size()> value{};
    for (std::size_t i = 0; i < needed.size(); ++i) {
        const ElementRef* found = data_set.find(0x0028, needed[i].element);
        if (!found || found->value_length != 2)
            return fail(ErrorCode::malformed,
                        std::string(needed[i].name) + " is missing or not one number");
        value[i] = *data_set.us(0x0028, needed[i].element);
    }
    const auto planar = data_set.us(0x0028, 0x0006).value_or(0);
    const auto photometric = data_set.text(0x0028, 0x0004);
    const auto frames = frames_of(data_set);
    if (value[6] > 1)
        return fail(ErrorCode::malformed, "Pixel Representation is neither 0 nor 1");
    if (planar > 1)
        return fail(ErrorCode::malformed, "Planar Configuration is neither 0 nor 1");
    if (photometric.empty())
        return fail(ErrorCode::malformed, "Photometric Interpretation is missing");
    if (!frames)
        return fail(ErrorCode::malformed, "Number of Frames is not a positive number");
    const PixelFormat format{.rows = value[1],
                             .columns = value[2],
                             .samples = value[0],
                             .bits_allocated = value[3],
                             .bits_stored = value[4],
                             .high_bit = value[5],
                             .is_signed = value[6] == 1,
                             .photometric = codecs::photometric_from(photometric),
                             .planar = planar == 1 && value[0] > 1};
    if (auto problem = format.problem(); !problem.empty())
        return fail(ErrorCode::malformed, std::move(problem));
    return PixelDescription{format, *frames};
}

TranscodeReason reason_of(RewriteFault fault) {
    switch (fault) {
    case RewriteFault::none:
        return TranscodeReason::ok;
    case RewriteFault::unknown_vr:
        return TranscodeReason::unknown_vr;
    case RewriteFault::fragments:
        return TranscodeReason::nested_pixels;
    case RewriteFault::too_long:
        return TranscodeReason::limits;
    case RewriteFault::malformed:
        break;
    }
    return TranscodeReason::internal;
}

TranscodePlan plan_transcode(const DataSet& source, const PlanRequest& request) {
    Planner planner{source, request};
    auto reason =
        planner.check_syntaxes(trimmed(request.source_syntax), trimmed(request.target_syntax));
    if (reason == TranscodeReason::ok)
        reason = planner.check_object();
    planner.plan.reason = reason;
    return std::move(planner.plan);
}

} // namespace dcmflow
