#include "tests/spool/test_files.h"

#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace dcmflow::spool_test {
namespace {

std::string content(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(const std::filesystem::path& file, std::string_view bytes) {
    std::ofstream(file, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::uint64_t inode_of(const std::filesystem::path& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

} // namespace

int ForgetfulFiles::create(const Path& path) {
    const std::lock_guard lock(mutex_);
    const int fd = real_->create(path);
    if (fd >= 0)
        pins_[inode_of(path)] = ::dup(fd);
    return fd;
}

int ForgetfulFiles::fdatasync(int fd) {
    const std::lock_guard lock(mutex_);
    struct stat info {};
    ::fstat(fd, &info);
    data_[info.st_ino] = content("/proc/self/fd/" + std::to_string(fd));
    return 0;
}

int ForgetfulFiles::fsync_folder(const Path& path) {
    const std::lock_guard lock(mutex_);
    note_names(path);
    return 0;
}

int ForgetfulFiles::rename(const Path& from, const Path& to, bool replace) {
    const std::lock_guard lock(mutex_);
    return real_->rename(from, to, replace);
}

int ForgetfulFiles::unlink(const Path& path) {
    const std::lock_guard lock(mutex_);
    return real_->unlink(path);
}

void ForgetfulFiles::note_names(const Path& folder) {
    auto& names = names_[folder];
    names.clear();
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names[entry.path().filename()] = inode_of(entry.path());
}

void ForgetfulFiles::cut_power(Cut cut, const Path& after) {
    const std::lock_guard lock(mutex_);
    restore(cut, root_, after);
}

void ForgetfulFiles::restore(Cut cut, const Path& from, const Path& to) {
    std::filesystem::create_directories(to);
    std::map<std::string, Inode> names = names_[from];
    if (cut != Cut::nothing_unsynced && std::filesystem::exists(from)) {
        names.clear();
        for (const auto& entry : std::filesystem::directory_iterator(from))
            names[entry.path().filename()] = inode_of(entry.path());
    }
    for (const auto& [name, inode] : names) {
        if (std::filesystem::is_directory(from / name) || names_.contains(from / name)) {
            restore(cut, from / name, to / name);
            continue;
        }
        const auto synced = data_.find(inode);
        std::string survives = synced == data_.end() ? "" : synced->second;
        if (cut == Cut::torn && synced == data_.end()) {
            const auto now = content(from / name);
            survives = now.substr(0, now.size() / 2);
        }
        write_file(to / name, survives);
    }
}

} // namespace dcmflow::spool_test
