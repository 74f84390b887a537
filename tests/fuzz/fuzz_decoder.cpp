// Streams from anywhere into the decoder of one transfer syntax (compiled once per syntax): the
// result has exactly the size that the header says, and what was decoded can be encoded again
// without change. A syntax that the table says we read, but the registry does not serve, fails.
#include "codecs/native.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/all_codecs.h"
#include "tests/fuzz/decoder_input.h"
#include "tests/fuzz/library_asserts.h"

namespace dcmflow::fuzz {

namespace {

using codecs::CodecStatus;

void check_round_trip(const codecs::Codec& codec, const codecs::FrameView& frame) {
    if (!codec.can_encode(frame.format))
        return;
    codecs::FrameBuffer encoded, again;
    codecs::AttributeChanges changes;
    const CodecStatus status = codec.encode(frame, {}, encoded, changes);
    if (status == CodecStatus::incompressible)
        return;
    if (!codecs::unused_bits_clean(frame) && !codec.keeps_unused_bits({})) {
        require(status == CodecStatus::dirty_bits, "unused bits that carry data are refused");
        return;
    }
    require(status == CodecStatus::ok, "a format that can be encoded is encoded");
    require(encoded.size() % 2 == 0, "an encoded frame has even length");
    require(encoded.size() <= codecs::encoded_limit(frame.format), "an encoded frame is bounded");
    codecs::PixelFormat coded = frame.format;
    coded.photometric = changes.photometric;
    coded.planar = changes.planar;
    require(codec.decode(encoded, coded, again) == CodecStatus::ok, "what we encode is decodable");
    require(std::ranges::equal(again, frame.bytes), "what we encode decodes to the same pixels");
}

} // namespace

void DCMFLOW_FUZZ_TARGET(Input input) {
    static const codecs::Registry registry = all_codecs();
    const auto* syntax = codecs::find_by_name(DCMFLOW_FUZZ_SYNTAX);
    require(syntax != nullptr, "the syntax is in the table");
    const codecs::Codec* codec = registry.find(syntax->uid);
    require(syntax->can_read && codec != nullptr, "the registry serves what the table says we read");
    const auto format = take_format(input);
    if (!format)
        return;
    codecs::FrameBuffer out;
    if (GuardedCodec(*codec).decode(input, *format, out) != CodecStatus::ok)
        return;
    const codecs::PixelFormat native = codec->decoded_format(*format);
    require(native.problem().empty(), "the decoded format is a valid one");
    require(out.size() == native.frame_bytes(), "a decoded frame has the size of its format");
    check_round_trip(*codec, {native, out});
}

} // namespace dcmflow::fuzz
