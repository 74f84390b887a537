#include "pipeline/recompress/mounts.h"

#include <fstream>
#include <sstream>
#include <utility>

namespace dcmflow::recompress {

namespace fs = std::filesystem;

namespace {

struct Mount {
    std::string device;
    fs::path root; // in the file system
    fs::path point;
};

// Blanks and backslashes are written as \ooo.
std::string unescape(const std::string& text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto digits = text.substr(at + 1, 3);
        if (text[at] == '\\' && digits.size() == 3 &&
            digits.find_first_not_of("01234567") == std::string::npos) {
            plain += static_cast<char>(std::stoi(digits, nullptr, 8));
            at += 3;
        } else {
            plain += text[at];
        }
    }
    return plain;
}

bool is_below(const fs::path& path, const fs::path& folder) {
    const auto relative = path.lexically_relative(folder);
    return !relative.empty() && *relative.begin() != "..";
}

} // namespace

std::optional<FileSystemPlace> place_of(const fs::path& path) {
    std::ifstream file("/proc/self/mountinfo"); // proc(5): id, parent, device, root, point, …
    std::optional<Mount> best;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        if (!(words >> id >> parent >> device >> root >> point))
            continue;
        Mount mount{device, unescape(root), unescape(point)};
        // The deepest; of two at one point the later one lies on top.
        if (is_below(path, mount.point) && (!best || is_below(mount.point, best->point)))
            best = std::move(mount);
    }
    if (!best)
        return std::nullopt;
    const auto rest = path.lexically_relative(best->point);
    return FileSystemPlace{best->device, (best->root / rest).lexically_normal()};
}

} // namespace dcmflow::recompress
