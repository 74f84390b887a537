#include "pipeline/cli/files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace dcmflow::cli {

namespace fs = std::filesystem;

namespace {

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0)
            ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int number() const { return number_; }

  private:
    int number_;
};

struct Listing {
    std::vector<fs::path> files;
    std::vector<fs::path> folders;
    std::error_code error;
};

Listing list_folder(const fs::path& folder) {
    Listing listing;
    fs::directory_iterator entries(folder, listing.error);
    for (; !listing.error && entries != fs::directory_iterator();
         entries.increment(listing.error)) {
        std::error_code ignored;
        if (entries->is_directory(ignored) && !entries->is_symlink(ignored))
            listing.folders.push_back(entries->path());
        else if (entries->is_regular_file(ignored))
            listing.files.push_back(entries->path());
    }
    std::sort(listing.files.begin(), listing.files.end());
    std::sort(listing.folders.rbegin(), listing.folders.rend()); // a stack: the first is taken last
    return listing;
}

} // namespace

bool walk_files(const fs::path& path, const OnFile& on_file, const OnFileError& on_error) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (error || status.type() == fs::file_type::not_found)
        return on_error(path, {ErrorCode::not_found, error ? error.message() : "no such file"});
    if (status.type() != fs::file_type::directory)
        return on_file(path);
    std::vector<fs::path> waiting{path};
    while (!waiting.empty()) {
        const auto folder = std::move(waiting.back());
        waiting.pop_back();
        auto listing = list_folder(folder);
        for (const auto& file : listing.files)
            if (!on_file(file))
                return false;
        if (listing.error && !on_error(folder, {ErrorCode::io, listing.error.message()}))
            return false;
        std::move(listing.folders.begin(), listing.folders.end(), std::back_inserter(waiting));
    }
    return true;
}

Result<MappedFile> MappedFile::open(const fs::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (file.number() < 0 || ::fstat(file.number(), &info) != 0)
        return fail(ErrorCode::io, std::generic_category().message(errno));
    if (!S_ISREG(info.st_mode))
        return fail(ErrorCode::invalid_argument, "not a regular file");
    if (info.st_size == 0)
        return MappedFile({});
    const auto size = static_cast<std::size_t>(info.st_size);
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
    if (start == MAP_FAILED)
        return fail(ErrorCode::io, std::generic_category().message(errno));
    return MappedFile({static_cast<const std::byte*>(start), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
}

MappedFile::~MappedFile() {
    if (!bytes_.empty())
        ::munmap(const_cast<std::byte*>(bytes_.data()),
                 bytes_.size()); // munmap's signature, nothing is written
}

} // namespace dcmflow::cli
