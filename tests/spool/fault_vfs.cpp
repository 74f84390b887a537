#include "tests/spool/fault_vfs.h"

#include <atomic>
#include <cstddef>
#include <new>
#include <sqlite3.h>

namespace dcmflow::spool_test {

struct FaultVfs::State {
    sqlite3_vfs vfs{};
    sqlite3_vfs* real = nullptr;
    std::string name;
    std::atomic<int> countdown{0}; // 0: no fault
    std::atomic<int> write_code{SQLITE_OK};
    std::atomic<int> sync_code{SQLITE_OK};
    std::atomic<bool> persistent{false};
    std::atomic<bool> struck{false};
    std::atomic<int> syncs{0};

    int next(int code) {
        if (code == SQLITE_OK)
            return SQLITE_OK; // calls of this kind do not count
        int left = countdown.load();
        while (left > 0 &&
               !countdown.compare_exchange_weak(left, left == 1 && persistent ? 1 : left - 1)) {
        }
        if (left != 1)
            return SQLITE_OK;
        struck = true;
        return code;
    }
};

namespace {

// The real file's object follows this one in the memory that SQLite gives.
struct File {
    sqlite3_file base;
    FaultVfs::State* state;
};
constexpr std::size_t file_size = (sizeof(File) + 15) / 16 * 16;

sqlite3_file* real(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<std::byte*>(file) + file_size);
}
FaultVfs::State& state(sqlite3_file* file) {
    return *reinterpret_cast<File*>(file)->state;
}
template <class Method, class... Args>
auto pass(Method sqlite3_io_methods::*method, sqlite3_file* file, Args... args) {
    return (real(file)->pMethods->*method)(real(file), args...);
}

const sqlite3_io_methods methods{
    .iVersion = 2, // without memory-mapped reads
    .xClose = [](sqlite3_file* f) { return pass(&sqlite3_io_methods::xClose, f); },
    .xRead = [](sqlite3_file* f, void* p, int n,
                sqlite3_int64 at) { return pass(&sqlite3_io_methods::xRead, f, p, n, at); },
    .xWrite =
        [](sqlite3_file* f, const void* p, int n, sqlite3_int64 at) {
            const int code = state(f).next(state(f).write_code);
            return code != SQLITE_OK ? code : pass(&sqlite3_io_methods::xWrite, f, p, n, at);
        },
    .xTruncate =
        [](sqlite3_file* f, sqlite3_int64 size) {
            const int code = state(f).next(state(f).write_code);
            return code != SQLITE_OK ? code : pass(&sqlite3_io_methods::xTruncate, f, size);
        },
    .xSync =
        [](sqlite3_file* f, int flags) {
            ++state(f).syncs;
            const int code = state(f).next(state(f).sync_code);
            return code != SQLITE_OK ? code : pass(&sqlite3_io_methods::xSync, f, flags);
        },
    .xFileSize = [](sqlite3_file* f,
                    sqlite3_int64* size) { return pass(&sqlite3_io_methods::xFileSize, f, size); },
    .xLock = [](sqlite3_file* f, int lock) { return pass(&sqlite3_io_methods::xLock, f, lock); },
    .xUnlock = [](sqlite3_file* f,
                  int lock) { return pass(&sqlite3_io_methods::xUnlock, f, lock); },
    .xCheckReservedLock =
        [](sqlite3_file* f, int* out) {
            return pass(&sqlite3_io_methods::xCheckReservedLock, f, out);
        },
    .xFileControl = [](sqlite3_file* f, int op,
                       void* arg) { return pass(&sqlite3_io_methods::xFileControl, f, op, arg); },
    .xSectorSize = [](sqlite3_file* f) { return pass(&sqlite3_io_methods::xSectorSize, f); },
    .xDeviceCharacteristics =
        [](sqlite3_file* f) { return pass(&sqlite3_io_methods::xDeviceCharacteristics, f); },
    .xShmMap =
        [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
            return pass(&sqlite3_io_methods::xShmMap, f, page, size, extend, at);
        },
    .xShmLock = [](sqlite3_file* f, int offset, int n,
                   int flags) { return pass(&sqlite3_io_methods::xShmLock, f, offset, n, flags); },
    .xShmBarrier = [](sqlite3_file* f) { pass(&sqlite3_io_methods::xShmBarrier, f); },
    .xShmUnmap = [](sqlite3_file* f,
                    int remove) { return pass(&sqlite3_io_methods::xShmUnmap, f, remove); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
    auto* const self = static_cast<FaultVfs::State*>(vfs->pAppData);
    auto* const own = new (file) File{};
    own->state = self;
    const int code = self->real->xOpen(self->real, path, real(file), flags, out);
    own->base.pMethods = real(file)->pMethods != nullptr ? &methods : nullptr;
    return code;
}

} // namespace

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
    static std::atomic<int> count{0};
    state_->real = sqlite3_vfs_find(nullptr);
    state_->vfs = *state_->real;
    state_->name = "faults" + std::to_string(++count);
    state_->vfs.zName = state_->name.c_str();
    state_->vfs.pNext = nullptr;
    state_->vfs.pAppData = state_.get();
    state_->vfs.szOsFile = static_cast<int>(file_size) + state_->real->szOsFile;
    state_->vfs.xOpen = open_file;
    // These take the real one's pAppData from the object they are called on.
    state_->vfs.xDelete = [](sqlite3_vfs* v, const char* path, int sync) {
        auto* const r = static_cast<State*>(v->pAppData)->real;
        return r->xDelete(r, path, sync);
    };
    state_->vfs.xAccess = [](sqlite3_vfs* v, const char* path, int flags, int* out) {
        auto* const r = static_cast<State*>(v->pAppData)->real;
        return r->xAccess(r, path, flags, out);
    };
    state_->vfs.xFullPathname = [](sqlite3_vfs* v, const char* path, int size, char* out) {
        auto* const r = static_cast<State*>(v->pAppData)->real;
        return r->xFullPathname(r, path, size, out);
    };
    sqlite3_vfs_register(&state_->vfs, 0);
}

FaultVfs::~FaultVfs() {
    sqlite3_vfs_unregister(&state_->vfs);
}

const std::string& FaultVfs::name() const {
    return state_->name;
}

void FaultVfs::fail(int nth, int write_code, int sync_code, bool persistent) {
    state_->write_code = write_code;
    state_->sync_code = sync_code;
    state_->persistent = persistent;
    state_->struck = false;
    state_->countdown = nth;
}

void FaultVfs::heal() {
    state_->countdown = 0;
}
bool FaultVfs::struck() const {
    return state_->struck;
}
int FaultVfs::syncs() const {
    return state_->syncs;
}

} // namespace dcmflow::spool_test
