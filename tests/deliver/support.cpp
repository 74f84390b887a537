#include "tests/deliver/support.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

namespace dcmflow::testing {

Bytes explicit_elements(const std::vector<TextElement>& elements) {
    Bytes bytes;
    const auto le16 = [&](std::size_t value) {
        bytes.push_back(static_cast<std::byte>(value & 0xFF));
        bytes.push_back(static_cast<std::byte>(value >> 8));
    };
    for (const TextElement& element : elements) {
        std::string value = element.value;
        if (value.size() % 2 != 0) {
            value.push_back(element.vr == "UI" ? '\0' : ' ');
        }
        le16(element.group);
        le16(element.element);
        for (const char c : element.vr) {
            bytes.push_back(static_cast<std::byte>(c));
        }
        le16(value.size());
        for (const char c : value) {
            bytes.push_back(static_cast<std::byte>(c));
        }
    }
    return bytes;
}

Object make_object(std::size_t bytes, std::string sop_instance, std::string patient_id,
                   unsigned seed) {
    Object object;
    object.sop_instance = sop_instance;
    object.data_set = explicit_elements({{0x0008, 0x0005, "CS", "ISO_IR 100"},
                                         {0x0008, 0x0016, "UI", std::string(ct_image)},
                                         {0x0008, 0x0018, "UI", sop_instance},
                                         {0x0008, 0x0060, "CS", "CT"},
                                         {0x0010, 0x0010, "PN", "Test^Name"},
                                         {0x0010, 0x0020, "LO", patient_id},
                                         {0x0020, 0x000D, "UI", "1.2.3"},
                                         {0x0020, 0x000E, "UI", "1.2.3.1"}});
    const std::size_t pixels =
        (std::max(bytes, object.data_set.size() + 14) - object.data_set.size() - 12) & ~1UL;
    for (const unsigned byte :
         {0xE0U, 0x7FU, 0x10U, 0x00U, 0x4FU, 0x57U, 0U, 0U}) { // (7FE0,0010) OW
        object.data_set.push_back(static_cast<std::byte>(byte));
    }
    for (int shift = 0; shift < 32; shift += 8) {
        object.data_set.push_back(static_cast<std::byte>(pixels >> shift));
    }
    std::mt19937 random(seed);
    const std::size_t start = object.data_set.size();
    object.data_set.resize(start + pixels);
    for (std::size_t i = 0; i < pixels; ++i) { // noise, repeated for large ones
        auto& byte = object.data_set[start + i];
        byte = i < 65536 ? static_cast<std::byte>(random()) : object.data_set[start + i - 65521];
    }
    return object;
}

DestinationConfig dicom_config(std::uint16_t port, int response_seconds) {
    DestinationConfig config;
    config.name = "archive";
    config.target = DicomTarget{"ARCHIVE", "127.0.0.1", port};
    config.calling_aet = "TESTER";
    config.response_timeout = std::chrono::seconds(response_seconds);
    return config;
}

DestinationConfig folder_config(const std::filesystem::path& root, const std::string& layout) {
    DestinationConfig config;
    config.name = "folder";
    FolderTarget target;
    target.path = root;
    if (!layout.empty()) {
        target.layout = layout;
    }
    config.target = target;
    return config;
}

Need need(std::string_view sop_class, std::vector<std::string> syntaxes) {
    return {std::string(sop_class), std::move(syntaxes)};
}

std::unique_ptr<Link> connect_or_fail(Destination& destination) {
    const std::vector<std::string> syntaxes{std::string(explicit_le), std::string(jpeg_ls)};
    const std::vector<Need> needs{need(ct_image, syntaxes), need(mr_image, syntaxes)};
    auto link = destination.connect(needs);
    if (!link) {
        ADD_FAILURE() << link.error().text;
        return nullptr;
    }
    return std::move(*link);
}

TempFolder::TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "dcmflow-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    return {bytes, bytes + text.size()};
}

std::vector<std::filesystem::path> files_below(const std::filesystem::path& root) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (!entry.is_directory()) {
            files.push_back(std::filesystem::relative(entry.path(), root));
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace dcmflow::testing
