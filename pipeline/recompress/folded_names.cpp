#include "pipeline/recompress/folded_names.h"

#include <algorithm>
#include <cstdlib>
#include <cwchar>
#include <cwctype>
#include <locale.h>

namespace dcmflow::recompress {

namespace fs = std::filesystem;

namespace {

// The locale of this thread while it lives; the process's own stays what it is.
class Utf8 {
  public:
    Utf8() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
        if (locale_ != nullptr)
            old_ = ::uselocale(locale_);
    }
    ~Utf8() {
        if (locale_ == nullptr)
            return;
        ::uselocale(old_);
        ::freelocale(locale_);
    }
    Utf8(const Utf8&) = delete;
    Utf8& operator=(const Utf8&) = delete;
    [[nodiscard]] bool there() const { return locale_ != nullptr; }

  private:
    locale_t locale_ = nullptr;
    locale_t old_ = nullptr;
};

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
}

std::string lower_ascii(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return text;
}

} // namespace

std::string fold_case(std::string_view name) {
    std::string text(name);
    if (is_ascii(name))
        return lower_ascii(std::move(text));
    const Utf8 utf8;
    std::wstring wide(text.size() + 1, L'\0');
    const auto length = utf8.there() ? std::mbstowcs(wide.data(), text.c_str(), wide.size())
                                     : static_cast<std::size_t>(-1);
    if (length == static_cast<std::size_t>(-1))
        return lower_ascii(std::move(text));
    wide.resize(length);
    // Up, then down: letters that share one capital (ſ and s, ς and σ) are one.
    for (wchar_t& c : wide)
        c = static_cast<wchar_t>(std::towlower(std::towupper(static_cast<std::wint_t>(c))));
    std::string folded(wide.size() * MB_CUR_MAX + 1, '\0');
    const auto bytes = std::wcstombs(folded.data(), wide.c_str(), folded.size());
    if (bytes == static_cast<std::size_t>(-1))
        return lower_ascii(std::move(text));
    folded.resize(bytes);
    return folded;
}

bool FoldedNames::add(const fs::path& entry) {
    const auto folder = entry.parent_path();
    const auto holds = [&folder](const Level& level) {
        const auto [end, at] =
            std::mismatch(level.folder.begin(), level.folder.end(), folder.begin(), folder.end());
        return end == level.folder.end();
    };
    while (!levels_.empty() && !holds(levels_.back()))
        levels_.pop_back();
    if (levels_.empty() || levels_.back().folder != folder)
        levels_.push_back({folder, {}});
    return levels_.back().names.insert(fold_case(entry.filename().native())).second;
}

} // namespace dcmflow::recompress
