// Digester: XXH3-128 over bytes that come in pieces.
//
// Owned by whoever streams; one thread at a time. After finish() it starts anew.
#pragma once

#include "pipeline/dicom/instance.h"

#include <cstddef>
#include <memory>
#include <span>

namespace dcmflow {

class Digester {
  public:
    Digester();
    ~Digester();
    Digester(Digester&&) noexcept;
    Digester& operator=(Digester&&) noexcept;
    Digester(const Digester&) = delete;
    Digester& operator=(const Digester&) = delete;

    void update(std::span<const std::byte> bytes);
    [[nodiscard]] Digest finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

[[nodiscard]] Digest digest_of(std::span<const std::byte> bytes);

} // namespace dcmflow
