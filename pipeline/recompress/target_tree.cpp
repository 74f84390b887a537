#include "pipeline/recompress/target_tree.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace dcmflow::recompress {

TargetFolder::TargetFolder(deliver::Descriptor folder, std::string path,
                           std::shared_ptr<Problems> problems)
    : folder_(std::move(folder)), path_(std::move(path)), problems_(std::move(problems)) {}

TargetFolder::~TargetFolder() {
    if (!changed_ || ::fsync(folder_.get()) == 0 || errno == EINVAL) // a file system without it
        return;
    const auto text =
        fmt::format("{}: sync the folder: {}", path_, std::generic_category().message(errno));
    const std::lock_guard lock(problems_->mutex);
    problems_->texts.push_back(text);
}

TargetTree::TargetTree(std::filesystem::path root, deliver::Descriptor folder)
    : root_(std::move(root)), folder_(std::move(folder)), last_(std::shared_ptr<TargetFolder>()) {}

namespace {

void sync_folder(const std::filesystem::path& path) {
    const deliver::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.valid())
        (void)::fsync(folder.get());
}

// From the top: each folder that was missing, and its entry synced.
std::error_code make_folders(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::exists(path, error) || error)
        return error;
    const auto parent = path.has_filename() ? path.parent_path() : path.parent_path().parent_path();
    if (!parent.empty() && (error = make_folders(parent)))
        return error;
    if (std::filesystem::create_directory(path, error))
        sync_folder(parent.empty() ? "." : parent);
    return error;
}

} // namespace

Result<TargetTree> TargetTree::open(const std::filesystem::path& root) {
    const auto error = make_folders(root);
    deliver::Descriptor folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid())
        return fail_errno(error ? error.value() : errno, "open the destination " + root.string());
    return TargetTree(root, std::move(folder));
}

Result<std::shared_ptr<TargetFolder>> TargetTree::folder(const std::filesystem::path& path) {
    if (last_ && *last_ != nullptr && path == last_path_)
        return last_;
    last_path_ = path;
    std::vector<std::string> names;
    for (const auto& name : path)
        names.push_back(name.string());
    auto opened = deliver::open_folder(folder_.get(), names);
    if (!opened)
        last_ = fail_errno(opened.error().error,
                           fmt::format("{} {}", opened.error().during, (root_ / path).string()));
    else
        last_ =
            std::make_shared<TargetFolder>(std::move(*opened), (root_ / path).string(), problems_);
    return last_;
}

std::vector<std::string> TargetTree::problems() {
    last_ = std::shared_ptr<TargetFolder>();
    const std::lock_guard lock(problems_->mutex);
    return std::exchange(problems_->texts, {});
}

} // namespace dcmflow::recompress
