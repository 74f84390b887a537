// Scratch: memory for a frame that is re-arranged on its way in or out.
//
// One buffer a thread, kept from frame to frame so that the hot path does not allocate, given back
// after a huge one. Any thread; not for nested use within one call.
#pragma once

#include "codecs/frame.h"

#include <cstddef>
#include <span>

namespace dcmflow::codecs {

class Scratch {
  public:
    Scratch() = default;
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        constexpr std::size_t keep = 64U << 20;
        if (buffer_.capacity() > keep)
            FrameBuffer{}.swap(buffer_);
    }
    std::span<std::byte> of_size(std::size_t bytes) {
        buffer_.resize(bytes);
        return buffer_;
    }

  private:
    static FrameBuffer& per_thread() {
        thread_local FrameBuffer buffer;
        return buffer;
    }
    FrameBuffer& buffer_ = per_thread();
};

} // namespace dcmflow::codecs
