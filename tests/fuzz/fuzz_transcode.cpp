// A data set through the whole transcoder: source and target syntax from the first two bytes. What
// comes out can be scanned and transcoded back, and its pixels are the same. Foreign streams are
// decoded as if in a worker.
#include "pipeline/dicom/all_codecs.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/transcode.h"
#include "tests/fuzz/data_set_input.h"
#include "tests/fuzz/decoder_input.h"
#include "tests/fuzz/library_asserts.h"

#include <algorithm>
#include <memory>

namespace dcmflow::fuzz {

namespace {

struct Codecs {
    codecs::Registry own = all_codecs();
    codecs::Registry foreign{codecs::Registry::Empty{}};
    Codecs() {
        for (const auto syntax : all_syntaxes)
            if (const auto* codec = own.find(syntax))
                foreign.add(syntax, std::make_unique<GuardedCodec>(*codec));
    }
};

bool is_native(std::string_view syntax) {
    return std::ranges::find(native_syntaxes, syntax) != native_syntaxes.end();
}
bool is_lossless(std::string_view syntax) {
    return codecs::find_by_uid(syntax)->lossless;
}

std::span<const std::byte> pixels_of(const DataSet& data_set) {
    const ElementRef* pixels = data_set.find(0x7FE0, 0x0010);
    return pixels != nullptr ? data_set.value(*pixels) : std::span<const std::byte>{};
}

// Native pixels without the pad byte, whose value says nothing.
std::span<const std::byte> native_pixels(const DataSet& data_set) {
    auto pixels = pixels_of(data_set);
    const auto described = pixel_format_of(data_set);
    if (described) {
        const auto bytes = described->format.frame_bytes() * described->frames;
        if (bytes + bytes % 2 == pixels.size())
            pixels = pixels.first(static_cast<std::size_t>(bytes));
    }
    return pixels;
}

void check_back(const Transcoder& transcoder, const DataSet& source, std::string_view source_syntax,
                const DataSet& result, std::string_view target_syntax,
                const TranscodeOutcome& there) {
    const bool returns =
        source_syntax == codecs::uid::explicit_le || source_syntax == codecs::uid::implicit_le;
    const auto native = returns ? source_syntax : codecs::uid::explicit_le;
    if (native == target_syntax)
        return;
    VectorSink sink;
    TranscodeOptions options;
    options.decode_lossy = true;
    const TranscodeOutcome back =
        transcoder.transcode(result, target_syntax, native, options, sink);
    if (there.frames > 0 && !is_native(target_syntax)) {
        require(back.reason == TranscodeReason::ok, "what we encoded goes back to native");
        require(back.pixel_digest == there.pixel_digest || !there.pixel_digest ||
                    !back.pixel_digest,
                "digests of the pixels agree");
    }
    if (back.reason != TranscodeReason::ok || !returns)
        return;
    const auto opened = OpenedDataSet::open(sink.bytes(), native);
    require(opened.has_value(), "what came back can be scanned");
    require(std::ranges::equal(native_pixels(source), native_pixels(opened->data_set())),
            "pixels that went there and back are the same");
}

} // namespace

void transcode(Input input) {
    static const Codecs all;
    const auto from = all_syntaxes[take8(input) % all_syntaxes.size()];
    const auto to = all_syntaxes[take8(input) % all_syntaxes.size()];
    const auto opened = OpenedDataSet::open(input, from, {}, largest_inflated);
    if (!opened)
        return;
    const DataSet& source = opened->data_set();
    const auto described = pixel_format_of(source);
    if (described && described->format.frame_bytes() > largest_frame)
        return;
    const Transcoder transcoder(all.own, all.foreign);
    VectorSink sink;
    TranscodeOptions options;
    options.decode_lossy = true;
    const TranscodeOutcome outcome = transcoder.transcode(source, from, to, options, sink);
    require(outcome.reason != TranscodeReason::internal, "no reason is `internal`");
    require(outcome.reason != TranscodeReason::verify_failed, "what we encode verifies");
    if (outcome.reason != TranscodeReason::ok)
        return;
    require(is_lossless(from) || is_native(to), "lossy pixels are only ever decoded");
    require(outcome.bytes_out == sink.bytes().size() || to == codecs::uid::deflated,
            "the result has the size that is told");
    const auto result = OpenedDataSet::open(sink.bytes(), to);
    require(result.has_value(), "a result can be scanned");
    check_back(transcoder, source, from, result->data_set(), to, outcome);
}

} // namespace dcmflow::fuzz
