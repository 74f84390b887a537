#include "pipeline/dicom/size_trial.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/transcode_plan.h"

#include <algorithm>
#include <array>

namespace dcmflow {

namespace {

constexpr std::uint32_t strip_rows = 64; // five levels of a wavelet need that
constexpr std::uint32_t most_strips = 4;
constexpr double worth_recoding = 0.97;
constexpr double doubt = 1.25; // of an estimate in bytes: strips lie where most of the image is

// JPEG 2000 of the same image, as a part of HTJ2K: 0.92 to 0.96 on images of all modalities
// (codecs.md §5).
constexpr double part1_of_ht = 1 / 1.067;

bool is_compressed(std::string_view syntax) {
    const auto* found = codecs::find_by_uid(syntax);
    return found != nullptr && found->encapsulated;
}

// Rows of a native frame as a frame of their own.
std::vector<std::byte> rows_of(std::span<const std::byte> frame, const codecs::PixelFormat& format,
                               std::uint32_t first, std::uint32_t count) {
    const std::size_t planes = format.planar ? format.samples : 1;
    const std::size_t plane = frame.size() / planes;
    const std::size_t row = plane / format.rows;
    std::vector<std::byte> strip;
    strip.reserve(planes * row * count);
    for (std::size_t i = 0; i < planes; ++i) {
        const auto part = frame.subspan(i * plane + first * row, count * row);
        strip.insert(strip.end(), part.begin(), part.end());
    }
    return strip;
}

} // namespace

std::uint64_t auto_must_beat(std::string_view source_syntax, std::uint64_t received_bytes) {
    if (!is_compressed(source_syntax))
        return received_bytes;
    return static_cast<std::uint64_t>(static_cast<double>(received_bytes) * worth_recoding);
}

std::span<const std::string_view> auto_candidates() {
    namespace uid = codecs::uid;
    static constexpr std::array all{uid::jpeg_ls, uid::jpeg2000, uid::htj2k, uid::htj2k_rpcl,
                                    uid::rle};
    return all;
}

SizeTrial::SizeTrial(const Transcoder& transcoder, const DataSet& data_set,
                     std::string_view source_syntax)
    : transcoder_(transcoder), data_set_(data_set), source_(source_syntax) {}

std::vector<std::string> SizeTrial::rank(std::span<const std::string_view> candidates) {
    struct Guess {
        std::string syntax;
        double bytes;
    };
    const auto size = static_cast<double>(data_set_.bytes().size());
    const double bound = is_compressed(source_) ? size * worth_recoding * doubt : size;
    std::vector<Guess> guesses{{source_, bound}}; // first among equals
    reason_ = TranscodeReason::ok;
    for (const auto candidate : candidates) {
        if (candidate == source_)
            continue;
        const auto reason = transcoder_.can_transcode(data_set_, source_, candidate);
        const auto bytes = reason == TranscodeReason::ok ? estimate(candidate) : std::nullopt;
        if (bytes)
            guesses.push_back({std::string(candidate), *bytes});
        else if (reason_ == TranscodeReason::ok)
            reason_ = reason;
    }
    if (std::find(candidates.begin(), candidates.end(), source_) != candidates.end())
        reason_ = TranscodeReason::same_syntax;
    else if (guesses.size() > 1)
        reason_ = TranscodeReason::incompressible;
    std::stable_sort(guesses.begin(), guesses.end(),
                     [](const Guess& a, const Guess& b) { return a.bytes < b.bytes; });
    std::vector<std::string> ranked;
    for (auto& guess : guesses)
        ranked.push_back(std::move(guess.syntax));
    if (sample_reason_ != TranscodeReason::ok)
        reason_ = sample_reason_;
    else if (ranked.front() != source_)
        reason_ = TranscodeReason::ok;
    return ranked;
}

// Bytes of the object in that syntax. What surrounds the pixels counts as it is now.
std::optional<double> SizeTrial::estimate(std::string_view syntax) {
    take_sample(syntax);
    if (!sample_)
        return std::nullopt;
    const auto coded = ratio(syntax);
    if (!coded)
        return std::nullopt;
    const auto* pixels = data_set_.find(0x7FE0, 0x0010);
    const auto others = data_set_.bytes().size() - (pixels ? pixels->value_length : 0);
    return static_cast<double>(others) +
           *coded * static_cast<double>(sample_->frame_bytes) * frames_;
}

std::optional<double> SizeTrial::ratio(std::string_view syntax) {
    namespace uid = codecs::uid;
    if (const auto known = ratios_.find(syntax); known != ratios_.end())
        return known->second;
    std::optional<double> result;
    if (syntax == uid::jpeg2000) {
        const auto ht = ratio(uid::htj2k);
        result = ht ? std::optional(*ht * part1_of_ht) : code_sample(syntax);
    } else if (syntax == uid::htj2k_rpcl) {
        result = ratio(uid::htj2k); // the same blocks in another order
    } else {
        result = code_sample(syntax);
    }
    ratios_.emplace(syntax, result);
    return result;
}

std::optional<double> SizeTrial::code_sample(std::string_view syntax) const {
    const auto* codec = transcoder_.own_codecs().find(syntax);
    if (!codec || !codec->can_encode(sample_->format))
        return std::nullopt;
    codecs::EncodeOptions options{.colour_transform = sample_->format.bits_allocated == 8};
    codecs::FrameBuffer coded;
    codecs::AttributeChanges changes;
    std::uint64_t total = 0;
    for (const auto& strip : sample_->strips) {
        const codecs::FrameView view{sample_->format, strip};
        auto status = codec->encode(view, options, coded, changes);
        if (status == codecs::CodecStatus::dirty_bits) {
            options.whole_cells = true;
            status = codec->encode(view, options, coded, changes);
        }
        if (status != codecs::CodecStatus::ok)
            return std::nullopt;
        total += coded.size();
    }
    return static_cast<double>(total) / static_cast<double>(sample_->bytes);
}

// Strips from a frame in the middle; of many frames, from one near each end too, since cines begin
// and slides end with blank ones. `target` is any that the object can be coded to.
void SizeTrial::take_sample(std::string_view target) {
    if (sampled_)
        return;
    sampled_ = true;
    const auto description = pixel_format_of(data_set_);
    frames_ = description ? description->frames : 1;
    std::vector<std::uint32_t> indices{frames_ / 2};
    if (frames_ > 2)
        indices.insert(indices.end(), {frames_ / 6, frames_ - 1 - frames_ / 6});
    else if (frames_ == 2)
        indices.push_back(0);
    for (const auto index : indices) {
        const auto most = indices.size() > 1 ? most_strips / 2 : most_strips;
        const auto reason = transcoder_.lend_frame(
            data_set_, source_, target, index,
            [&](const auto& format, auto frame) { add_strips(format, frame, most); });
        if (reason != TranscodeReason::ok) {
            sample_reason_ = reason;
            sample_.reset();
            return;
        }
    }
}

void SizeTrial::add_strips(const codecs::PixelFormat& format, std::span<const std::byte> frame,
                           std::uint32_t most) {
    const auto height = std::min(format.rows, strip_rows);
    if (!sample_) {
        sample_.emplace();
        sample_->format = format;
        sample_->format.rows = height;
        sample_->frame_bytes = frame.size();
    }
    const auto count = std::clamp(format.rows / (4 * strip_rows), 1U, most);
    for (std::uint32_t i = 0; i < count; ++i) {
        // Evenly spread, none at the edges, where there is often nothing.
        const auto first =
            static_cast<std::uint32_t>(std::uint64_t{format.rows - height} * (i + 1) / (count + 1));
        sample_->strips.push_back(rows_of(frame, format, first, height));
        sample_->bytes += sample_->strips.back().size();
    }
}

} // namespace dcmflow
