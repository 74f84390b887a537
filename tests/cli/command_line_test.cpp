// The command line as users meet it: where options may stand, exit codes, what goes to stdout and
// stderr.
#include "pipeline/cli/cli.h"
#include "pipeline/dicom/part10.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace dcmflow::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Ran {
    int code = 0;
    std::string out;
    std::string err;
    [[nodiscard]] std::vector<nlohmann::json> json() const {
        std::vector<nlohmann::json> objects;
        std::istringstream lines(out);
        for (std::string line; std::getline(lines, line);)
            objects.push_back(nlohmann::json::parse(line));
        return objects;
    }
};

Ran run(std::vector<std::string> arguments) {
    std::vector<const char*> argv{"dcmflow"};
    for (const auto& argument : arguments)
        argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.code = run_command_line(static_cast<int>(argv.size()), argv.data());
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    return ran;
}

constexpr std::string_view good_config = R"(listen:
  dicom: [{port: 11112, allow: ["CT*@10.0.0.0/8"]}]
destinations:
  archive: {folder: ./archive, syntax: [jpeg-ls, explicit-le]}
  viewer: {folder: ./viewer}
rules:
  - {name: all, send: [archive]}
  - {name: thin, when: Modality == CT and SliceThickness <= 1.25, send: [viewer], priority: stat}
  - {name: by scanner, when: calling_aet == CT01, send: [viewer], priority: bulk}
unmatched: hold
tests:
  - {name: a CT, given: {Modality: CT}, send: [archive]}
)";

class CommandLine : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("dcmflow-cli-" + std::to_string(::getpid()));
        fs::create_directories(folder_);
        unsetenv("DCMFLOW_CONFIG");
    }
    void TearDown() override {
        unsetenv("DCMFLOW_CONFIG");
        fs::remove_all(folder_);
    }
    std::string write(const std::string& name, std::string_view text) const {
        const auto path = folder_ / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }
    // A small CT object, Explicit VR LE, without pixel data.
    std::string write_object(const std::string& name, std::string_view thickness) const {
        const auto element = [](std::string_view tag, std::string_view vr, std::string value) {
            if (value.size() % 2 != 0)
                value += vr == "UI" ? '\0' : ' ';
            std::string bytes(tag);
            bytes += vr;
            bytes += static_cast<char>(value.size());
            bytes += '\0';
            return bytes + value;
        };
        const auto meta =
            make_file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4", "1.2.840.10008.1.2.1", "TEST");
        std::string file(reinterpret_cast<const char*>(meta.data()), meta.size());
        file += element({"\x08\x00\x16\x00", 4}, "UI", "1.2.840.10008.5.1.4.1.1.2");
        file += element({"\x08\x00\x18\x00", 4}, "UI", "1.2.3.4");
        file += element({"\x08\x00\x60\x00", 4}, "CS", "CT");
        file += element({"\x18\x00\x50\x00", 4}, "DS", std::string(thickness));
        file += element({"\x20\x00\x0d\x00", 4}, "UI", "1.2.3");
        file += element({"\x20\x00\x0e\x00", 4}, "UI", "1.2.3.1");
        return write(name, file);
    }
    fs::path folder_;
};

TEST_F(CommandLine, UsageMistakesAreTwoAndHelpIsZero) {
    EXPECT_EQ(run({}).code, exit_usage);
    EXPECT_EQ(run({"frobnicate"}).code, exit_usage);
    EXPECT_EQ(run({"check", "--frobnicate"}).code, exit_usage);
    EXPECT_EQ(run({"explain"}).code, exit_usage);
    EXPECT_THAT(run({"check", "--frobnicate"}).err, HasSubstr("See `dcmflow check --help`."));
    EXPECT_THAT(run({"check", "--frobnicate"}).out, IsEmpty());
    const auto help = run({"--help"});
    EXPECT_EQ(help.code, exit_ok);
    EXPECT_THAT(help.err, IsEmpty());
    for (const auto& command : commands()) {
        EXPECT_THAT(help.out, HasSubstr(std::string(command.name)));
        const auto own = run({std::string(command.name), "--help"});
        EXPECT_EQ(own.code, exit_ok) << command.name;
        EXPECT_THAT(own.out, HasSubstr("Example:\n  dcmflow " + std::string(command.name)))
            << command.name;
        EXPECT_THAT(own.out, HasSubstr("--config")) << command.name;
    }
}

TEST_F(CommandLine, TheConfigIsFoundBeforeAndAfterTheCommandAndInTheEnvironment) {
    const auto good = write("good.yaml", good_config);
    EXPECT_EQ(run({"-c", good, "check"}).code, exit_ok);
    EXPECT_EQ(run({"check", "-c", good}).code, exit_ok);
    EXPECT_EQ(run({"check", "--config", good}).code, exit_ok);
    setenv("DCMFLOW_CONFIG", good.c_str(), 1);
    EXPECT_EQ(run({"check"}).code, exit_ok);
    const auto missing = run({"check", "-c", (folder_ / "missing.yaml").string()});
    EXPECT_EQ(missing.code, exit_config); // -c wins
    EXPECT_THAT(missing.err, HasSubstr("can't read the config file: No such file or directory"));
}

TEST_F(CommandLine, CheckShowsWhatWasReadAndRunsTheTests) {
    const auto ran = run({"check", "-c", write("good.yaml", good_config)});
    EXPECT_EQ(ran.code, exit_ok);
    EXPECT_THAT(ran.out, HasSubstr("CT*@10.0.0.0/8"));
    EXPECT_THAT(ran.out, HasSubstr("jpeg-ls, explicit-le"));
    EXPECT_THAT(ran.out, HasSubstr("Modality == CT and SliceThickness <= 1.25"));
    EXPECT_THAT(ran.err, HasSubstr("no errors, 0 warnings, 1 of 1 test passed"));
    const auto json = run({"-j", "check", "-c", (folder_ / "good.yaml").string()}).json();
    ASSERT_EQ(json.size(), 1U);
    EXPECT_EQ(json[0]["type"], "summary");
    EXPECT_EQ(json[0]["tests_passed"], 1);
}

TEST_F(CommandLine, CheckReportsEveryMistakeOnStderrAndAsJson) {
    const auto bad = write("bad.yaml", "node: {memory: 2G}\nlisten: {}\nunmatched: keep\n");
    const auto ran = run({"check", "-c", bad});
    EXPECT_EQ(ran.code, exit_config);
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, HasSubstr(bad + ":1:16: bad value '2G' for node.memory"));
    EXPECT_THAT(ran.err, HasSubstr(bad + ":2:1: missing key 'listen.dicom'"));
    EXPECT_THAT(ran.err, HasSubstr(bad + ":3:12: bad value 'keep' for unmatched"));
    EXPECT_THAT(ran.err, HasSubstr(bad + ": 3 errors"));
    const auto json = run({"check", "-j", "-c", bad}).json();
    ASSERT_EQ(json.size(), 3U);
    EXPECT_EQ(json[0]["line"], 1);
    EXPECT_EQ(json[0]["column"], 16);
    EXPECT_EQ(json[0]["type"], "error");
}

TEST_F(CommandLine, AFailingTestOfTheConfigIsOne) {
    const auto ran =
        run({"check", "-c",
             write("c.yaml", std::string(good_config) +
                                 "  - {name: wrong, given: {Modality: MR}, send: [viewer]}\n")});
    EXPECT_EQ(ran.code, exit_failed);
    EXPECT_THAT(
        ran.err,
        HasSubstr(
            "c.yaml:13:5: test 'wrong' failed: sent to archive by the rules: all; expected it "
            "to be sent to viewer"));
    EXPECT_THAT(ran.err, HasSubstr("1 of 2 tests passed"));
    EXPECT_THAT(ran.out, HasSubstr("wrong  FAILED"));
}

TEST_F(CommandLine, CheckConnectTriesTheDestinations) {
    fs::create_directories(folder_ / "archive");
    const auto good = write("good.yaml", good_config);
    const auto partly = run({"check", "--connect", "-j", "-c", good});
    EXPECT_EQ(partly.code, exit_partly) << partly.out << partly.err; // ./viewer does not exist
    EXPECT_EQ(partly.json().back()["unreachable"], 1);
    fs::create_directories(folder_ / "viewer");
    EXPECT_EQ(run({"check", "--connect", "-c", good}).code, exit_ok);
}

TEST_F(CommandLine, ExplainShowsRulesValuesAndRoutes) {
    const auto good = write("good.yaml", good_config);
    const auto thin = write_object("in/thin.dcm", "1.0");
    const auto ran = run({"explain", "-c", good, thin});
    EXPECT_EQ(ran.code, exit_ok) << ran.err;
    EXPECT_THAT(ran.out, StartsWith(thin));
    EXPECT_THAT(ran.out, HasSubstr("SliceThickness <= 1.25"));
    const auto json = run({"explain", "-j", "-c", good, "--calling-aet", "CT01", thin}).json();
    ASSERT_EQ(json.size(), 1U);
    EXPECT_EQ(json[0]["disposition"], "deliver");
    EXPECT_EQ(json[0]["modality"], "CT");
    const auto& deliveries = json[0]["deliveries"];
    ASSERT_EQ(deliveries.size(), 2U);
    EXPECT_EQ(deliveries[0]["destination"], "archive");
    EXPECT_EQ(deliveries[0]["syntax"], "explicit-le"); // there are no pixels to compress
    EXPECT_EQ(deliveries[0]["reason"], "not_image");
    EXPECT_EQ(deliveries[1]["destination"], "viewer");
    EXPECT_EQ(deliveries[1]["priority"], "stat");
    ASSERT_EQ(json[0]["rules"].size(), 3U);
    EXPECT_EQ(json[0]["rules"][1]["evaluations"][1]["comparison"], "SliceThickness <= 1.25");
    EXPECT_EQ(json[0]["rules"][1]["evaluations"][1]["holds"], true);
    EXPECT_EQ(json[0]["rules"][2]["matched"], true);
}

TEST_F(CommandLine, ExplainWalksFoldersAndReportsWhatIsNoDicom) {
    const auto good = write("good.yaml", good_config);
    write_object("in/b/thick.dcm", "5");
    write_object("in/a/thin.dcm", "1");
    write("in/a/notes.txt", "not DICOM\n");
    write("in/empty", "");
    const auto ran = run({"explain", "-j", "-c", good, (folder_ / "in").string()});
    EXPECT_EQ(ran.code, exit_partly);
    const auto json = ran.json();
    ASSERT_EQ(json.size(), 4U);
    EXPECT_THAT(json[0]["path"].get<std::string>(), HasSubstr("in/empty"));
    EXPECT_EQ(json[0]["status"], "failed");
    EXPECT_THAT(json[1]["path"].get<std::string>(), HasSubstr("in/a/notes.txt"));
    EXPECT_EQ(json[2]["deliveries"].size(), 2U);
    EXPECT_EQ(json[3]["deliveries"].size(), 1U);
    EXPECT_THAT(ran.err, HasSubstr("2 of 4 files could not be read as DICOM"));
    EXPECT_EQ(run({"explain", "-c", good, (folder_ / "in/a/notes.txt").string()}).code,
              exit_failed);
    EXPECT_EQ(run({"explain", "-c", good, (folder_ / "nowhere").string()}).code, exit_failed);
    EXPECT_EQ(
        run({"explain", "-c", (folder_ / "no.yaml").string(), (folder_ / "in").string()}).code,
        exit_config);
}

TEST_F(CommandLine, VersionNamesTheLibraries) {
    const auto ran = run({"version"});
    EXPECT_EQ(ran.code, exit_ok);
    EXPECT_THAT(ran.out, StartsWith("dcmflow "));
    const auto json = run({"version", "-j"}).json();
    ASSERT_EQ(json.size(), 1U);
    for (const auto* library : {"DCMTK", "zlib", "CharLS", "OpenJPEG", "libjpeg-turbo", "oneTBB",
                                "SQLite", "xxHash", "yaml-cpp", "RE2"}) {
        ASSERT_TRUE(json[0]["libraries"].contains(library)) << library;
        EXPECT_THAT(json[0]["libraries"][library].get<std::string>(),
                    ::testing::MatchesRegex("(ABI )?[0-9][0-9.]*"))
            << library;
    }
}

TEST_F(CommandLine, ForeignTextCannotMoveTheCursor) {
    EXPECT_EQ(printable("a\x1b[2Jb\n\x7f"), "a\\x1b[2Jb\\x0a\\x7f");
    EXPECT_EQ(printable("M\xC3\xBCller \xC2\x9B"), "M\xC3\xBCller \\x9b");
    const auto ran = run({"check", "-c", write("c.yaml", "\"\\e[2J\": 1\n")});
    EXPECT_THAT(ran.err, HasSubstr("unknown key '\\x1b[2J'"));
    EXPECT_THAT(ran.err, Not(HasSubstr("\x1b")));
}

} // namespace
} // namespace dcmflow::cli
