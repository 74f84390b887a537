// dcmflow send: files or synthetic studies to a destination; a C-STORE client and load generator.
#include "codecs/transfer_syntax.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/files.h"
#include "pipeline/cli/send_report.h"
#include "pipeline/cli/sending.h"
#include "pipeline/cli/synthetic.h"
#include "pipeline/cli/table.h"
#include "pipeline/cli/target.h"
#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <thread>
#include <unistd.h>

namespace dcmflow::cli {

namespace {

using Clock = std::chrono::steady_clock;

// Up to here synthetic objects are made before the clock starts; beyond, while sending.
constexpr std::uint64_t made_ahead_bytes = 2ULL << 30;

struct Options {
    std::string target;
    std::vector<std::string> paths;
    int associations = 0;
    std::string synthetic;
    std::uint64_t seed = 1;
    std::string calling_aet;
    std::string write_folder;
};

std::chrono::microseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

// What to send and how to get at its bytes.
struct Cargo {
    std::vector<Item> items;
    Loader loader;
};

// Identity from the data set itself: a command must say what its data set says.
Result<Item> describe(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    if (!file)
        return tl::unexpected(file.error());
    const auto meta = read_file_meta(file->bytes());
    if (!meta)
        return tl::unexpected(meta.error());
    const auto stored = file->bytes().subspan(static_cast<std::size_t>(meta->dataset_offset));
    const auto opened = OpenedDataSet::open(stored, meta->transfer_syntax_uid);
    if (!opened)
        return fail(ErrorCode::malformed, opened.error().text);
    const auto instance = identify(opened->data_set(), meta->transfer_syntax_uid);
    if (!instance)
        return tl::unexpected(instance.error());
    return Item{path.string(), instance->sop_class_uid, instance->sop_instance_uid,
                meta->transfer_syntax_uid, stored.size()};
}

Cargo gather_files(const Shared& shared, const Options& options, SendReport& report) {
    Cargo cargo;
    const auto on_error = [&](const std::filesystem::path& path, const Error& error) {
        report.add_unreadable();
        complain(printable(fmt::format("{}: {}", path.string(), error.text)));
        if (shared.json)
            print(SendReport::unreadable_json(path.string(), error.text));
        return true;
    };
    const auto on_file = [&](const std::filesystem::path& path) {
        auto item = describe(path);
        if (!item)
            return on_error(path, item.error());
        cargo.items.push_back(std::move(*item));
        return true;
    };
    for (const auto& path : options.paths)
        if (!walk_files(path, on_file, on_error))
            break;
    auto paths = std::make_shared<std::vector<std::string>>();
    for (const auto& item : cargo.items)
        paths->push_back(item.path);
    cargo.loader = [paths](std::size_t index) -> Result<Loaded> {
        auto file = MappedFile::open((*paths)[index]);
        if (!file)
            return tl::unexpected(file.error());
        const auto meta = read_file_meta(file->bytes());
        if (!meta)
            return tl::unexpected(meta.error());
        auto owner = std::make_shared<MappedFile>(std::move(*file));
        const auto data_set =
            owner->bytes().subspan(static_cast<std::size_t>(meta->dataset_offset));
        return Loaded{std::move(owner), data_set};
    };
    return cargo;
}

// All objects, made on all cores.
std::vector<std::shared_ptr<const SyntheticObject>> make_all(const SyntheticStudies& studies) {
    std::vector<std::shared_ptr<const SyntheticObject>> objects(studies.size());
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> makers;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
        makers.emplace_back([&] {
            for (auto at = next.fetch_add(1); at < objects.size(); at = next.fetch_add(1))
                objects[at] = std::make_shared<const SyntheticObject>(studies.make(at));
        });
    makers.clear(); // joins
    return objects;
}

Item describe(const SyntheticObject& object) {
    return {"synthetic/" + object.path, object.sop_class_uid, object.sop_instance_uid,
            object.transfer_syntax_uid, object.data_set.size()};
}

Cargo gather_synthetic(std::vector<StudySpec> specs, std::uint64_t seed) {
    const SyntheticStudies studies(std::move(specs), seed);
    Cargo cargo;
    const auto loaded = [](std::shared_ptr<const SyntheticObject> object) {
        const std::span<const std::byte> data_set = object->data_set;
        return Loaded{std::move(object), data_set};
    };
    if (studies.bytes() <= made_ahead_bytes) {
        talk(fmt::format("making {} synthetic objects, {}", studies.size(),
                         human_size(studies.bytes())));
        auto objects = make_all(studies);
        for (const auto& object : objects)
            cargo.items.push_back(describe(*object));
        cargo.loader = [objects = std::move(objects), loaded](std::size_t index) -> Result<Loaded> {
            return loaded(objects[index]);
        };
        return cargo;
    }
    talk(fmt::format("{} are more than fit: objects are made while sending, and rates include that",
                     human_size(studies.bytes())));
    for (std::size_t i = 0; i < studies.size(); ++i)
        cargo.items.push_back(describe(studies.make(i)));
    cargo.loader = [studies, loaded](std::size_t index) -> Result<Loaded> {
        return loaded(std::make_shared<const SyntheticObject>(studies.make(index)));
    };
    return cargo;
}

// "120 of 300 objects, 61.0 MiB, 82.1 MB/s", on one line that is written over; only on a terminal.
class ProgressLine {
  public:
    explicit ProgressLine(std::size_t total)
        : total_(total), shown_(::isatty(STDERR_FILENO) != 0) {}
    ~ProgressLine() {
        if (shown_)
            std::fputs("\r\x1b[K", stderr);
    }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    void show(const Sending::Progress& progress) const {
        if (shown_)
            std::fputs(fmt::format("\r\x1b[K{} of {} objects, {}, {}", progress.settled, total_,
                                   human_size(progress.bytes),
                                   human_rate(progress.bytes, since(start_)))
                           .c_str(),
                       stderr);
    }

  private:
    std::size_t total_;
    bool shown_;
    Clock::time_point start_ = Clock::now();
};

int send_cargo(const Shared& shared, const DestinationConfig& config, Cargo cargo, int associations,
               SendReport& report) {
    const auto destination = make_destination(config);
    const auto total = cargo.items.size();
    const std::vector<Item> items = cargo.items;
    Sending sending(*destination, std::move(cargo.items), std::move(cargo.loader),
                    [&](std::size_t index, const ItemResult& result) {
                        report.add(items[index], result);
                        if (shared.json)
                            print(SendReport::item_json(items[index], result));
                    });
    const auto start = Clock::now();
    sending.start(associations);
    {
        const ProgressLine line(total);
        while (!sending.wait_for(std::chrono::milliseconds(200)))
            line.show(sending.progress());
    }
    const auto took = since(start);
    sending.finish();
    print(shared.json ? report.summary_json(config.name, associations, took)
                      : report.table(config.name, associations, took));
    if (report.delivered() == report.total())
        return exit_ok;
    return report.delivered() > 0 ? exit_partly : exit_failed;
}

Status write_file(const std::filesystem::path& path, const SyntheticObject& object) {
    const auto meta = make_file_meta(object.sop_class_uid, object.sop_instance_uid,
                                     object.transfer_syntax_uid, NodeConfig{}.ae_title);
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr)
        return fail_errno(errno, path.string());
    bool good = true;
    for (const std::span<const std::byte> part :
         {std::span<const std::byte>(meta), std::span<const std::byte>(object.data_set)})
        good = good && std::fwrite(part.data(), 1, part.size(), file) == part.size();
    const int error = errno;
    if (std::fclose(file) != 0 || !good)
        return fail_errno(good ? errno : error, path.string());
    return {};
}

int write_studies(const Shared& shared, const Options& options, std::vector<StudySpec> specs) {
    const SyntheticStudies studies(std::move(specs), options.seed);
    const std::filesystem::path root = options.write_folder;
    for (std::size_t i = 0; i < studies.size(); ++i) {
        const auto object = studies.make(i);
        const auto path = root / object.path;
        std::error_code problem;
        std::filesystem::create_directories(path.parent_path(), problem);
        const auto written =
            problem ? Status(fail_errno(problem.value(), path.string())) : write_file(path, object);
        if (!written) {
            complain(printable(written.error().text));
            return i == 0 ? exit_failed : exit_partly;
        }
        if (shared.json)
            print(SendReport::item_json(describe(object),
                                        {SendResult{Outcome::delivered, 0, "", false}, {}, 1}));
    }
    talk(printable(fmt::format("{} objects written below {}", studies.size(), root.string())));
    return exit_ok;
}

int usage_error(std::string_view text) {
    complain(text);
    talk("See `dcmflow send --help`.");
    return exit_usage;
}

int run_send(const Shared& shared, const Options& options) {
    std::vector<StudySpec> specs;
    if (!options.synthetic.empty()) {
        auto parsed = parse_studies(options.synthetic);
        if (!parsed)
            return usage_error(printable(parsed.error().text));
        specs = std::move(*parsed);
    }
    if (!options.write_folder.empty()) {
        if (specs.empty() || !options.target.empty())
            return usage_error("--write goes with --synthetic, and without TARGET");
        return write_studies(shared, options, std::move(specs));
    }
    if (options.target.empty())
        return usage_error("TARGET is missing: a destination's name or AET@host:port");
    if (options.paths.empty() == specs.empty())
        return usage_error("expected either files or folders to send, or --synthetic");
    const auto targets = find_targets(shared, {options.target}, options.calling_aet);
    if (!targets)
        return targets.error();
    const auto& config = targets->front();
    SendReport report;
    auto cargo = specs.empty() ? gather_files(shared, options, report)
                               : gather_synthetic(std::move(specs), options.seed);
    if (cargo.items.empty()) {
        complain("no DICOM files there");
        return exit_failed;
    }
    const int wanted = options.associations > 0 ? options.associations : config.associations;
    const int associations = static_cast<int>(
        std::min<std::size_t>(static_cast<std::size_t>(wanted), cargo.items.size()));
    return send_cargo(shared, config, std::move(cargo), associations, report);
}

} // namespace

Run setup_send(CLI::App& app, Shared& shared) {
    const auto options = std::make_shared<Options>();
    app.add_option("TARGET", options->target,
                   "A destination's name in the config, or AET@host:port");
    app.add_option("PATH", options->paths, "DICOM files, and folders with them");
    app.add_option("--associations", options->associations,
                   "At once (default: what the config says for it, else 2)")
        ->type_name("N")
        ->check(CLI::Range(1, 256));
    app.add_option("--synthetic", options->synthetic,
                   "Made-up studies instead of files: ct:200,mr:100,us:2,cr:10,sr:5")
        ->type_name("KIND:COUNT,…");
    app.add_option("--seed", options->seed,
                   "Of the made-up studies: the same seed, the same objects")
        ->type_name("N");
    app.add_option("--calling", options->calling_aet, "Our AE title")->type_name("AET");
    app.add_option("--write", options->write_folder,
                   "Write the made-up studies there; send nothing")
        ->type_name("DIR");
    example(app, "dcmflow send archive /data/study\n"
                 "dcmflow send ARCHIVE@10.0.0.5:104 --synthetic ct:200,mr:100 --associations 4\n"
                 "dcmflow send --synthetic ct:20,sr:1 --seed 7 --write ./studies");
    return [&shared, options] { return run_send(shared, *options); };
}

} // namespace dcmflow::cli
