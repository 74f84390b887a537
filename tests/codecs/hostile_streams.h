// Seeded mutations of streams, each decoded in a forked child, as foreign streams are in production
// (the codec worker); a child that dies is counted and reported.
#pragma once

#include "codecs/codec.h"
#include "tests/codecs/frames.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dcmflow::codecs::test {

struct Tally { // in memory shared with the child
    std::uint32_t next;
    std::uint32_t ok, refused, wrong;
    std::uint64_t last_seed;
};

inline FrameBuffer mutate(FrameBuffer stream, Random& random) {
    switch (random.below(6)) {
    case 0: // cut
        stream.resize(random.below(stream.size() + 1));
        break;
    case 1: // a hole
        if (stream.size() > 20) {
            const auto at = static_cast<long>(random.below(stream.size() - 16));
            stream.erase(stream.begin() + at,
                         stream.begin() + at + static_cast<long>(1 + random.below(16)));
        }
        break;
    case 2: // noise in the headers
        for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
            stream[random.below(std::min<std::size_t>(stream.size(), 120))] =
                static_cast<std::byte>(random.below(256));
        break;
    case 3: // a block of one value
        for (std::size_t at = random.below(stream.size()), n = random.below(64);
             n > 0 && at < stream.size(); --n, ++at)
            stream[at] = random.below(2) != 0 ? std::byte{0xFF} : std::byte{0};
        break;
    default: // flipped bits anywhere
        for (std::uint64_t n = 1 + random.below(8); n > 0; --n)
            stream[random.below(stream.size())] ^= static_cast<std::byte>(1U << random.below(8));
    }
    return stream;
}

struct Seed {
    const Codec* codec;
    PixelFormat format;
    FrameBuffer stream;
};

inline void run_child(const std::vector<Seed>& seeds, std::uint32_t count, Tally& tally) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    (void)!freopen("/dev/null", "w", stderr); // the text of failed asserts
    FrameBuffer out;
    while (tally.next < count) {
        const std::uint32_t index = tally.next++; // before the attempt: a death skips it
        Random random{index * 7919ULL + 17};
        const Seed& seed = seeds[index % seeds.size()];
        const FrameBuffer broken = mutate(seed.stream, random);
        const CodecStatus status = seed.codec->decode(broken, seed.format, out);
        ++(status == CodecStatus::ok ? tally.ok : tally.refused);
        if (status == CodecStatus::ok && out.size() != seed.format.frame_bytes())
            ++tally.wrong;
    }
    _exit(0);
}

// Deaths among `count` mutations; in `asserts` how many of them by an assert of a library.
inline unsigned survive(const std::vector<Seed>& seeds, std::uint32_t count, std::string_view name,
                        unsigned* asserts = nullptr) {
    void* shared =
        mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(shared, MAP_FAILED);
    auto& tally = *new (shared) Tally{};
    unsigned deaths = 0;
    while (tally.next < count) {
        const pid_t child = fork();
        if (child == 0)
            run_child(seeds, count, tally);
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            ++deaths;
            if (asserts != nullptr && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
                ++*asserts;
            std::printf("%s: mutation %u ended its process (status %d)\n", name.data(),
                        tally.next - 1, status);
        }
    }
    std::printf("%s: %u mutations, %u decoded, %u refused, %u ended their process\n", name.data(),
                count, tally.ok, tally.refused, deaths);
    EXPECT_EQ(tally.wrong, 0U);
    EXPECT_EQ(tally.ok + tally.refused + deaths, count);
    EXPECT_GT(tally.refused, count / 10);
    munmap(shared, sizeof(Tally));
    return deaths;
}

// DCMFLOW_FUZZ=50 runs fifty times as many.
inline std::uint32_t mutations() {
    const char* factor = std::getenv("DCMFLOW_FUZZ");
    return 8000U * (factor != nullptr ? static_cast<std::uint32_t>(std::atoi(factor)) : 1U);
}

inline Seed encoded(const Codec& codec, const PixelFormat& format, Content content) {
    Seed seed{&codec, format, {}};
    AttributeChanges changes;
    EXPECT_EQ(codec.encode({format, make_frame(format, content)}, {}, seed.stream, changes),
              CodecStatus::ok);
    seed.format.planar = false;
    seed.format.photometric = changes.photometric;
    return seed;
}

} // namespace dcmflow::codecs::test
