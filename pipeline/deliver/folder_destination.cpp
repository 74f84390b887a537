#include "pipeline/deliver/folder_destination.h"

#include "pipeline/deliver/durable_file.h"
#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <fmt/format.h>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace dcmflow {

using namespace deliver;

namespace {

using Clock = std::chrono::steady_clock;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

// The root may itself be a symbolic link: the administrator wrote it.
Result<Descriptor> open_root(const std::filesystem::path& root) {
    Descriptor descriptor(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor.valid()) {
        const int error = errno;
        const bool missing = error == ENOENT;
        return fail(ErrorCode::link,
                    fmt::format("cannot open the folder {}: {}{}", root.string(), error_text(error),
                                missing ? "; expected an existing folder: is it mounted?" : ""));
    }
    if (::faccessat(descriptor.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
        return fail(ErrorCode::link, fmt::format("cannot write to the folder {}: {}", root.string(),
                                                 error_text(errno)));
    }
    return descriptor;
}

// Of the content and of what it is, so that equal temporary names mean equal files.
std::string name_digest(const Parcel& parcel) {
    Digester digester;
    digester.update(parcel.data_set);
    for (const std::string_view text :
         {parcel.sop_instance_uid, parcel.transfer_syntax_uid, parcel.source_aet}) {
        digester.update(std::as_bytes(std::span(text.data(), text.size())));
        digester.update(std::array{std::byte{0}});
    }
    return digester.finish().hex();
}

// "1.2.3.dcm" → "1.2.3-0123456789abcdef.dcm"
std::string with_suffix(const std::string& name, std::string_view suffix) {
    const std::size_t dot = name.ends_with(".dcm") ? name.size() - 4 : name.size();
    return fmt::format("{}-{}{}", name.substr(0, dot), suffix, name.substr(dot));
}

class FolderLink final : public Link {
  public:
    FolderLink(Descriptor root, const FolderLayout& layout, std::string label)
        : root_(std::move(root)), layout_(layout), label_(std::move(label)) {}

    [[nodiscard]] bool takes(std::string_view, std::string_view) const override { return true; }
    [[nodiscard]] bool asked(std::string_view, std::string_view) const override { return true; }
    [[nodiscard]] bool usable() const override {
        return !broken_ && !stop_.load(std::memory_order_acquire);
    }
    void abort() override { stop_.store(true, std::memory_order_release); }
    [[nodiscard]] SendResult send(const Parcel& parcel) override;

  private:
    [[nodiscard]] FileResult<Created> store(const Parcel& parcel, int folder,
                                            const std::string& name);
    [[nodiscard]] SendResult end(Outcome outcome, std::string_view text) const {
        SendResult result;
        result.outcome = outcome;
        result.text = fmt::format("{}: {}", label_, text);
        return result;
    }
    [[nodiscard]] SendResult error_end(const FileError& error);
    // Removed, unmounted or no longer ours: then it is not the object's fault.
    [[nodiscard]] bool root_gone() const {
        struct stat status {};
        return ::fstat(root_.get(), &status) != 0 || status.st_nlink == 0 ||
               ::faccessat(root_.get(), ".", W_OK | X_OK, AT_EACCESS) != 0;
    }

    Descriptor root_;
    FolderLayout layout_;
    std::string label_;
    bool broken_ = false;
    std::atomic<bool> stop_{false};
};

SendResult FolderLink::send(const Parcel& parcel) {
    if (!is_valid_uid(parcel.sop_class_uid) || !is_valid_uid(parcel.sop_instance_uid) ||
        !is_valid_uid(parcel.transfer_syntax_uid)) {
        return end(Outcome::failed,
                   "the object's SOP Class, SOP Instance or Transfer Syntax UID is not a UID");
    }
    const auto path = layout_.path_of(parcel);
    auto folder = open_folder(root_.get(), std::span(path).first(path.size() - 1));
    if (!folder) {
        return error_end(folder.error());
    }
    const std::string digest = name_digest(parcel);
    const std::array<std::string, 2> names{path.back(),
                                           with_suffix(path.back(), digest.substr(0, 16))};
    for (const std::string& name : names) {
        const auto existing = compare_file(
            folder->get(), name, std::string(parcel.transfer_syntax_uid), parcel.data_set);
        if (!existing) {
            return error_end(existing.error());
        }
        if (*existing == Existing::different) {
            continue;
        }
        SendResult delivered;
        delivered.outcome = Outcome::delivered;
        if (*existing == Existing::same) {
            return delivered;
        }
        const auto created = store(parcel, folder->get(), name);
        if (!created) {
            return error_end(created.error());
        }
        if (*created != Created::created) {
            return end(Outcome::retry_link, "another writer was at the same file");
        }
        if (&name != names.data()) {
            delivered.text = fmt::format(
                "{}: a file with other content has this object's name; this one was written "
                "beside it, with -{} in its name",
                label_, digest.substr(0, 16));
            delivered.warning = true;
        }
        return delivered;
    }
    return end(Outcome::retry_object,
               "files with other content have both names that this object could get");
}

FileResult<Created> FolderLink::store(const Parcel& parcel, int folder, const std::string& name) {
    const auto meta = make_file_meta(parcel.sop_class_uid, parcel.sop_instance_uid,
                                     parcel.transfer_syntax_uid, parcel.source_aet);
    const std::array<std::span<const std::byte>, 2> pieces{std::span<const std::byte>(meta),
                                                           parcel.data_set};
    return create_file(folder, name, fmt::format(".dcmflow-{}.tmp", name_digest(parcel)), pieces,
                       stop_);
}

SendResult FolderLink::error_end(const FileError& error) {
    const std::string text = fmt::format("cannot {}: {}", error.during, error_text(error.error));
    switch (error.error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return end(Outcome::retry_resources, text);
    case ECANCELED:
        broken_ = true;
        return end(Outcome::retry_link, "broken off by us");
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
        return end(Outcome::retry_object,
                   text + "; a link or file stands where the layout wants a folder, "
                          "and links are not followed");
    case ENAMETOOLONG:
        return end(Outcome::failed, text + "; expected a layout with shorter names");
    case EACCES:
    case EPERM:
    case ENOENT:
        if (!root_gone()) { // something below the root, in the way of this object only
            return end(Outcome::retry_object, text);
        }
        break;
    default:
        break;
    }
    broken_ = true;
    return end(Outcome::retry_link, text);
}

template <class Work> bool timed(std::vector<ProbeStep>& steps, std::string what, Work work) {
    const auto start = Clock::now();
    ProbeStep step;
    step.what = std::move(what);
    step.ok = work(step.detail);
    step.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    steps.push_back(std::move(step));
    return steps.back().ok;
}

bool try_writing(int root, std::string& detail) {
    const std::string name = fmt::format(".dcmflow-probe-{}.tmp", ::getpid());
    const std::array<std::byte, 1> byte{};
    Descriptor file(
        ::openat(root, name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    const bool ok = file.valid() && ::write(file.get(), byte.data(), byte.size()) == 1 &&
                    ::fdatasync(file.get()) == 0;
    detail =
        ok ? "a file was written, synced and removed" : "cannot write a file: " + error_text(errno);
    (void)::unlinkat(root, name.c_str(), 0);
    return ok;
}

} // namespace

FolderDestination::FolderDestination(const DestinationConfig& config)
    : name_(config.name), root_(std::get<FolderTarget>(config.target).path),
      layout_(FolderLayout::parse(std::get<FolderTarget>(config.target).layout)) {}

std::string FolderDestination::label() const {
    return name_.empty() ? root_.string() : fmt::format("{} ({})", name_, root_.string());
}

tl::expected<std::unique_ptr<Link>, ConnectError>
FolderDestination::connect(std::span<const Need>) {
    if (!layout_) {
        return tl::unexpected<ConnectError>(
            ConnectError{true, label() + ": " + layout_.error().text});
    }
    auto root = open_root(root_);
    if (!root) {
        return tl::unexpected<ConnectError>(
            ConnectError{false, label() + ": " + root.error().text});
    }
    return std::make_unique<FolderLink>(std::move(*root), *layout_, label());
}

std::vector<ProbeStep> FolderDestination::probe(std::span<const Need>) {
    std::vector<ProbeStep> steps;
    Descriptor root;
    const bool opened = timed(steps, "layout",
                              [&](std::string& detail) {
                                  detail = layout_ ? "understood" : layout_.error().text;
                                  return layout_.has_value();
                              }) &&
                        timed(steps, "open", [&](std::string& detail) {
                            auto result = open_root(root_);
                            detail = result ? root_.string() : result.error().text;
                            if (result) {
                                root = std::move(*result);
                            }
                            return result.has_value();
                        });
    if (opened && timed(steps, "write",
                        [&](std::string& detail) { return try_writing(root.get(), detail); })) {
        timed(steps, "space", [&](std::string& detail) {
            struct statvfs usage {};
            if (::fstatvfs(root.get(), &usage) != 0) {
                detail = error_text(errno);
                return false;
            }
            const auto free =
                static_cast<double>(usage.f_bavail) * static_cast<double>(usage.f_frsize);
            detail = fmt::format("{:.1f} GiB free", free / (1024.0 * 1024.0 * 1024.0));
            return true;
        });
    }
    return steps;
}

} // namespace dcmflow
