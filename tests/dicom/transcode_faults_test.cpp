// Sinks that refuse, codecs that lie, exceptions: none leaves the transcoder, each has its reason.
#include "pipeline/dicom/transcode_frames.h"
#include "tests/dicom/transcode_reasons.h"

namespace dcmflow::testing {
namespace {

using codecs::Photometric;

TEST(TranscodeReason, write_failed) {
    const Bytes bytes = write(object(gray(12, 4)), {});
    const DataSet source = scan(bytes, uid::explicit_le);
    for (const auto to : {uid::implicit_le, uid::jpeg_ls, uid::jpeg2000}) {
        VectorSink full(1000);
        const auto outcome =
            Transcoder(registry()).transcode(source, uid::explicit_le, to, {}, full);
        EXPECT_EQ(to_string(outcome.reason), "write_failed");
        EXPECT_EQ(outcome.bytes_out, 0U);
    }
}

class UnpatchableSink final : public ByteSink {
  public:
    bool write(std::span<const std::byte>) override { return true; }
    bool patch(std::uint64_t, std::span<const std::byte>) override { return false; }
};

TEST(TranscodeReason, write_failed_by_patch) {
    Shape shape = gray(16, 30); // the table is out of the buffer when it is filled in
    const Bytes bytes = write(object(shape), {});
    UnpatchableSink sink;
    const auto outcome =
        Transcoder(registry())
            .transcode(scan(bytes, uid::explicit_le), uid::explicit_le, uid::jpeg_ls, {}, sink);
    EXPECT_EQ(to_string(outcome.reason), "write_failed");
}

class ThrowingSink final : public ByteSink {
  public:
    explicit ThrowingSink(bool memory) : memory_(memory) {}
    bool write(std::span<const std::byte>) override {
        if (memory_)
            throw std::bad_alloc();
        throw std::runtime_error("sink");
    }
    bool patch(std::uint64_t, std::span<const std::byte>) override { return false; }

  private:
    bool memory_;
};

TEST(TranscodeReason, limits_and_internal_are_what_exceptions_become) {
    const Bytes bytes = write(object(gray(12)), {});
    const DataSet source = scan(bytes, uid::explicit_le);
    ThrowingSink memory(true), other(false);
    const Transcoder transcoder(registry());
    EXPECT_EQ(transcoder.transcode(source, uid::explicit_le, uid::jpeg_ls, {}, memory).reason,
              TranscodeReason::limits);
    EXPECT_EQ(transcoder.transcode(source, uid::explicit_le, uid::jpeg_ls, {}, other).reason,
              TranscodeReason::internal);
}

TEST(TranscodeReason, internal_if_the_data_set_is_not_of_the_source_syntax) {
    const Bytes bytes = write(object(gray(12)), {});
    const DataSet source = scan(bytes, uid::explicit_le);
    VectorSink sink;
    EXPECT_EQ(
        Transcoder(registry()).transcode(source, uid::implicit_le, uid::jpeg_ls, {}, sink).reason,
        TranscodeReason::internal);
}

// ---- reasons that only a faulty codec brings about

class FaultyCodec final : public codecs::Codec {
  public:
    enum class Fault {
        none,
        flips,
        shortens,
        throws_memory,
        throws,
        refuses_decode,
        wavers
    } fault = Fault::none;
    [[nodiscard]] std::string_view name() const override { return "faulty"; }
    [[nodiscard]] bool can_encode(const codecs::PixelFormat&) const override { return true; }
    [[nodiscard]] codecs::CodecStatus encode(const codecs::FrameView& frame,
                                             const codecs::EncodeOptions&, codecs::FrameBuffer& out,
                                             codecs::AttributeChanges& changes) const override {
        if (fault == Fault::throws_memory)
            throw std::bad_alloc();
        if (fault == Fault::throws)
            throw std::runtime_error("codec");
        out.assign(frame.bytes.begin(), frame.bytes.end());
        changes = {frame.format.photometric, false};
        if (fault == Fault::wavers && out[0] == std::byte{1})
            changes.photometric = Photometric::ybr_rct;
        return codecs::CodecStatus::ok;
    }
    [[nodiscard]] codecs::CodecStatus decode(std::span<const std::byte> stream,
                                             const codecs::PixelFormat&,
                                             codecs::FrameBuffer& out) const override {
        out.assign(stream.begin(), stream.end());
        if (fault == Fault::flips)
            out.back() ^= std::byte{1};
        if (fault == Fault::shortens)
            out.pop_back();
        return fault == Fault::refuses_decode ? codecs::CodecStatus::corrupt
                                              : codecs::CodecStatus::ok;
    }
};

TranscodeReason run_with(FaultyCodec::Fault fault, bool verify = true) {
    FaultyCodec codec;
    codec.fault = fault;
    const Bytes pixels{0, 0, 0, 0, 1, 1, 1, 1};
    FrameTask task;
    task.encoder = &codec;
    task.native.rows = task.native.columns = 2;
    task.frames = 2;
    task.pixel_data = as_span(pixels);
    TranscodeOptions options;
    options.verify = verify;
    options.for_each_frame = [](std::size_t count, const std::function<void(std::size_t)>& body) {
        for (std::size_t i = count; i-- > 0;)
            body(i);
    };
    FrameCoder coder(task, options);
    EXPECT_EQ(coder.window(), 2U);
    return coder.run(0, 2);
}

TEST(TranscodeReason, verify_failed) {
    using Fault = FaultyCodec::Fault;
    EXPECT_EQ(run_with(Fault::none), TranscodeReason::ok);
    EXPECT_EQ(run_with(Fault::flips), TranscodeReason::verify_failed);
    EXPECT_EQ(run_with(Fault::shortens), TranscodeReason::verify_failed);
    EXPECT_EQ(run_with(Fault::refuses_decode), TranscodeReason::verify_failed);
    EXPECT_EQ(run_with(Fault::flips, false), TranscodeReason::ok); // nobody looked
}

// Colour by plane goes in, colour by pixel comes out: compared sample by sample, not byte by byte.
TEST(TranscodeReason, verify_failed_of_planes) {
    const FaultyCodec copies; // and so forgets to interleave
    FrameTask task;
    task.encoder = &copies;
    task.native.rows = 1;
    task.native.columns = 2;
    task.native.samples = 3;
    task.native.planar = true;
    const Bytes alike{5, 5, 5, 5, 5, 5}, different{1, 2, 3, 4, 5, 6};
    task.pixel_data = as_span(alike);
    EXPECT_EQ(FrameCoder(task, {}).run(0, 1), TranscodeReason::ok);
    task.pixel_data = as_span(different);
    EXPECT_EQ(FrameCoder(task, {}).run(0, 1), TranscodeReason::verify_failed);
    task.encoder = registry().find(uid::jpeg_ls);
    task.native.photometric = Photometric::rgb;
    EXPECT_EQ(FrameCoder(task, {}).run(0, 1), TranscodeReason::ok);
}

// A handful of bytes that claim gigabytes never reach a decoder.
TEST(TranscodeReason, limits_of_expansion) {
    Tree tree = object(gray(12));
    const auto streams = streams_of(tree, uid::jpeg_ls);
    set(tree, us(0x00280010, 16384));
    set(tree, us(0x00280011, 16384)); // 512 MiB, from a few kilobytes
    EXPECT_EQ(to_string(transcode(encapsulated(tree, {{}, streams[0]}), uid::jpeg_ls, uid::explicit_le)
                            .outcome.reason),
              "limits");
    set(tree, us(0x00280010, 1024));
    set(tree, us(0x00280011, 1024));
    set(tree, text(0x00280008, "IS", "1000")); // 2 GiB in frames of 2 MiB
    std::vector<Bytes> values(1001, Bytes{1, 2});
    values[0].clear();
    expect_reason(TranscodeReason::limits, encapsulated(tree, values), uid::jpeg_ls, uid::explicit_le);
}

// A codec of a worker that did not survive this frame.
class DeadCodec final : public codecs::Codec {
  public:
    explicit DeadCodec(codecs::CodecStatus status) : status_(status) {}
    std::string_view name() const override { return "dead"; }
    bool can_encode(const codecs::PixelFormat&) const override { return false; }
    codecs::CodecStatus encode(const codecs::FrameView&, const codecs::EncodeOptions&,
                               codecs::FrameBuffer&, codecs::AttributeChanges&) const override {
        return codecs::CodecStatus::unsupported;
    }
    codecs::CodecStatus decode(std::span<const std::byte>, const codecs::PixelFormat&,
                               codecs::FrameBuffer&) const override {
        return status_;
    }

  private:
    codecs::CodecStatus status_;
};

std::string_view reason_for(codecs::CodecStatus status) {
    codecs::Registry foreign{codecs::Registry::Empty{}};
    foreign.add(uid::jpeg_ls, std::make_unique<DeadCodec>(status));
    const Bytes native = write(object(gray(12)), {});
    VectorSink coded;
    const DataSet source = scan(native, uid::explicit_le);
    EXPECT_EQ(
        Transcoder(registry()).transcode(source, uid::explicit_le, uid::jpeg_ls, {}, coded).reason,
        TranscodeReason::ok);
    const Bytes bytes = to_bytes(coded.bytes());
    VectorSink out;
    const auto outcome =
        Transcoder(registry(), foreign)
            .transcode(scan(bytes, uid::jpeg_ls), uid::jpeg_ls, uid::explicit_le, {}, out);
    return to_string(outcome.reason);
}

TEST(TranscodeReason, decoder_died) {
    EXPECT_EQ(reason_for(codecs::CodecStatus::died), "decoder_died");
}

TEST(TranscodeReason, decoder_unavailable) {
    EXPECT_EQ(reason_for(codecs::CodecStatus::unavailable), "decoder_unavailable");
}

TEST(TranscodeReason, limits) {
    EXPECT_EQ(run_with(FaultyCodec::Fault::throws_memory), TranscodeReason::limits);
}

TEST(TranscodeReason, internal) {
    EXPECT_EQ(run_with(FaultyCodec::Fault::throws), TranscodeReason::internal);
    // One header cannot speak for frames that differ in colour.
    EXPECT_EQ(run_with(FaultyCodec::Fault::wavers), TranscodeReason::internal);
}

TEST(TranscodeReason, internal_if_the_loop_leaves_a_frame_out) {
    const FaultyCodec codec;
    const Bytes pixels(8, 0);
    FrameTask task;
    task.encoder = &codec;
    task.native.rows = task.native.columns = 2;
    task.frames = 2;
    task.pixel_data = as_span(pixels);
    TranscodeOptions options;
    options.for_each_frame = [](std::size_t, const std::function<void(std::size_t)>& body) {
        body(0);
    };
    EXPECT_EQ(FrameCoder(task, options).run(0, 2), TranscodeReason::internal);
}

} // namespace
} // namespace dcmflow::testing
