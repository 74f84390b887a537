// SharedMemory: the pages that one codec worker and the router share: a stream in, pixels out.
//
// The router makes one for each place of the pool and keeps it over the deaths of its workers. Its
// size is sealed, so a hostile worker can not shrink it under the router's feet (SIGBUS) nor grow
// it. What lies in it may change at any time as long as a worker lives: copy first, then look.
#pragma once

#include "pipeline/result.h"
#include "pipeline/worker/descriptor.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dcmflow::worker {

class SharedMemory {
  public:
    SharedMemory() = default; // empty
    SharedMemory(SharedMemory&& other) noexcept;
    SharedMemory& operator=(SharedMemory&& other) noexcept;
    ~SharedMemory();

    [[nodiscard]] static Result<SharedMemory> create();             // in the router
    [[nodiscard]] static Result<SharedMemory> map(Descriptor file); // in the worker

    [[nodiscard]] std::span<std::byte> stream() const; // max_stream_bytes
    [[nodiscard]] std::span<std::byte> pixels() const; // codecs::max_frame_bytes
    [[nodiscard]] int descriptor() const { return file_.get(); }
    explicit operator bool() const { return base_ != nullptr; }

    // In the router, before either area is touched: makes the system provide that many bytes of
    // each. A page that it can not provide (overcommit is off, a container's limit) would end who
    // touches it (SIGBUS). False: there is no memory.
    [[nodiscard]] bool reserve(std::uint64_t stream_bytes, std::uint64_t pixel_bytes);
    // Gives the pages beyond the first `keep` bytes of both areas back to the system. False: there
    // were none.
    bool give_back(std::uint64_t keep);
    void close_descriptor() { file_ = Descriptor(); } // the mapping stays

  private:
    Descriptor file_;
    std::byte* base_ = nullptr;
    std::uint64_t stream_reserved_ = 0;
    std::uint64_t pixels_reserved_ = 0;
};

} // namespace dcmflow::worker
