// Just enough DICOM for the codec tests: the pixel module and Pixel Data of an Explicit VR Little
// Endian file, native or encapsulated, read from the top level of the data set. Test files only.
#pragma once

#include "codecs/frame.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dcmflow::codecs::test {

// The corpus, or empty: tests skip then.
inline std::filesystem::path corpus_folder() {
    if (const char* given = std::getenv("DCMFLOW_CORPUS"))
        return given;
    const auto root = std::filesystem::path{__FILE__}.parent_path() / "../..";
    if (const auto beside = root / "../shared/corpus"; std::filesystem::exists(beside))
        return beside;
    return {};
}

struct PixelObject {
    std::string syntax;
    PixelFormat format;
    std::uint32_t frames = 1;
    FrameBuffer native;                 // of native syntaxes: all frames
    std::vector<FrameBuffer> fragments; // of encapsulated ones, without the offset table
};

class Part10Reader {
  public:
    explicit Part10Reader(const std::filesystem::path& path) {
        std::ifstream file{path, std::ios::binary};
        std::vector<char> chars{std::istreambuf_iterator<char>{file}, {}};
        bytes_.resize(chars.size());
        if (!chars.empty())
            std::memcpy(bytes_.data(), chars.data(), chars.size());
    }

    std::optional<PixelObject> read() {
        if (bytes_.size() < 132 || std::memcmp(&bytes_[128], "DICM", 4) != 0)
            return std::nullopt;
        for (at_ = 132; at_ + 8 <= bytes_.size();)
            if (!element())
                break;
        if (!done_)
            return std::nullopt;
        PixelFormat& format = object_.format;
        format.rows = number(0x0010);
        format.columns = number(0x0011);
        format.samples = number(0x0002);
        format.bits_allocated = number(0x0100);
        format.bits_stored = number(0x0101);
        format.high_bit = number(0x0102);
        format.is_signed = number(0x0103) != 0;
        format.planar = format.samples > 1 && number(0x0006) == 1;
        format.photometric = photometric_from(text(0x0004));
        object_.frames =
            text(0x0008).empty() ? 1U : static_cast<std::uint32_t>(std::stoul(text(0x0008)));
        return object_;
    }

  private:
    template <typename T> T get(std::size_t at) const {
        T value{};
        if (at + sizeof(T) <= bytes_.size())
            std::memcpy(&value, &bytes_[at], sizeof value);
        return value;
    }

    // One element at at_; false at Pixel Data or on nonsense.
    bool element() {
        const auto tag = get<std::uint16_t>(at_) * 65536U + get<std::uint16_t>(at_ + 2);
        const std::string vr{reinterpret_cast<const char*>(&bytes_[at_ + 4]), 2};
        const bool wide = vr == "OB" || vr == "OW" || vr == "OF" || vr == "OD" || vr == "OL" ||
                          vr == "OV" || vr == "SQ" || vr == "UC" || vr == "UN" || vr == "UR" ||
                          vr == "UT" || vr == "SV" || vr == "UV";
        const std::uint32_t length =
            wide ? get<std::uint32_t>(at_ + 8) : get<std::uint16_t>(at_ + 6);
        const std::size_t value = at_ + (wide ? 12 : 8);
        if (tag == 0x7FE00010U)
            return pixels(value, length), false;
        if (length == 0xFFFFFFFFU) {
            at_ = value;
            return skip_items();
        }
        if (value + length > bytes_.size())
            return false;
        const std::string content{reinterpret_cast<const char*>(bytes_.data() + value), length};
        if (tag == 0x00020010U)
            object_.syntax = content.substr(0, content.find('\0'));
        if (tag >> 16 == 0x0028)
            values_[tag & 0xFFFFU] = content;
        at_ = value + length;
        return true;
    }

    // Items of a sequence of undefined length, nested ones included.
    bool skip_items() {
        while (at_ + 8 <= bytes_.size()) {
            const auto tag = get<std::uint16_t>(at_) * 65536U + get<std::uint16_t>(at_ + 2);
            const auto length = get<std::uint32_t>(at_ + 4);
            at_ += 8;
            if (tag == 0xFFFEE0DDU)
                return true;
            if (tag != 0xFFFEE000U)
                return false;
            if (length != 0xFFFFFFFFU) {
                at_ += length;
                continue;
            }
            const auto saved = values_;
            while (get<std::uint16_t>(at_) != 0xFFFE)
                if (!element())
                    return false;
            values_ = saved;
            at_ += 8; // item delimiter
        }
        return false;
    }

    void pixels(std::size_t at, std::uint32_t length) {
        const auto slice = [&](std::size_t from, std::size_t count) {
            const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(from);
            return FrameBuffer(first, first + static_cast<std::ptrdiff_t>(count));
        };
        if (length != 0xFFFFFFFFU) {
            done_ = at + length <= bytes_.size();
            if (done_)
                object_.native = slice(at, length);
            return;
        }
        bool table = true;
        while (at + 8 <= bytes_.size() && get<std::uint16_t>(at + 2) == 0xE000) {
            const auto size = get<std::uint32_t>(at + 4);
            at += 8;
            if (at + size > bytes_.size())
                return;
            if (!table)
                object_.fragments.push_back(slice(at, size));
            table = false;
            at += size;
        }
        done_ = true;
    }

    std::uint16_t number(std::uint16_t element) const {
        const auto found = values_.find(element);
        std::uint16_t value = 0;
        if (found != values_.end() && found->second.size() >= 2)
            std::memcpy(&value, found->second.data(), 2);
        return value;
    }
    std::string text(std::uint16_t element) const {
        const auto found = values_.find(element);
        std::string value = found == values_.end() ? "" : found->second;
        while (!value.empty() && (value.back() == ' ' || value.back() == '\0'))
            value.pop_back();
        return value;
    }

    std::vector<std::byte> bytes_;
    std::size_t at_ = 0;
    bool done_ = false;
    PixelObject object_;
    std::map<std::uint32_t, std::string> values_;
};

} // namespace dcmflow::codecs::test
