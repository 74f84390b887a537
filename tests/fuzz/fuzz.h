// What fuzz targets share. A target is a function of bytes: whatever they are, it returns, and the
// promises of what it tests hold. It is linked into a libFuzzer program of its own (clang preset
// `fuzz`) and into the replayer, which `make test` runs.
//
// One thread. A target keeps nothing from input to input, and reads no file and no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace dcmflow::fuzz {

using Input = std::span<const std::byte>;
using Target = void (*)(Input);

// A promise that did not hold is a crash: for libFuzzer and for the replayer alike.
inline void require(bool holds, const char* promise) {
    if (holds)
        return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

// Takes `count` bytes off the front, or what is left of them.
inline Input take(Input& rest, std::size_t count) {
    const Input taken = rest.first(count < rest.size() ? count : rest.size());
    rest = rest.subspan(taken.size());
    return taken;
}
inline std::uint8_t take8(Input& rest) {
    const Input taken = take(rest, 1);
    return taken.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(taken[0]);
}
inline std::uint16_t take16(Input& rest) { // little endian
    const unsigned low = take8(rest);
    return static_cast<std::uint16_t>(low | static_cast<unsigned>(take8(rest)) << 8);
}
inline std::string_view text_of(Input bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

#define DCMFLOW_FUZZ_ENTRY(name) void name(Input input);
#include "tests/fuzz/targets.inc" // generated: a DCMFLOW_FUZZ_ENTRY for each target
#undef DCMFLOW_FUZZ_ENTRY

} // namespace dcmflow::fuzz
