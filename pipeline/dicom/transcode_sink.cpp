#include "pipeline/dicom/transcode_sink.h"

#include <algorithm>
#include <array>

namespace dcmflow {

namespace {
constexpr std::size_t buffer_bytes = 64U << 10;

template <std::size_t N> std::array<std::byte, N> little_endian(std::uint64_t value) {
    std::array<std::byte, N> out{};
    for (std::size_t i = 0; i < N; ++i)
        out[i] = static_cast<std::byte>(value >> (8 * i));
    return out;
}
} // namespace

bool VectorSink::write(std::span<const std::byte> bytes) {
    if (bytes.size() > ceiling_ - std::min<std::uint64_t>(ceiling_, bytes_.size()))
        return false;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return true;
}

bool VectorSink::patch(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset)
        return false;
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return true;
}

void Output::bytes(std::span<const std::byte> data) {
    if (!sink_) {
        flushed_ += data.size();
        return;
    }
    if (buffer_.size() + data.size() > buffer_bytes)
        flush();
    if (data.size() <= buffer_bytes) {
        buffer_.insert(buffer_.end(), data.begin(), data.end());
        return;
    }
    flushed_ += data.size();
    refused_ = refused_ || !sink_->write(data);
}

void Output::zeros(std::uint64_t count) {
    static constexpr std::array<std::byte, 4096> block{};
    for (; count > 0 && !refused_; count -= std::min<std::uint64_t>(count, block.size()))
        bytes(std::span(block).first(std::min<std::uint64_t>(count, block.size())));
}

void Output::u16(std::uint16_t value) {
    bytes(little_endian<2>(value));
}
void Output::u32(std::uint32_t value) {
    bytes(little_endian<4>(value));
}

void Output::patch(std::uint64_t offset, std::span<const std::byte> data) {
    if (!sink_ || data.empty())
        return;
    if (offset >= flushed_) {
        std::copy(data.begin(), data.end(),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(offset - flushed_));
        return;
    }
    if (offset + data.size() > flushed_)
        flush();
    refused_ = refused_ || !sink_->patch(offset, data);
}

void Output::patch_u32(std::uint64_t offset, std::uint32_t value) {
    patch(offset, little_endian<4>(value));
}

void Output::flush() {
    if (buffer_.empty())
        return;
    refused_ = refused_ || !sink_->write(buffer_);
    flushed_ += buffer_.size();
    buffer_.clear();
}

} // namespace dcmflow
