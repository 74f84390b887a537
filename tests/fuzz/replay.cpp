// The fuzz targets without a fuzzer, for any compiler:
//
//   fuzz_regressions REGRESSIONS        all kept inputs, and seeded mutations of the generated
//   seeds fuzz_regressions --run TARGET FILE… those files only fuzz_regressions --write-seeds DIR
//   the generated seeds, a folder per target fuzz_regressions --list             the targets
//
// A crash names the input.
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace dcmflow::fuzz {

namespace {

namespace fs = std::filesystem;

#define DCMFLOW_FUZZ_ENTRY(name) std::pair<std::string_view, Target>{#name, name},
constexpr auto targets = std::to_array<std::pair<std::string_view, Target>>({
#include "tests/fuzz/targets.inc"
});
#undef DCMFLOW_FUZZ_ENTRY

// Each seed this often; slow decoders less.
constexpr std::uint32_t mutations_per_target = 3000;

// What is being run, for a crash's message. The signal handler may touch nothing else.
class Now {
  public:
    static void is(std::string_view target, const std::string& input) {
        text() = "fuzz_regressions: crash in " + std::string(target) + ", input " + input + "\n";
    }
    static void report_crashes() {
        for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
            std::signal(signal, [](int number) {
                (void)!::write(STDERR_FILENO, text().data(), text().size());
                std::signal(number, SIG_DFL);
                std::raise(number);
            });
    }

  private:
    static std::string& text() {
        static std::string now;
        return now;
    }
};

// A copy that ends where its allocation ends, so that sanitizers see every overrun.
void run_exactly(Target target, const Seed& bytes) {
    const auto block = std::make_unique<std::byte[]>(bytes.size());
    std::ranges::copy(bytes, block.get());
    target({block.get(), bytes.size()});
}

Seed read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

std::vector<fs::path> files_in(const fs::path& folder) {
    std::vector<fs::path> files;
    if (fs::is_directory(folder))
        for (const auto& entry : fs::directory_iterator(folder))
            files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

class Mutator {
  public:
    explicit Mutator(std::uint32_t seed) : random_(seed) {}
    void mutate(Seed& bytes) {
        for (std::size_t round = 1 + below(4); round > 0 && !bytes.empty(); --round)
            one(bytes);
    }

  private:
    std::size_t below(std::size_t bound) { return random_() % bound; }
    void one(Seed& bytes) {
        const std::size_t at = below(bytes.size());
        const auto where = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t some = std::min<std::size_t>(1 + below(16), bytes.size() - at);
        switch (below(7)) {
        case 0:
            bytes[at] ^= static_cast<std::byte>(1U << below(8));
            break;
        case 1:
            bytes[at] = static_cast<std::byte>(below(256));
            break;
        case 2:
            bytes.resize(at);
            break;
        case 3:
            bytes.insert(where, some, static_cast<std::byte>(below(256)));
            break;
        case 4:
            bytes.erase(where, where + static_cast<std::ptrdiff_t>(some));
            break;
        case 5:
            std::fill_n(where, std::min<std::size_t>(some, 4), std::byte{0xFF});
            break;
        default: {
            const Seed piece(where, where + static_cast<std::ptrdiff_t>(some));
            bytes.insert(where, piece.begin(), piece.end());
        }
        }
    }
    std::mt19937 random_;
};

void replay(std::string_view name, Target target, const fs::path& kept) {
    const auto files = files_in(kept / name);
    for (const auto& file : files) {
        Now::is(name, file.string());
        run_exactly(target, read_file(file));
    }
    auto seeds = seeds_for(name);
    for (const auto& file : files)
        seeds.push_back(read_file(file));
    // A decoder without an encoder has kept files; a target without either tests nothing.
    require(!seeds.empty(), "a target has a seed, or a kept input");
    for (std::uint32_t i = 0; !seeds.empty() && i < mutations_per_target; ++i) {
        const std::size_t seed = i % seeds.size();
        Now::is(name, "seed " + std::to_string(seed) + ", mutation " + std::to_string(i));
        Seed bytes = seeds[seed];
        if (i >= seeds.size()) // each once as it is
            Mutator(i).mutate(bytes);
        run_exactly(target, bytes);
    }
    std::printf("%-28.*s %4zu kept %4zu seeds\n", static_cast<int>(name.size()), name.data(),
                files.size(), seeds.size());
    std::fflush(stdout);
}

void write_seeds(const fs::path& folder) {
    for (const auto& [name, target] : targets) {
        fs::create_directories(folder / name);
        std::size_t number = 0;
        for (const Seed& seed : seeds_for(name))
            std::ofstream(folder / name / ("made-" + std::to_string(number++)), std::ios::binary)
                << text_of(seed);
    }
}

int run_files(std::string_view name, std::span<char*> files) {
    const auto found =
        std::ranges::find(targets, name, &std::pair<std::string_view, Target>::first);
    if (found == targets.end())
        return 2;
    for (const char* file : files) {
        Now::is(name, file);
        run_exactly(found->second, read_file(file));
    }
    return 0;
}

} // namespace

int main_of(std::span<char*> arguments) {
    const std::string_view first = arguments.empty() ? "" : arguments[0];
    Now::report_crashes();
    if (first == "--list") {
        for (const auto& [name, target] : targets)
            std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
        return 0;
    }
    if (first == "--write-seeds" && arguments.size() == 2) {
        write_seeds(arguments[1]);
        return 0;
    }
    if (first == "--run" && arguments.size() > 2)
        return run_files(arguments[1], arguments.subspan(2));
    if (arguments.size() != 1 || !fs::is_directory(first)) {
        std::fputs("usage: fuzz_regressions FOLDER | --run TARGET FILE… | --write-seeds FOLDER | "
                   "--list\n",
                   stderr);
        return 2;
    }
    for (const auto& [name, target] : targets)
        replay(name, target, first);
    return 0;
}

} // namespace dcmflow::fuzz

int main(int argc, char** argv) {
    return dcmflow::fuzz::main_of({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
}
