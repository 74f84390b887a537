// libFuzzer's entry, compiled once per target.
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    dcmflow::fuzz::DCMFLOW_FUZZ_TARGET(std::as_bytes(std::span(data, size)));
    return 0;
}
