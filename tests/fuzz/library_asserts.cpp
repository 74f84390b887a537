#include "tests/fuzz/library_asserts.h"

#include <csetjmp>
#include <fstream>
#include <set>
#include <string>

namespace dcmflow::fuzz {

namespace {

struct Guard {
    std::jmp_buf back;
    bool armed = false;
    Input input;
    std::set<std::string> told;

    static Guard& instance() {
        static Guard guard;
        return guard;
    }
};

bool is_strict() {
    static const bool strict = std::getenv("DCMFLOW_FUZZ_STRICT") != nullptr;
    return strict;
}

// How the paths of the libraries' sources look in Debian's builds.
bool is_foreign(std::string_view file) {
    for (const std::string_view part : {"openjp2/", "openjph", "ojph_", "coding/", "codestream/",
                                        "charls", "scan.h", "jpeg_stream", "golomb", "jls"})
        if (file.find(part) != std::string_view::npos)
            return true;
    return file.substr(0, 6) == "./src/" || file.substr(0, 5) == "/usr/";
}

void tell(const std::string& place, const char* assertion, Input input) {
    std::fprintf(stderr, "library assert: %s: %s\n", place.c_str(), assertion);
    const char* folder = std::getenv("DCMFLOW_FUZZ_FINDINGS");
    if (folder == nullptr)
        return;
    std::string name = place;
    for (char& c : name)
        c = c == '/' || c == ':' ? '_' : c;
    std::ofstream(std::string(folder) + "/" + name, std::ios::binary) << text_of(input);
}

} // namespace

bool survives(Input input, const std::function<void()>& body) {
    Guard& guard = Guard::instance();
    if (is_strict() || guard.armed) {
        body();
        return true;
    }
    guard.input = input;
    guard.armed = true;
    const bool survived = setjmp(guard.back) == 0;
    if (survived)
        body();
    guard.armed = false;
    return survived;
}

} // namespace dcmflow::fuzz

// In front of glibc's, for the shared libraries too.
extern "C" [[noreturn]] void __assert_fail(const char* assertion, const char* file,
                                           unsigned int line, const char* function) noexcept {
    auto& guard = dcmflow::fuzz::Guard::instance();
    if (guard.armed && dcmflow::fuzz::is_foreign(file)) {
        const std::string place = std::string(file) + ":" + std::to_string(line);
        if (guard.told.insert(place).second)
            dcmflow::fuzz::tell(place, assertion, guard.input);
        std::longjmp(guard.back, 1);
    }
    std::fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, assertion);
    std::abort();
}
