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
    auto opened = open_below(path);
    if (!opened)
        last_ = tl::unexpected(opened.error());
    else
        last_ =
            std::make_shared<TargetFolder>(std::move(*opened), (root_ / path).string(), problems_);
    return last_;
}

// Step by step: nothing may be made in what turns out to be the source.
Result<deliver::Descriptor> TargetTree::open_below(const std::filesystem::path& path) const {
    const auto failed = [&](const deliver::FileError& error) {
        return fail_errno(error.error, fmt::format("{} {}", error.during, (root_ / path).string()));
    };
    auto folder = deliver::open_folder(folder_.get(), {});
    if (!folder)
        return failed(folder.error());
    for (const auto& component : path) {
        const std::string name = component.string();
        auto next = deliver::open_folder(folder->get(), std::span(&name, 1));
        if (!next)
            return failed(next.error());
        struct stat status {};
        if (forbidden_ && ::fstat(next->get(), &status) == 0 &&
            *forbidden_ == std::pair{status.st_dev, status.st_ino})
            return fail(ErrorCode::conflict,
                        fmt::format("{} is the source", (root_ / path).string()));
        folder = std::move(next);
    }
    return std::move(*folder);
}

bool TargetTree::folds_case() const {
    const auto name = fmt::format(".dcmflow-{:016x}.tmp", ::getpid()); // is_temporary_name()
    const auto other = fmt::format(".DCMFLOW-{:016X}.TMP", ::getpid());
    const deliver::Descriptor file(
        ::openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid())
        return false; // the first result says why
    struct stat found {};
    const bool folds = ::fstatat(folder_.get(), other.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
    (void)::unlinkat(folder_.get(), name.c_str(), 0);
    return folds;
}

std::vector<std::string> TargetTree::problems() {
    last_ = std::shared_ptr<TargetFolder>();
    const std::lock_guard lock(problems_->mutex);
    return std::exchange(problems_->texts, {});
}

} // namespace dcmflow::recompress
