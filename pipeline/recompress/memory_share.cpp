#include "pipeline/recompress/memory_share.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"

#include <algorithm>
#include <array>

namespace dcmflow::recompress {

namespace {

namespace uid = codecs::uid;

constexpr std::uint64_t least = 256U << 10;
constexpr std::uint64_t most = 1ULL << 50; // sums stay far from 2^64

bool has_planes(std::string_view syntax) {
    constexpr std::array all{uid::jpeg2000, uid::jpeg2000_lossy, uid::htj2k, uid::htj2k_rpcl,
                             uid::htj2k_lossy};
    return syntax.empty() || std::find(all.begin(), all.end(), syntax) != all.end();
}

// A result while it grows is there twice. One that is deflated is made whole before.
std::uint64_t result_work(std::uint64_t size, std::string_view target, const WorkBounds& bounds) {
    const bool whole = target == uid::deflated;
    return 2 * std::min(size, whole ? max_inflated_bytes : bounds.result_in_memory);
}

std::uint64_t data_set_work(std::span<const std::byte> bytes, std::string_view source,
                            std::string_view target, const WorkBounds& bounds) {
    const auto* syntax = codecs::find_by_uid(source);
    if (syntax != nullptr && syntax->deflated) // its header is known only once it is inflated
        return 2 * max_inflated_bytes;
    const auto opened =
        OpenedDataSet::open(bytes, source, ScanLimits{.object_bytes = std::uint64_t{1} << 40});
    if (!opened)
        return 0; // goes as it is
    const auto pixels = pixel_format_of(opened->data_set());
    if (!pixels)
        return result_work(bytes.size(), target, bounds);
    const auto frame = std::min(pixels->format.frame_bytes(), codecs::max_frame_bytes);
    const auto result = std::max<std::uint64_t>(bytes.size(), frame * pixels->frames);
    return result_work(result, target, bounds) + frames_at_once(*pixels, source, target, bounds) *
                                                     frame_work(pixels->format, source, target);
}

} // namespace

std::uint64_t frame_work(const codecs::PixelFormat& format, std::string_view source,
                         std::string_view target) {
    const std::uint64_t samples = std::uint64_t{format.rows} * format.columns * format.samples;
    const bool planes = has_planes(source) || has_planes(target);
    // Native, encoded, decoded again, and fragments joined; planes of 32 bits of the image and of
    // its tile.
    return std::clamp<std::uint64_t>(4 * format.frame_bytes() + (planes ? 8 * samples : 0), 1,
                                     most);
}

std::size_t frames_at_once(const PixelDescription& pixels, std::string_view source,
                           std::string_view target, const WorkBounds& bounds) {
    const auto fit = bounds.frame_memory / frame_work(pixels.format, source, target);
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(
        std::min<std::uint64_t>(fit, pixels.frames), 1, bounds.most_frames_at_once));
}

std::uint64_t file_work(std::span<const std::byte> file, std::string_view target,
                        const WorkBounds& bounds) noexcept {
    try {
        const auto meta = read_file_meta(file);
        if (!meta || meta->transfer_syntax_uid == target)
            return least;
        const auto bytes = file.subspan(static_cast<std::size_t>(meta->dataset_offset));
        return std::min(most,
                        least + data_set_work(bytes, meta->transfer_syntax_uid, target, bounds));
    } catch (...) { // no memory for an index: later there may be
        return least + std::min(most, 10 * std::min<std::uint64_t>(most / 10, file.size()));
    }
}

} // namespace dcmflow::recompress
