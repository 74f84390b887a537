// name_this_thread: so that top, gdb and perf say what a thread does. At most 15 characters are kept.
#pragma once

#include <pthread.h>
#include <string>
#include <string_view>

namespace dcmflow {

inline void name_this_thread(std::string_view name) {
    ::pthread_setname_np(::pthread_self(), std::string(name.substr(0, 15)).c_str());
}

} // namespace dcmflow
