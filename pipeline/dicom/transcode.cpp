#include "pipeline/dicom/transcode.h"

#include "codecs/native.h"
#include "pipeline/dicom/deflate.h"
#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/encapsulation.h"
#include "pipeline/dicom/rewrite.h"
#include "pipeline/dicom/transcode_frames.h"
#include "pipeline/dicom/transcode_plan.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>

namespace dcmflow {

namespace {

constexpr std::uint32_t pixel_data_tag = 0x7FE0'0010;

// One transcode() call: the plan's object into the sink.
class Transcoding {
  public:
    Transcoding(const DataSet& source, TranscodePlan& plan, const TranscodeOptions& options,
                ByteSink& sink)
        : source_(source), plan_(plan), options_(options), out_(&sink),
          writer_(source, plan.encoding, out_) {
        if (plan.task)
            coder_.emplace(*plan.task, options);
    }
    [[nodiscard]] TranscodeReason run();
    [[nodiscard]] std::uint64_t size() const { return out_.position(); }
    [[nodiscard]] std::optional<Digest> pixel_digest() {
        return plan_.task && !plan_.from_lossy ? std::optional(pixels_.finish()) : std::nullopt;
    }

  private:
    [[nodiscard]] TranscodeReason prepare();
    [[nodiscard]] TranscodeReason code_first_window();
    [[nodiscard]] bool has_dirty_bits() const;
    [[nodiscard]] TranscodeReason write(const ElementRef& element);
    [[nodiscard]] TranscodeReason write_pixels();
    template <class PerFrame> [[nodiscard]] TranscodeReason each_frame(PerFrame per_frame);
    [[nodiscard]] TranscodeReason state() const;
    [[nodiscard]] bool is_gated() const { return plan_.from_native && !plan_.to_native; }
    [[nodiscard]] bool changes_photometric() const {
        return target_.photometric != plan_.task->coded.photometric;
    }
    // Codecs take and give colour by pixel only.
    [[nodiscard]] bool changes_planar() const {
        return source_.us(0x0028, 0x0006).value_or(0) != 0 && plan_.task->native.samples > 1;
    }
    [[nodiscard]] double ceiling() const {
        const auto size =
            options_.source_bytes > 0 ? options_.source_bytes : source_.bytes().size();
        return options_.worthwhile * static_cast<double>(size);
    }

    const DataSet& source_;
    TranscodePlan& plan_;
    const TranscodeOptions& options_;
    Output out_;
    DataSetWriter writer_;
    std::optional<FrameCoder> coder_;
    codecs::AttributeChanges target_; // of the object written
    Digester pixels_;
};

TranscodeReason Transcoding::run() {
    if (auto reason = prepare(); reason != TranscodeReason::ok)
        return reason;
    for (const auto& element : source_.elements())
        if (auto reason = write(element); reason != TranscodeReason::ok)
            return reason;
    writer_.finish();
    out_.flush();
    return state();
}

TranscodeReason Transcoding::state() const {
    if (out_.refused())
        return TranscodeReason::write_failed;
    if (is_gated() && static_cast<double>(out_.position()) >= ceiling())
        return TranscodeReason::incompressible;
    if (!plan_.to_native && out_.position() >= options_.must_beat)
        return TranscodeReason::incompressible;
    return reason_of(writer_.fault());
}

// The first frames are coded before anything is written: what they change stands before them.
TranscodeReason Transcoding::prepare() {
    if (!plan_.task)
        return TranscodeReason::ok;
    const FrameTask& task = *plan_.task;
    // An offset, an item header and the least of a codestream for each frame.
    if (is_gated() && static_cast<double>(task.frames) * 16 >= ceiling())
        return TranscodeReason::incompressible;
    const auto reason = code_first_window();
    if (reason != TranscodeReason::ok)
        return reason;
    target_ =
        task.encoder ? coder_->changes() : codecs::AttributeChanges{task.native.photometric, false};
    if (changes_photometric() || changes_planar())
        writer_.touch(0x0028);
    writer_.touch(0x7FE0);
    return TranscodeReason::ok;
}

// Data in unused bits, embedded overlays say, is kept by coding whole cells, where the codec can.
// All frames alike: readers look at the first one's precision. A native source is searched before;
// of a compressed one the first window tells, and data that only later frames have is refused.
TranscodeReason Transcoding::code_first_window() {
    FrameTask& task = *plan_.task;
    const auto count = std::min(coder_->window(), task.frames);
    if (!task.encoder || task.encoder->keeps_unused_bits(task.encode_options))
        return coder_->run(0, count);
    auto whole = task.encode_options;
    whole.whole_cells = true;
    const bool can_keep = task.encoder->keeps_unused_bits(whole);
    if (can_keep && !task.decoder && has_dirty_bits())
        task.encode_options = whole;
    auto reason = coder_->run(0, count);
    if (reason == TranscodeReason::dirty_bits && can_keep && task.decoder) {
        task.encode_options = whole;
        reason = coder_->run(0, count);
    }
    return reason;
}

bool Transcoding::has_dirty_bits() const {
    const FrameTask& task = *plan_.task;
    if (task.native.bits_stored == task.native.bits_allocated)
        return false;
    codecs::FrameBuffer scratch;
    for (std::uint32_t frame = 0; frame < task.frames; ++frame)
        if (!codecs::unused_bits_clean({task.native, native_source_frame(task, frame, scratch)}))
            return true;
    return false;
}

TranscodeReason Transcoding::write(const ElementRef& element) {
    if (!plan_.task) {
        writer_.keep(element);
        return state();
    }
    switch (element.tag()) {
    case pixel_data_tag:
        return write_pixels();
    case 0x7FE0'0001: // tables of offsets and lengths belong to the source's fragments
    case 0x7FE0'0002:
    case 0x7FE0'0003:
        return TranscodeReason::ok;
    case 0x0028'0004:
        if (changes_photometric()) {
            std::string text(codecs::to_string(target_.photometric));
            text.append(text.size() % 2, ' ');
            writer_.replace(element, "CS", std::as_bytes(std::span(text)));
            return state();
        }
        break;
    case 0x0028'0006:
        if (changes_planar()) {
            writer_.replace(element, "US", std::array<std::byte, 2>{});
            return state();
        }
        break;
    default:
        break;
    }
    writer_.keep(element);
    return state();
}

template <class PerFrame> TranscodeReason Transcoding::each_frame(PerFrame per_frame) {
    const auto frames = plan_.task->frames;
    for (std::uint32_t first = 0; first < frames;) {
        const auto count = std::min(coder_->window(), frames - first);
        // prepare() has coded the first window.
        const auto reason = first == 0 ? TranscodeReason::ok : coder_->run(first, count);
        if (reason != TranscodeReason::ok)
            return reason;
        for (std::uint32_t n = 0; n < count; ++n) {
            per_frame(coder_->result(n));
            pixels_.update(coder_->pixels(n));
        }
        if (const auto now = state(); now != TranscodeReason::ok)
            return now;
        first += count;
    }
    return TranscodeReason::ok;
}

TranscodeReason Transcoding::write_pixels() {
    const FrameTask& task = *plan_.task;
    const auto size = task.native.frame_bytes() * task.frames;
    writer_.enter(0x7FE0);
    if (plan_.to_native) {
        // PS3.5 A.1 and A.2: words, but bytes for cells of 8 bits where there is a choice.
        const auto vr = task.native.bits_allocated > 8 ? "OW" : "OB";
        writer_.write_header(0x7FE0, 0x0010, vr, static_cast<std::uint32_t>(size + size % 2));
        const auto reason = each_frame([this](auto frame) { out_.bytes(frame); });
        out_.zeros(size % 2);
        return reason;
    }
    const auto most = (codecs::encoded_limit(task.native) + 10) * task.frames;
    const auto table = FragmentWriter::table_for(task.frames, most, options_.basic_table_limit);
    FragmentWriter fragments(out_, task.frames, table);
    fragments.begin();
    const auto reason = each_frame([&fragments](auto frame) { fragments.frame(frame); });
    if (reason != TranscodeReason::ok)
        return reason;
    return fragments.end() ? state() : TranscodeReason::limits;
}

void run(const DataSet& source, TranscodePlan& plan, const TranscodeOptions& options,
         ByteSink& sink, TranscodeOutcome& outcome) {
    Transcoding transcoding(source, plan, options, sink);
    outcome.reason = transcoding.run();
    if (outcome.reason != TranscodeReason::ok)
        return;
    outcome.bytes_out = transcoding.size();
    outcome.verified = options.verify && plan.task && plan.task->encoder;
    outcome.pixel_digest = transcoding.pixel_digest();
}

// Deflate cannot go back to fill in a length, so the data set is written whole before.
void deflate(const DataSet& source, TranscodePlan& plan, const TranscodeOptions& options,
             ByteSink& sink, TranscodeOutcome& outcome) {
    VectorSink plain(max_inflated_bytes);
    plain.reserve(source.bytes().size() + source.bytes().size() / 8);
    run(source, plan, options, plain, outcome);
    if (outcome.reason == TranscodeReason::write_failed)
        outcome.reason = TranscodeReason::limits;
    if (outcome.reason != TranscodeReason::ok)
        return;
    outcome.bytes_out = 0;
    const auto written = deflate_data_set(plain.bytes(), sink);
    const auto bound = std::min(options.worthwhile * static_cast<double>(source.bytes().size()),
                                static_cast<double>(options.must_beat));
    if (!written)
        outcome.reason = TranscodeReason::write_failed;
    else if (static_cast<double>(*written) >= bound)
        outcome.reason = TranscodeReason::incompressible;
    else
        outcome.bytes_out = *written;
}

} // namespace

std::string_view to_string(TranscodeReason reason) {
    switch (reason) {
    case TranscodeReason::ok:
        return "ok";
    case TranscodeReason::same_syntax:
        return "same_syntax";
    case TranscodeReason::not_image:
        return "not_image";
    case TranscodeReason::unsupported_source:
        return "unsupported_source";
    case TranscodeReason::unsupported_target:
        return "unsupported_target";
    case TranscodeReason::lossy_source:
        return "lossy_source";
    case TranscodeReason::dirty_bits:
        return "dirty_bits";
    case TranscodeReason::float_pixels:
        return "float_pixels";
    case TranscodeReason::bad_pixel_header:
        return "bad_pixel_header";
    case TranscodeReason::pixel_length:
        return "pixel_length";
    case TranscodeReason::frame_count:
        return "frame_count";
    case TranscodeReason::frame_too_large:
        return "frame_too_large";
    case TranscodeReason::corrupt_stream:
        return "corrupt_stream";
    case TranscodeReason::decoder_died:
        return "decoder_died";
    case TranscodeReason::decoder_unavailable:
        return "decoder_unavailable";
    case TranscodeReason::stream_mismatch:
        return "stream_mismatch";
    case TranscodeReason::incompressible:
        return "incompressible";
    case TranscodeReason::verify_failed:
        return "verify_failed";
    case TranscodeReason::signed_object:
        return "signed_object";
    case TranscodeReason::nested_pixels:
        return "nested_pixels";
    case TranscodeReason::unknown_vr:
        return "unknown_vr";
    case TranscodeReason::limits:
        return "limits";
    case TranscodeReason::write_failed:
        return "write_failed";
    case TranscodeReason::internal:
        return "internal";
    }
    return "internal";
}

bool lies_in_source(TranscodeReason reason) {
    switch (reason) {
    case TranscodeReason::unsupported_source:
    case TranscodeReason::bad_pixel_header:
    case TranscodeReason::pixel_length:
    case TranscodeReason::frame_count:
    case TranscodeReason::corrupt_stream:
    case TranscodeReason::stream_mismatch:
    case TranscodeReason::decoder_died:
        return true;
    default:
        return false;
    }
}

Transcoder::Transcoder(const codecs::Registry& own, const codecs::Registry& foreign)
    : own_(own), foreign_(foreign) {}

TranscodeReason Transcoder::can_transcode(const DataSet& source, std::string_view source_syntax,
                                          std::string_view target_syntax, bool decode_lossy) const {
    try {
        return plan_transcode(source, {own_, foreign_, source_syntax, target_syntax, decode_lossy})
            .reason;
    } catch (const std::bad_alloc&) {
        return TranscodeReason::limits;
    } catch (...) {
        return TranscodeReason::internal;
    }
}

TranscodeReason Transcoder::lend_frame(const DataSet& source, std::string_view source_syntax,
                                       std::string_view target_syntax, std::uint32_t index,
                                       const FrameUser& use) const {
    try {
        auto plan = plan_transcode(source, {own_, foreign_, source_syntax, target_syntax});
        if (plan.reason != TranscodeReason::ok)
            return plan.reason;
        if (!plan.task || index >= plan.task->frames)
            return TranscodeReason::not_image;
        plan.task->encoder = nullptr; // native frames are the result
        const TranscodeOptions options;
        FrameCoder coder(*plan.task, options);
        const auto reason = coder.run(index, 1);
        if (reason == TranscodeReason::ok)
            use(plan.task->native, coder.result(0));
        return reason;
    } catch (const std::bad_alloc&) {
        return TranscodeReason::limits;
    } catch (...) {
        return TranscodeReason::internal;
    }
}

TranscodeOutcome Transcoder::transcode(const DataSet& source, std::string_view source_syntax,
                                       std::string_view target_syntax,
                                       const TranscodeOptions& options, ByteSink& sink) const {
    TranscodeOutcome outcome;
    outcome.bytes_in = source.bytes().size();
    try {
        auto plan = plan_transcode(
            source, {own_, foreign_, source_syntax, target_syntax, options.decode_lossy});
        outcome.reason = plan.reason;
        outcome.frames = plan.frames;
        if (plan.reason != TranscodeReason::ok)
            return outcome;
        if (plan.to_deflated)
            deflate(source, plan, options, sink, outcome);
        else
            run(source, plan, options, sink, outcome);
    } catch (const std::bad_alloc&) {
        outcome.reason = TranscodeReason::limits;
    } catch (...) {
        outcome.reason = TranscodeReason::internal;
    }
    return outcome;
}

} // namespace dcmflow
