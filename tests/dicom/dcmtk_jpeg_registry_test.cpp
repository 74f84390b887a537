// The product's registry: a codec of the right name for every encapsulated syntax that the table
// says we read, and both sides of JPEG extended behind one of them.
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/all_codecs.h"
#include "tests/codecs/frames.h"

#include <gtest/gtest.h>

namespace dcmflow::testing {
namespace {

using codecs::CodecStatus;
using codecs::FrameBuffer;
namespace uid = codecs::uid;

TEST(AllCodecs, NamesAreTheTables) {
    const codecs::Registry registry = all_codecs();
    for (const codecs::TransferSyntax& syntax : codecs::transfer_syntaxes()) {
        const codecs::Codec* codec = registry.find(syntax.uid);
        if (codec != nullptr) {
            EXPECT_EQ(codec->name(), syntax.name);
            EXPECT_TRUE(syntax.encapsulated && syntax.can_read);
        }
    }
    for (const auto syntax :
         {uid::jpeg_baseline, uid::jpeg_extended, uid::jpeg_lossless_57, uid::jpeg_lossless,
          uid::jpeg_ls, uid::jpeg_ls_near, uid::jpeg2000, uid::rle, uid::deflated_frame})
        EXPECT_NE(registry.find(syntax), nullptr) << syntax;
}

TEST(AllCodecs, DecodersOfOthersSyntaxesDoNotEncode) {
    const codecs::Registry registry = all_codecs();
    const codecs::PixelFormat format = codecs::test::mono(8, 8, 8, 8, false);
    FrameBuffer out;
    codecs::AttributeChanges changes;
    for (const auto syntax : {uid::jpeg_baseline, uid::jpeg_extended, uid::jpeg_lossless_57,
                              uid::jpeg_lossless, uid::jpeg_ls_near, uid::deflated_frame}) {
        const codecs::Codec& codec = *registry.find(syntax);
        EXPECT_FALSE(codec.can_encode(format));
        EXPECT_EQ(codec.encode({format, FrameBuffer(64)}, {}, out, changes),
                  CodecStatus::unsupported);
    }
}

} // namespace
} // namespace dcmflow::testing
