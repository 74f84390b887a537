// One codec, many threads: instances are shared by the whole flow.
#include "codecs/registry.h"
#include "codecs/transfer_syntax.h"
#include "tests/codecs/frames.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace dcmflow::codecs::test {
namespace {

TEST(Threads, CodecsAreReentrant) {
    const Registry registry;
    std::atomic<int> exact = 0;
    constexpr int threads = 4, rounds = 40;
    {
        std::vector<std::jthread> workers;
        for (int t = 0; t < threads; ++t) {
            workers.emplace_back([&registry, &exact, t] {
                FrameBuffer stream, decoded;
                AttributeChanges changes;
                for (int i = 0; i < rounds; ++i) {
                    // Another format each time, planes among them: scratch memory changes size.
                    const auto side = static_cast<std::uint32_t>(20 + (t * 31 + i * 17) % 60);
                    const PixelFormat format = i % 2 != 0 ? colour(side, 33, 8, 8, true)
                                                          : mono(side, 40, 16, 12, t % 2 == 0);
                    const FrameBuffer frame =
                        make_frame(format, Content::smooth, static_cast<std::uint64_t>(i));
                    for (const auto syntax : {uid::jpeg_ls, uid::jpeg2000}) {
                        const Codec& codec = *registry.find(syntax);
                        if (codec.encode({format, frame}, {}, stream, changes) == CodecStatus::ok &&
                            codec.decode(stream, format, decoded) == CodecStatus::ok &&
                            decoded == by_pixel(frame, format))
                            ++exact;
                    }
                }
            });
        }
    }
    EXPECT_EQ(exact, threads * rounds * 2);
}

} // namespace
} // namespace dcmflow::codecs::test
