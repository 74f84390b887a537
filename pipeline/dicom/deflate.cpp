#include "pipeline/dicom/deflate.h"

#include <algorithm>
#include <array>
#include <new>
#include <vector>
#include <zlib.h>

namespace dcmflow {

std::optional<std::uint64_t> deflate_data_set(std::span<const std::byte> bytes, ByteSink& sink) {
    z_stream stream{};
    constexpr int memory_level = 8;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc();
    struct End {
        z_stream& s;
        ~End() { deflateEnd(&s); }
    } const end{stream};
    std::vector<std::byte> out(64U << 10);
    std::uint64_t written = 0;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        if (stream.avail_in == 0) {
            const auto piece = std::min<std::size_t>(bytes.size(), 1U << 30);
            stream.next_in =
                reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data())); // NOLINT
            stream.avail_in = static_cast<uInt>(piece);
            bytes = bytes.subspan(piece);
        }
        stream.next_out = reinterpret_cast<Bytef*>(out.data());
        stream.avail_out = static_cast<uInt>(out.size());
        status = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
        const auto made = std::span(out).first(out.size() - stream.avail_out);
        if (!made.empty() && !sink.write(made))
            return std::nullopt;
        written += made.size();
    }
    static constexpr std::array<std::byte, 1> pad{};
    if (written % 2 != 0 && !sink.write(pad))
        return std::nullopt;
    return written + written % 2;
}

} // namespace dcmflow
