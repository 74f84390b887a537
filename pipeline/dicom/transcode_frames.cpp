#include "pipeline/dicom/transcode_frames.h"

#include "codecs/native.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace dcmflow {

namespace {

TranscodeReason reason_of_encode(codecs::CodecStatus status) {
    using codecs::CodecStatus;
    switch (status) {
    case CodecStatus::ok:
        return TranscodeReason::ok;
    case CodecStatus::unsupported:
        return TranscodeReason::unsupported_target;
    case CodecStatus::dirty_bits:
        return TranscodeReason::dirty_bits;
    case CodecStatus::incompressible:
        return TranscodeReason::incompressible;
    default:
        return TranscodeReason::internal;
    }
}

TranscodeReason reason_of_decode(codecs::CodecStatus status) {
    using codecs::CodecStatus;
    switch (status) {
    case CodecStatus::ok:
        return TranscodeReason::ok;
    case CodecStatus::unsupported:
        return TranscodeReason::unsupported_source;
    case CodecStatus::mismatch:
        return TranscodeReason::stream_mismatch;
    case CodecStatus::died:
        return TranscodeReason::decoder_died;
    case CodecStatus::unavailable:
        return TranscodeReason::decoder_unavailable;
    default:
        return TranscodeReason::corrupt_stream;
    }
}

// Whether colour by pixel holds the samples that colour by plane does.
bool equals_planes(std::span<const std::byte> pixels, std::span<const std::byte> planes,
                   const codecs::PixelFormat& format) {
    const std::size_t cell = format.bytes_per_sample();
    const std::size_t plane = planes.size() / format.samples;
    const std::byte* pixel = pixels.data();
    for (std::size_t at = 0; at < plane; at += cell)
        for (std::size_t sample = 0; sample < format.samples; ++sample, pixel += cell)
            if (std::memcmp(pixel, planes.data() + sample * plane + at, cell) != 0)
                return false;
    return true;
}

} // namespace

std::span<const std::byte> native_source_frame(const FrameTask& task, std::uint32_t frame,
                                               codecs::FrameBuffer& scratch) {
    const auto size = task.native.frame_bytes();
    const auto at = size * frame;
    if (!task.swapped)
        return task.pixel_data.subspan(at, size);
    // Words of the whole value are swapped, so an 8-bit frame may begin in the middle of one.
    scratch.resize(size);
    for (std::uint64_t i = 0; i < size; ++i)
        scratch[i] = task.pixel_data[(at + i) ^ 1];
    return scratch;
}

FrameCoder::FrameCoder(const FrameTask& task, const TranscodeOptions& options)
    : task_(task), options_(options) {
    // A plain loop gains nothing from more than one frame in memory.
    const std::uint64_t wanted = options.for_each_frame ? options.frames_at_once : 1;
    const std::uint64_t fit =
        options.bytes_at_once / std::max<std::uint64_t>(task.native.frame_bytes(), 1);
    slots_.resize(std::clamp<std::uint64_t>(std::min(wanted, fit), 1, task.frames));
}

TranscodeReason FrameCoder::run(std::uint32_t first, std::uint32_t count) {
    for (auto& slot : slots_)
        slot.reason = TranscodeReason::internal; // stays so if the loop leaves a frame out
    const auto body = [this, first](std::size_t n) {
        code(slots_[n], first + static_cast<std::uint32_t>(n));
    };
    if (options_.for_each_frame)
        options_.for_each_frame(count, body);
    else
        for (std::size_t n = 0; n < count; ++n)
            body(n);
    for (std::uint32_t n = 0; n < count; ++n) {
        const Slot& slot = slots_[n];
        if (slot.reason != TranscodeReason::ok)
            return slot.reason;
        if (!task_.encoder)
            continue;
        if (!changes_)
            changes_ = slot.changes;
        // One header speaks for all frames.
        if (changes_->photometric != slot.changes.photometric ||
            changes_->planar != slot.changes.planar)
            return TranscodeReason::internal;
    }
    return TranscodeReason::ok;
}

void FrameCoder::code(Slot& slot, std::uint32_t frame) const noexcept {
    try {
        std::span<const std::byte> native;
        slot.reason = load(slot, frame, native);
        if (slot.reason != TranscodeReason::ok)
            return;
        slot.result = native;
        if (task_.encoder)
            slot.reason = encode(slot, native);
        if (slot.reason == TranscodeReason::ok)
            slot.pixels = by_pixel(slot, native);
    } catch (const std::bad_alloc&) {
        slot.reason = TranscodeReason::limits;
    } catch (...) {
        slot.reason = TranscodeReason::internal;
    }
}

TranscodeReason FrameCoder::load(Slot& slot, std::uint32_t frame,
                                 std::span<const std::byte>& native) const {
    const auto size = task_.native.frame_bytes();
    if (task_.decoder) {
        const auto stream = task_.fragments->contiguous(frame, slot.joined);
        if (is_bomb(size, stream.size(), bomb_frame_bytes))
            return TranscodeReason::limits;
        const auto status = task_.decoder->decode(stream, task_.coded, slot.native);
        if (status == codecs::CodecStatus::ok && slot.native.size() != size)
            return TranscodeReason::internal;
        native = slot.native;
        return reason_of_decode(status);
    }
    native = native_source_frame(task_, frame, slot.native);
    return TranscodeReason::ok;
}

TranscodeReason FrameCoder::encode(Slot& slot, std::span<const std::byte> native) const {
    const codecs::FrameView view{task_.native, native};
    const auto status =
        task_.encoder->encode(view, task_.encode_options, slot.encoded, slot.changes);
    if (status != codecs::CodecStatus::ok)
        return reason_of_encode(status);
    slot.result = slot.encoded;
    if (options_.verify && !is_same(slot, native))
        return TranscodeReason::verify_failed;
    return TranscodeReason::ok;
}

std::span<const std::byte> FrameCoder::by_pixel(Slot& slot,
                                                std::span<const std::byte> native) const {
    if (!task_.native.planar || task_.native.samples == 1)
        return native;
    if (!task_.encoder || !options_.verify) { // else it has just been decoded so, and found equal
        slot.decoded.resize(native.size());
        codecs::interleave(native, task_.native, slot.decoded);
    }
    return slot.decoded;
}

// Decodes what was just encoded, by the header it will have, and compares stored bytes.
bool FrameCoder::is_same(Slot& slot, std::span<const std::byte> native) const {
    auto header = task_.native;
    header.photometric = slot.changes.photometric;
    header.planar = slot.changes.planar;
    if (task_.encoder->decode(slot.encoded, header, slot.decoded) != codecs::CodecStatus::ok ||
        slot.decoded.size() != native.size())
        return false;
    if (task_.native.planar && task_.native.samples > 1)
        return equals_planes(slot.decoded, native, task_.native);
    return std::memcmp(slot.decoded.data(), native.data(), native.size()) == 0;
}

} // namespace dcmflow
