#include "pipeline/deliver/folder_layout.h"

#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/open_data_set.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace dcmflow::deliver {

namespace {

constexpr std::size_t max_value_bytes = 64;
constexpr std::size_t max_component_bytes = 200; // leaves room for a digest below NAME_MAX

// Cuts at a character's boundary.
void cut(std::string& text, std::size_t bytes) {
    if (text.size() > bytes) {
        while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
            --bytes;
        }
        text.resize(bytes);
    }
}

// Leading dots hide a file, trailing dots and spaces are lost on Windows shares; "." and ".."
// vanish.
void trim(std::string& text) {
    const std::size_t first = text.find_first_not_of(" .");
    const std::size_t last = text.find_last_not_of(" .");
    text = first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

// The data set's bytes, inflated if need be, and the index over them.
class Header {
  public:
    explicit Header(const Parcel& parcel) {
        if (auto opened = OpenedDataSet::open(parcel.data_set, parcel.transfer_syntax_uid)) {
            opened_.emplace(std::move(*opened));
        }
    }
    [[nodiscard]] std::string utf8(std::uint16_t group, std::uint16_t element) const {
        return opened_ ? opened_->data_set().utf8(group, element) : std::string();
    }

  private:
    std::optional<OpenedDataSet> opened_;
};

} // namespace

Result<FolderLayout> FolderLayout::parse(std::string_view text) {
    FolderLayout layout;
    while (true) {
        const std::size_t slash = text.find('/');
        auto component = parse_component(text.substr(0, slash));
        if (!component) {
            return tl::unexpected<Error>(component.error());
        }
        layout.components_.push_back(std::move(*component));
        if (slash == std::string_view::npos) {
            return layout;
        }
        text.remove_prefix(slash + 1);
    }
}

Result<std::vector<FolderLayout::Piece>> FolderLayout::parse_component(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(ErrorCode::invalid_argument, fmt::format("layout: \"{}\" {}", text, why));
    };
    if (text.empty() || text == "." || text == "..") {
        return wrong("is not a folder or file name; expected names joined by single slashes");
    }
    if (std::any_of(text.begin(), text.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
        return wrong("has a control character");
    }
    const DicomDictionary dictionary;
    std::vector<Piece> pieces;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t open = rest.find_first_of("{}");
        if (open != 0) {
            pieces.emplace_back(std::string(rest.substr(0, open)));
            rest.remove_prefix(open == std::string_view::npos ? rest.size() : open);
            continue;
        }
        const std::size_t close = rest.find('}');
        if (rest.front() == '}' || close == std::string_view::npos) {
            return wrong("has a brace without its partner");
        }
        const std::string_view keyword = rest.substr(1, close - 1);
        const auto entry = dictionary.by_keyword(keyword);
        if (!entry) {
            return wrong(fmt::format("names no DICOM keyword: {}", keyword));
        }
        pieces.emplace_back(Placeholder{entry->group, entry->element});
        rest.remove_prefix(close + 1);
    }
    return pieces;
}

std::string FolderLayout::sanitise(std::string_view value) {
    constexpr std::string_view refused = "/\\<>:\"|?*";
    std::string text;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        text.push_back(
            byte < 0x20 || byte == 0x7F || refused.find(c) != std::string_view::npos ? '_' : c);
    }
    trim(text);
    cut(text, max_value_bytes);
    trim(text);
    return text.empty() ? "unknown" : text;
}

std::vector<std::string> FolderLayout::path_of(const Parcel& parcel) const {
    const Header header(parcel);
    const auto value = [&](const Placeholder& tag) {
        if (tag.group == 0x0008 && tag.element == 0x0018) {
            return std::string(parcel.sop_instance_uid);
        }
        if (tag.group == 0x0008 && tag.element == 0x0016) {
            return std::string(parcel.sop_class_uid);
        }
        return header.utf8(tag.group, tag.element);
    };
    std::vector<std::string> path;
    for (const auto& pieces : components_) {
        std::string component;
        for (const Piece& piece : pieces) {
            const auto* literal = std::get_if<std::string>(&piece);
            component +=
                literal != nullptr ? *literal : sanitise(value(std::get<Placeholder>(piece)));
        }
        cut(component, max_component_bytes);
        path.push_back(std::move(component));
    }
    return path;
}

} // namespace dcmflow::deliver
