#include "pipeline/spool/file_blobs.h"

#include "pipeline/spool/blob_bucket.h"

#include <array>
#include <cerrno>
#include <ctime>
#include <fmt/format.h>
#include <sys/random.h>

namespace dcmflow {
namespace {

namespace fs = std::filesystem;

bool is_plain(std::string_view text) {
    if (text.empty() || text.size() > 200 || text.front() == '.')
        return false;
    for (const char c : text)
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    return true;
}

// Names come from our own journal, but a damaged journal must not lead us out of the folder.
bool is_object_name(std::string_view name) {
    const auto slash = name.find('/');
    return slash != std::string_view::npos && is_plain(name.substr(0, slash)) &&
           is_plain(name.substr(slash + 1)) && name.ends_with(".dcm");
}

std::array<std::uint8_t, 10> random_bytes() {
    std::array<std::uint8_t, 10> bytes{};
    std::size_t have = 0;
    while (have < bytes.size()) {
        const auto got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
        if (got > 0)
            have += static_cast<std::size_t>(got);
    }
    return bytes;
}

class FileView final : public BlobView {
  public:
    FileView(std::shared_ptr<Files> files, const std::byte* address, std::size_t length)
        : files_(std::move(files)), address_(address), length_(length) {}
    FileView(const FileView&) = delete;
    FileView& operator=(const FileView&) = delete;
    ~FileView() override {
        if (length_ > 0)
            files_->unmap(address_, length_);
    }
    std::span<const std::byte> bytes() const override { return {address_, length_}; }

  private:
    std::shared_ptr<Files> files_;
    const std::byte* address_;
    std::size_t length_;
};

} // namespace

// One unfinished file in tmp/. After the first error it only repeats that error.
class FileBlobs::Writer final : public BlobWriter {
  public:
    Writer(FileBlobs& store, int fd, std::string own_name, std::string derived_name)
        : store_(store), files_(*store.files_), fd_(fd), own_name_(std::move(own_name)),
          derived_name_(std::move(derived_name)), path_(store.folder_ / "tmp" / own_name_) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() override { discard(); }

    Status write(std::span<const std::byte> bytes) override {
        unmap();
        while (error_ == 0 && fd_ >= 0 && !bytes.empty()) {
            const auto put = files_.write(fd_, bytes);
            if (put <= 0) {
                error_ = put < 0 ? static_cast<int>(-put) : EIO;
                break;
            }
            size_ += static_cast<std::uint64_t>(put);
            store_.bytes_ += put;
            bytes = bytes.subspan(static_cast<std::size_t>(put));
        }
        if (auto status = usable(); !status)
            return status;
        // The disk starts now, so that commit() waits for the last piece only.
        if (derived_name_.empty() && size_ - started_ >= store_.options_.writeback_step) {
            files_.begin_writeback(fd_, started_, size_ - started_);
            started_ = size_;
        }
        return {};
    }

    Status patch(std::uint64_t offset, std::span<const std::byte> bytes) override {
        unmap();
        if (offset > size_ || bytes.size() > size_ - offset)
            return fail(ErrorCode::invalid_argument,
                        fmt::format("{}: patch of {} bytes at {} reaches past its {} bytes",
                                    path_.native(), bytes.size(), offset, size_));
        while (error_ == 0 && fd_ >= 0 && !bytes.empty()) {
            const auto put = files_.pwrite(fd_, bytes, offset);
            if (put <= 0) {
                error_ = put < 0 ? static_cast<int>(-put) : EIO;
                break;
            }
            offset += static_cast<std::uint64_t>(put);
            bytes = bytes.subspan(static_cast<std::size_t>(put));
        }
        return usable();
    }

    std::uint64_t size() const override { return size_; }

    Result<std::span<const std::byte>> view() override {
        if (auto status = usable(); !status)
            return tl::unexpected(status.error());
        if (size_ == 0)
            return std::span<const std::byte>{};
        if (mapped_ == nullptr) {
            if (const int result = files_.map(fd_, size_, Prefault::no, &mapped_); result < 0) {
                mapped_ = nullptr;
                return fail_errno(-result, path_.native());
            }
            mapped_size_ = size_;
        }
        return std::span(mapped_, mapped_size_);
    }

    Result<std::string> commit() override {
        unmap();
        if (auto status = usable(); !status) {
            discard();
            return tl::unexpected(status.error());
        }
        auto name = derived_name_.empty() ? commit_object() : commit_derived();
        if (!name)
            discard();
        else
            done_ = true;
        return name;
    }

  private:
    Status usable() const {
        if (error_ != 0)
            return fail_errno(error_, path_.native());
        if (fd_ < 0)
            return fail(ErrorCode::internal, fmt::format("{}: used after commit", path_.native()));
        return {};
    }

    int close_file() {
        const int fd = fd_;
        fd_ = -1;
        return fd < 0 ? 0 : files_.close(fd);
    }

    Result<std::string> commit_object() {
        if (const int result = files_.fdatasync(fd_); result < 0)
            return fail_errno(-result, "sync of " + path_.native());
        if (const int result = close_file(); result < 0)
            return fail_errno(-result, "close of " + path_.native());
        auto bucket = store_.bucket();
        if (!bucket)
            return tl::unexpected(bucket.error());
        const std::string file = own_name_ + ".dcm";
        const auto target = (*bucket)->path() / file;
        if (const int result = files_.rename(path_, target, false); result < 0)
            return fail_errno(-result, "rename to " + target.native());
        path_ = target; // from here on that is what discard() removes
        if (const int result = (*bucket)->sync(files_); result < 0)
            return fail_errno(-result, "sync of folder " + (*bucket)->path().native());
        return (*bucket)->name() + "/" + file;
    }

    Result<std::string> commit_derived() {
        if (const int result = close_file(); result < 0)
            return fail_errno(-result, "close of " + path_.native());
        const auto target = store_.folder_ / "derived" / derived_name_;
        if (const int result = files_.rename(path_, target, true); result < 0)
            return fail_errno(-result, "rename to " + target.native());
        store_.note_derived(derived_name_, size_);
        return derived_name_;
    }

    void unmap() {
        if (mapped_ != nullptr)
            files_.unmap(mapped_, mapped_size_);
        mapped_ = nullptr;
    }

    void discard() {
        unmap();
        if (done_)
            return;
        (void)close_file();
        if (const int result = files_.unlink(path_); result == 0 || result == -ENOENT)
            store_.bytes_ -= static_cast<std::int64_t>(size_);
        done_ = true;
    }

    FileBlobs& store_;
    Files& files_;
    int fd_;
    const std::string own_name_;
    const std::string derived_name_; // empty: an object
    fs::path path_;
    std::uint64_t size_ = 0;
    std::uint64_t started_ = 0; // write-back was begun up to here
    int error_ = 0;             // of the first failed call
    bool done_ = false;         // committed or removed
    const std::byte* mapped_ = nullptr;
    std::size_t mapped_size_ = 0;
};

FileBlobs::FileBlobs(fs::path folder, std::shared_ptr<Files> files, const FileBlobsOptions& options)
    : folder_(std::move(folder)), files_(std::move(files)), options_(options) {}

FileBlobs::~FileBlobs() = default;

Result<std::unique_ptr<FileBlobs>> FileBlobs::open_folder(const fs::path& folder,
                                                          std::shared_ptr<Files> files,
                                                          const FileBlobsOptions& options) {
    std::unique_ptr<FileBlobs> store(new FileBlobs(folder, std::move(files), options));
    if (auto status = store->prepare(); !status)
        return tl::unexpected(status.error());
    return store;
}

Status FileBlobs::prepare() {
    for (const auto* name : {"", "objects", "tmp", "derived", "quarantine"}) {
        const auto path = *name == '\0' ? folder_ : folder_ / name;
        if (const int result = files_->make_folder(path); result < 0 && result != -EEXIST)
            return fail_errno(-result, "data folder " + path.native());
    }
    if (const int result = files_->fsync_folder(folder_); result < 0)
        return fail_errno(-result, "sync of folder " + folder_.native());
    for (const auto* name : {"tmp", "derived"})
        if (auto status = wipe(folder_ / name); !status)
            return status;
    return count_objects();
}

Status FileBlobs::wipe(const fs::path& folder) {
    std::vector<Files::Entry> entries;
    if (const int result = files_->list(folder, entries); result < 0)
        return fail_errno(-result, folder.native());
    for (const auto& entry : entries) {
        const auto path = folder / entry.name;
        if (entry.folder)
            continue; // not ours
        if (const int result = files_->unlink(path); result < 0 && result != -ENOENT)
            return fail_errno(-result, "removing " + path.native());
    }
    return {};
}

// Also removes the empty buckets of earlier runs.
Status FileBlobs::count_objects() {
    std::vector<Files::Entry> buckets;
    if (const int result = files_->list(folder_ / "objects", buckets); result < 0)
        return fail_errno(-result, (folder_ / "objects").native());
    for (const auto& bucket : buckets) {
        if (!bucket.folder)
            continue;
        const auto path = folder_ / "objects" / bucket.name;
        std::vector<Files::Entry> entries;
        if (const int result = files_->list(path, entries); result < 0)
            return fail_errno(-result, path.native());
        for (const auto& entry : entries) {
            const auto size = files_->size(path / entry.name);
            bytes_ += size > 0 && !entry.folder ? size : 0;
        }
        if (entries.empty())
            (void)files_->remove_folder(path);
    }
    return {};
}

Result<std::unique_ptr<BlobWriter>> FileBlobs::create() {
    return create_file({});
}

Result<std::unique_ptr<BlobWriter>> FileBlobs::create_derived(std::string_view name) {
    if (!is_plain(name))
        return fail(ErrorCode::invalid_argument,
                    fmt::format("derived blob '{}': expected a name of [A-Za-z0-9._-]", name));
    return create_file(std::string(name));
}

Result<std::unique_ptr<BlobWriter>> FileBlobs::create_file(std::string derived_name) {
    auto own = make_name();
    const auto path = folder_ / "tmp" / own;
    const int fd = files_->create(path);
    if (fd < 0)
        return fail_errno(-fd, path.native());
    return std::make_unique<Writer>(*this, fd, std::move(own), std::move(derived_name));
}

Result<std::unique_ptr<BlobView>> FileBlobs::open(std::string_view name) const {
    const auto file = path(name);
    if (file.empty())
        return fail(ErrorCode::not_found, fmt::format("'{}' is not a blob's name", name));
    const int fd = files_->open_read(file);
    if (fd == -ENOENT)
        return fail(ErrorCode::not_found, fmt::format("{}: no such file", file.native()));
    if (fd < 0)
        return fail_errno(-fd, file.native());
    const auto size = files_->size(fd);
    const std::byte* address = nullptr;
    const int result =
        size > 0 ? files_->map(fd, static_cast<std::size_t>(size), Prefault::yes, &address)
                 : static_cast<int>(size);
    (void)files_->close(fd);
    if (result < 0)
        return fail_errno(-result, "reading " + file.native());
    return std::make_unique<FileView>(files_, address, static_cast<std::size_t>(size));
}

bool FileBlobs::exists(std::string_view name) const {
    const auto file = path(name);
    return !file.empty() && files_->size(file) >= 0;
}

fs::path FileBlobs::path(std::string_view name) const {
    if (is_object_name(name))
        return folder_ / "objects" / name;
    return is_plain(name) ? folder_ / "derived" / name : fs::path{};
}

Status FileBlobs::remove(std::string_view name) {
    const auto file = path(name);
    if (file.empty())
        return {};
    const auto size = files_->size(file);
    const int result = size < 0 ? static_cast<int>(size) : files_->unlink(file);
    if (result < 0 && result != -ENOENT)
        return fail_errno(-result, "removing " + file.native());
    if (!is_object_name(name)) {
        const std::lock_guard lock(derived_mutex_);
        if (const auto at = derived_.find(name); at != derived_.end()) {
            bytes_ -= static_cast<std::int64_t>(at->second);
            derived_.erase(at);
        }
        return {};
    }
    if (result == 0)
        bytes_ -= size;
    if (const auto bucket = file.parent_path(); !bucket_in_use(bucket.filename()))
        (void)files_->remove_folder(bucket); // does nothing while there are files in it
    return {};
}

void FileBlobs::remove_derived(std::string_view prefix) {
    std::vector<std::string> names;
    {
        const std::lock_guard lock(derived_mutex_);
        for (auto at = derived_.lower_bound(prefix);
             at != derived_.end() && at->first.starts_with(prefix); ++at)
            names.push_back(at->first);
    }
    for (const auto& name : names)
        (void)remove(name);
}

void FileBlobs::note_derived(const std::string& name, std::uint64_t bytes) {
    const std::lock_guard lock(derived_mutex_);
    auto& entry = derived_[name];
    bytes_ -= static_cast<std::int64_t>(entry); // a second one of the same name replaced the first
    entry = bytes;
}

Status FileBlobs::quarantine(std::string_view name, std::string_view why) {
    const auto file = path(name);
    if (!is_object_name(name))
        return fail(ErrorCode::invalid_argument, fmt::format("'{}' is not an object's name", name));
    const auto target = folder_ / "quarantine" / file.filename();
    auto reason = target;
    reason.replace_extension(".txt");
    const auto text = fmt::format("{}\nwas: objects/{}\n", why, name);
    if (const int fd = files_->create(reason); fd >= 0) {
        (void)files_->write(fd, std::as_bytes(std::span(text)));
        (void)files_->close(fd);
    }
    const auto size = files_->size(file);
    if (const int result = files_->rename(file, target, false); result < 0)
        return fail_errno(-result, fmt::format("moving {} to {}", file.native(), target.native()));
    bytes_ -= size > 0 ? size : 0;
    // The new folder first: a power cut in between leaves two names, never none.
    for (const auto& folder : {target.parent_path(), file.parent_path()})
        if (const int result = files_->fsync_folder(folder); result < 0)
            return fail_errno(-result, "sync of folder " + folder.native());
    return {};
}

Result<std::vector<std::string>> FileBlobs::list() const {
    std::vector<std::string> names;
    std::vector<Files::Entry> buckets;
    if (const int result = files_->list(folder_ / "objects", buckets); result < 0)
        return fail_errno(-result, (folder_ / "objects").native());
    for (const auto& bucket : buckets) {
        if (!bucket.folder)
            continue;
        std::vector<Files::Entry> entries;
        const auto path = folder_ / "objects" / bucket.name;
        if (const int result = files_->list(path, entries); result < 0 && result != -ENOENT)
            return fail_errno(-result, path.native());
        for (const auto& entry : entries)
            if (auto name = bucket.name + "/" + entry.name; !entry.folder && is_object_name(name))
                names.push_back(std::move(name));
    }
    return names;
}

BlobUsage FileBlobs::usage() const {
    BlobUsage usage;
    const auto bytes = bytes_.load();
    usage.bytes = bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
    if (Files::Space space; files_->space(folder_, space) == 0) {
        usage.disk_free = space.bytes_free;
        usage.disk_total = space.bytes_total;
        usage.inodes_free = space.inodes_free;
    }
    return usage;
}

std::string FileBlobs::make_name() {
    using namespace std::chrono;
    constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's base 32
    const auto random = random_bytes();
    auto time = static_cast<std::uint64_t>(
        duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
    std::string name(26, '0');
    for (std::size_t i = 10; i-- > 0; time >>= 5)
        name[i] = digits[time & 31];
    for (std::size_t i = 0; i < 16; ++i) { // 16 digits of 5 bits out of 10 bytes
        const std::size_t first = i * 5;
        const auto pair = static_cast<unsigned>(random[first / 8] << 8) |
                          (first / 8 + 1 < random.size() ? unsigned{random[first / 8 + 1]} : 0U);
        name[10 + i] = digits[(pair >> (11 - first % 8)) & 31];
    }
    return name;
}

Result<std::shared_ptr<FileBlobs::Bucket>> FileBlobs::bucket() {
    const std::lock_guard lock(bucket_mutex_);
    if (!current_ || !current_->take_place(options_)) {
        auto fresh = new_bucket();
        if (!fresh)
            return fresh;
        current_ = *fresh;
        (void)current_->take_place(options_);
    }
    return current_;
}

// Under bucket_mutex_: others wait, a new bucket is rare.
Result<std::shared_ptr<FileBlobs::Bucket>> FileBlobs::new_bucket() {
    const auto now = std::time(nullptr);
    std::tm utc{};
    (void)::gmtime_r(&now, &utc);
    const auto name =
        fmt::format("{:04}{:02}{:02}T{:02}{:02}-{}", utc.tm_year + 1900, utc.tm_mon + 1,
                    utc.tm_mday, utc.tm_hour, utc.tm_min, make_name().substr(20));
    const auto parent = folder_ / "objects";
    if (const int result = files_->make_folder(parent / name); result < 0)
        return fail_errno(-result, (parent / name).native());
    if (const int result = files_->fsync_folder(parent); result < 0) {
        (void)files_->remove_folder(parent / name);
        return fail_errno(-result, "sync of folder " + parent.native());
    }
    auto made = std::make_shared<Bucket>(parent / name, name);
    std::erase_if(live_, [](const auto& item) { return item.second.expired(); });
    live_[name] = made;
    return made;
}

bool FileBlobs::bucket_in_use(const std::string& name) {
    const std::lock_guard lock(bucket_mutex_);
    const auto at = live_.find(name);
    return at != live_.end() && !at->second.expired();
}

} // namespace dcmflow
