// Bytes of hand-made data sets, for the tests of the scanner.
#pragma once

#include "pipeline/dicom/dataset.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::test {

inline constexpr std::uint32_t undefined_length = 0xFFFFFFFFU;
inline constexpr Encoding explicit_le{};
inline constexpr Encoding implicit_le{true, false};
inline constexpr Encoding explicit_be{false, true};

class DataSetBytes {
  public:
    explicit DataSetBytes(Encoding encoding = explicit_le) : encoding_(encoding) {}

    DataSetBytes& u16(std::uint32_t value) { return number(value, 2); }
    DataSetBytes& u32(std::uint32_t value) { return number(value, 4); }
    DataSetBytes& raw(std::string_view text) {
        for (const char c : text)
            bytes_.push_back(static_cast<std::byte>(c));
        return *this;
    }
    DataSetBytes& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    // Tag, VR and length as the encoding has them.
    DataSetBytes& header(std::uint32_t tag, std::string_view vr, std::uint32_t length) {
        u16(tag >> 16).u16(tag & 0xFFFF);
        if (encoding_.implicit_vr)
            return u32(length);
        raw(vr);
        constexpr std::string_view long_ones = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
        if (long_ones.find(vr) != std::string_view::npos)
            return u16(0).u32(length);
        return u16(length);
    }
    DataSetBytes& element(std::uint32_t tag, std::string_view vr, std::string_view value) {
        return header(tag, vr, static_cast<std::uint32_t>(value.size())).raw(value);
    }
    DataSetBytes& element(std::uint32_t tag, std::string_view vr, const DataSetBytes& value) {
        return element(tag, vr, value.view());
    }
    DataSetBytes& item(std::uint32_t length) { return u16(0xFFFE).u16(0xE000).u32(length); }
    DataSetBytes& item(std::string_view value) {
        return item(static_cast<std::uint32_t>(value.size())).raw(value);
    }
    DataSetBytes& item(const DataSetBytes& value) { return item(value.view()); }
    DataSetBytes& end_item() { return u16(0xFFFE).u16(0xE00D).u32(0); }
    DataSetBytes& end_sequence() { return u16(0xFFFE).u16(0xE0DD).u32(0); }

    [[nodiscard]] std::string_view view() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
    [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }
    [[nodiscard]] Encoding encoding() const { return encoding_; }
    [[nodiscard]] tl::expected<DataSet, ScanError> scan(const ScanLimits& limits = {}) const {
        return DataSet::scan(bytes_, encoding_, limits);
    }

  private:
    DataSetBytes& number(std::uint32_t value, unsigned size) {
        for (unsigned i = 0; i < size; ++i) {
            const unsigned shift = 8 * (encoding_.big_endian ? size - 1 - i : i);
            bytes_.push_back(static_cast<std::byte>((value >> shift) & 0xFF));
        }
        return *this;
    }
    Encoding encoding_;
    std::vector<std::byte> bytes_;
};

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::vector<std::byte> read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<std::byte> bytes(in ? std::filesystem::file_size(path) : 0);
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

// The folder of real files; does not exist where there is none.
inline std::filesystem::path corpus_folder() {
    if (const char* folder = std::getenv("DCMFLOW_CORPUS"))
        return folder;
    for (std::filesystem::path up = std::filesystem::current_path(); up.has_relative_path();
         up = up.parent_path()) {
        if (std::filesystem::exists(up / "shared/corpus/index.tsv"))
            return up / "shared/corpus";
    }
    return std::filesystem::path(__FILE__).parent_path() / "../../../shared/corpus";
}

} // namespace dcmflow::test
