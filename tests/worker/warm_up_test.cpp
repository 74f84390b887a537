// The warm-up reaches every library: what it decodes is decoded, not turned away by our parsers.
#include "tests/worker/support.h"

#include "pipeline/worker/warm_up_streams.h"

namespace dcmflow::test {
namespace {

TEST(WarmUp, EachStreamIsDecoded) {
    CodecWorkers workers(real_workers());
    const auto foreign = worker_codecs(own_codecs(), workers);
    for (const auto& stream : worker::warm_up_streams()) {
        FrameBuffer here;
        FrameBuffer there;
        EXPECT_EQ(own_codecs().find(stream.uid)->decode(stream.bytes(), stream.format, here),
                  CodecStatus::ok)
            << stream.uid;
        EXPECT_EQ(foreign.find(stream.uid)->decode(stream.bytes(), stream.format, there),
                  CodecStatus::ok)
            << stream.uid;
        EXPECT_EQ(here, there) << stream.uid;
    }
}

// DCMTK's lossless decoder is three libraries, one for each size of sample.
TEST(WarmUp, EveryCodecThatOnlyDecodesHasAStream) {
    std::set<std::string_view> have;
    std::set<std::uint16_t> lossless_bits;
    for (const auto& stream : worker::warm_up_streams()) {
        have.insert(stream.uid);
        if (stream.uid == codecs::uid::jpeg_lossless)
            lossless_bits.insert(stream.format.bits_stored);
    }
    EXPECT_EQ(lossless_bits, (std::set<std::uint16_t>{8, 12, 16}));
    have.insert(codecs::uid::jpeg_lossless_57); // the same libraries
    for (const auto& syntax : codecs::transfer_syntaxes())
        if (syntax.can_read && !syntax.can_write && own_codecs().find(syntax.uid) != nullptr) {
            EXPECT_TRUE(have.contains(syntax.uid)) << syntax.name;
        }
}

} // namespace
} // namespace dcmflow::test
