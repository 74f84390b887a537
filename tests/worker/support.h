// What the worker tests share: pools of the real binary or of the fake one, frames, a look into
// /proc.
#pragma once

#include "codecs/native.h"
#include "codecs/registry.h"
#include "codecs/synthetic.h"
#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/all_codecs.h"
#include "pipeline/worker/codec_workers.h"
#include "pipeline/worker/confinement.h"
#include "pipeline/worker/worker_codec.h"
#include "tests/codecs/frames.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace dcmflow::test {

using codecs::CodecStatus;
using codecs::FrameBuffer;
using codecs::PixelFormat;

// The events of a pool, from any thread.
class Events {
  public:
    [[nodiscard]] std::function<void(const WorkerEvent&)> hook() {
        return [this](const WorkerEvent& event) {
            const std::lock_guard lock(mutex_);
            events_.push_back(event);
        };
    }
    [[nodiscard]] std::vector<WorkerEvent> all() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<WorkerEvent> events_;
};

// What the binary's workers have.
inline const codecs::Registry& own_codecs() {
    static const codecs::Registry registry = all_codecs();
    return registry;
}

inline CodecWorkersOptions real_workers(unsigned count = 1) {
    CodecWorkersOptions options;
    options.executable = DCMFLOW_BINARY;
    options.count = count;
    return options;
}
inline CodecWorkersOptions fake_workers(Events& events) {
    CodecWorkersOptions options;
    options.executable = DCMFLOW_FAKE_WORKER;
    options.count = 1;
    options.on_event = events.hook();
    return options;
}

struct Coded {
    PixelFormat format; // as the encapsulated object's header would say
    FrameBuffer stream;
};
inline Coded encoded(const codecs::Codec& codec, const PixelFormat& format,
                     const FrameBuffer& frame) {
    Coded coded{format, {}};
    codecs::AttributeChanges changes;
    EXPECT_EQ(codec.encode({format, frame}, {}, coded.stream, changes), CodecStatus::ok);
    coded.format.photometric = changes.photometric;
    coded.format.planar = changes.planar;
    return coded;
}

inline std::string file_text(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The number behind "name:" in /proc/PID/status, or -1.
inline long status_of(pid_t pid, const std::string& name) {
    const auto text = file_text("/proc/" + std::to_string(pid) + "/status");
    const auto at = text.find("\n" + name + ":");
    return at == std::string::npos ? -1 : std::stol(text.substr(at + name.size() + 2));
}

inline std::set<std::string> descriptors_of(const std::string& process) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + process + "/fd"))
        names.insert(entry.path().filename());
    return names;
}

} // namespace dcmflow::test
