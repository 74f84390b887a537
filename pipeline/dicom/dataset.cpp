#include "pipeline/dicom/dataset.h"

#include "pipeline/dicom/charset.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <zlib.h>

namespace dcmflow {

std::string_view to_string(ScanFault fault) {
    switch (fault) {
    case ScanFault::truncated:
        return "truncated";
    case ScanFault::bad_length:
        return "bad_length";
    case ScanFault::bad_vr:
        return "bad_vr";
    case ScanFault::too_deep:
        return "too_deep";
    case ScanFault::too_many_elements:
        return "too_many_elements";
    case ScanFault::element_too_large:
        return "element_too_large";
    case ScanFault::object_too_large:
        return "object_too_large";
    case ScanFault::bad_sequence:
        return "bad_sequence";
    case ScanFault::bad_fragments:
        return "bad_fragments";
    case ScanFault::bad_group:
        return "bad_group";
    case ScanFault::bad_uid:
        return "bad_uid";
    case ScanFault::bad_deflate:
        return "bad_deflate";
    }
    return "truncated";
}

Encoding Encoding::of(std::string_view transfer_syntax_uid) {
    while (!transfer_syntax_uid.empty() &&
           (transfer_syntax_uid.back() == '\0' || transfer_syntax_uid.back() == ' ')) {
        transfer_syntax_uid.remove_suffix(1);
    }
    Encoding encoding;
    encoding.implicit_vr = transfer_syntax_uid == "1.2.840.10008.1.2";
    encoding.big_endian = transfer_syntax_uid == "1.2.840.10008.1.2.2";
    return encoding;
}

const ElementRef* DataSet::find(std::uint16_t group, std::uint16_t element) const {
    const std::uint32_t tag = (std::uint32_t{group} << 16) | element;
    if (ascending_) {
        const auto it =
            std::lower_bound(elements_.begin(), elements_.end(), tag,
                             [](const ElementRef& e, std::uint32_t t) { return e.tag() < t; });
        return it != elements_.end() && it->tag() == tag ? &*it : nullptr;
    }
    const auto it = std::find_if(elements_.begin(), elements_.end(),
                                 [tag](const ElementRef& e) { return e.tag() == tag; });
    return it != elements_.end() ? &*it : nullptr;
}

std::span<const std::byte> DataSet::value(const ElementRef& element) const {
    if (element.value_offset > bytes_.size() ||
        element.value_length > bytes_.size() - element.value_offset)
        return {};
    return bytes_.subspan(element.value_offset, element.value_length);
}
std::span<const std::byte> DataSet::value(const ItemRef& item) const {
    if (item.value_offset > bytes_.size() || item.value_length > bytes_.size() - item.value_offset)
        return {};
    return bytes_.subspan(item.value_offset, item.value_length);
}

Encoding DataSet::items_encoding(const ElementRef& sequence) const {
    if (sequence.vr_text() == "UN")
        return {true, false};
    return encoding_;
}

std::string DataSet::text(std::uint16_t group, std::uint16_t element) const {
    const ElementRef* found = find(group, element);
    if (found == nullptr)
        return {};
    return std::string(trimmed(as_text(value(*found))));
}

std::string DataSet::utf8(std::uint16_t group, std::uint16_t element) const {
    const ElementRef* found = find(group, element);
    if (found == nullptr)
        return {};
    const std::string_view raw = as_text(value(*found));
    const bool plain = !uses_charset(found->vr_text());
    return std::string(trimmed(Charset(plain ? std::string() : text(0x0008, 0x0005)).to_utf8(raw)));
}

std::optional<std::uint16_t> DataSet::us(std::uint16_t group, std::uint16_t element) const {
    const ElementRef* found = find(group, element);
    if (found == nullptr)
        return std::nullopt;
    const auto bytes = value(*found);
    if (bytes.size() < 2)
        return std::nullopt;
    const auto at = [&bytes](std::size_t i) { return static_cast<unsigned>(bytes[i]); };
    return static_cast<std::uint16_t>(encoding_.big_endian ? (at(0) << 8) | at(1)
                                                           : (at(1) << 8) | at(0));
}

tl::expected<std::vector<std::byte>, ScanError> inflate_dataset(std::span<const std::byte> bytes,
                                                                std::uint64_t ceiling) {
    const auto fault = [](ScanFault what, std::uint64_t offset, std::string text) {
        return tl::unexpected(ScanError{what, offset, std::move(text)});
    };
    ceiling = std::min(ceiling, std::numeric_limits<std::uint64_t>::max() - 1);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        throw std::bad_alloc();
    struct End {
        z_stream& s;
        ~End() { inflateEnd(&s); }
    } const end{stream};
    std::vector<std::byte> out;
    std::uint64_t taken = 0;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        // Grows by what has come out so far, so that a small bomb never claims much more than it
        // made.
        const std::uint64_t step = std::clamp<std::uint64_t>(out.size(), 64U << 10, 16U << 20);
        const std::uint64_t room =
            std::min(step, ceiling + 1 - std::min<std::uint64_t>(ceiling, out.size()));
        const std::size_t before = out.size();
        out.resize(before + static_cast<std::size_t>(room));
        if (stream.avail_in == 0) {
            const std::uint64_t piece = std::min<std::uint64_t>(bytes.size() - taken, 1U << 30);
            stream.next_in =
                reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + taken)); // NOLINT
            stream.avail_in = static_cast<uInt>(piece);
            taken += piece;
        }
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
        stream.avail_out = static_cast<uInt>(room);
        status = inflate(&stream, Z_NO_FLUSH);
        out.resize(out.size() - stream.avail_out);
        const std::uint64_t at = taken - stream.avail_in;
        if (out.size() > ceiling) {
            return fault(ScanFault::object_too_large, at,
                         "inflates to more than " + std::to_string(ceiling) + " bytes");
        }
        if (status == Z_MEM_ERROR)
            throw std::bad_alloc();
        if (status == Z_BUF_ERROR ||
            (status == Z_OK && at == bytes.size() && stream.avail_out != 0)) {
            return fault(ScanFault::bad_deflate, at, "the deflated data set ends too soon");
        }
        if (status != Z_OK && status != Z_STREAM_END) {
            return fault(ScanFault::bad_deflate, at,
                         std::string("the deflated data set is damaged: ") +
                             (stream.msg != nullptr ? stream.msg : "?"));
        }
    }
    return out;
}

} // namespace dcmflow
