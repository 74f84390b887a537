// Each key: what it takes, what it refuses, what it is without a word.
#include "support.h"

#include <fmt/format.h>

namespace dcmflow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// How one value is written into a config, and what must become of it.
struct Case {
    std::string_view where; // "node", "disk", "listen", "destination", "folder", "retry", "rule"
    std::string_view key;
    std::vector<std::string_view> good;
    std::vector<std::string_view> bad;
};

std::string config_with(std::string_view where, std::string_view key, std::string_view value) {
    const auto entry = fmt::format("{}: {}", key, value);
    Parts parts;
    if (where == "node")
        parts.node = fmt::format("node: {{{}}}\n", entry);
    else if (where == "disk")
        parts.node = fmt::format("node: {{disk: {{{}}}}}\n", entry);
    else if (where == "listen")
        parts.listen = fmt::format("listen: {{dicom: [{{{}{}}}]}}\n", entry,
                                   key == "allow" ? "" : ", allow: [A]");
    else if (where == "destination")
        parts.destinations = fmt::format("destinations: {{archive: {{{}{}}}}}\n", entry,
                                         key == "dicom" ? "" : ", dicom: \"A@h:104\"");
    else if (where == "folder")
        parts.destinations = fmt::format("destinations: {{archive: {{{}{}}}}}\n", entry,
                                         key == "folder" ? "" : ", folder: out");
    else if (where == "retry")
        parts.destinations = fmt::format(
            "destinations: {{archive: {{dicom: \"A@h:104\", retry: {{{}}}}}}}\n", entry);
    else if (where == "rule")
        parts.rules = fmt::format("rules: [{{name: r, send: [archive], {}}}]\n", entry);
    else if (where == "root")
        parts.unmatched = entry + "\n";
    return parts.text();
}

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"node",
         "ae_title",
         {"X", "'X Y'", "5", "null"},
         {"''", "SEVENTEEN_CHARS_X", "[X]", "{a: b}", "", "' X'"}},
        {"node", "data", {"./d", "/var/lib/dcmflow", "\"/a b\"", "~"}, {"''", "[a]", ""}},
        {"node",
         "memory",
         {"64MiB", "2GiB", "'2GiB'", "67108864"},
         {"63MiB", "2", "2G", "-1GiB", "lots", "0", ""}},
        {"node",
         "workers",
         {"0", "1", "\"8\"", "1024"},
         {"-1", "1025", "all", "1.0", "0x4", "1e1", ""}},
        {"node", "verify", {"always", "sample", "'never'"}, {"Always", "yes", "true", ""}},
        {"node",
         "keep_delivered",
         {"0s", "24h", "7d"},
         {"500ms", "1500ms", "-1s", "10", "forever"}},
        {"node", "drain", {"0s", "30s", "24h"}, {"25h", "10", "500ms"}},
        {"disk", "quota", {"0", "1MiB", "200GiB"}, {"1", "1023KiB", "all", "10%"}},
        {"disk", "keep_free", {"0", "1", "5GiB"}, {"5 GiB", "-1", "5%"}},
        {"listen",
         "port",
         {"1", "104", "'11112'", "65535"},
         {"0", "65536", "-1", "http", "104.0", "[104]", ""}},
        {"listen",
         "address",
         {"127.0.0.1", "\"::1\"", "0.0.0.0", "''"},
         {"localhost", "1.2.3", "eth0", "::1/64"}},
        {"listen", "max_associations", {"1", "128", "10000"}, {"0", "10001", "many"}},
        {"listen",
         "allow",
         {"[A]", "['*']", "[A, 'B*@10.0.0.0/8', '*@fd00::/8']"},
         {"[]", "A", "[['*']]", "[A@host]", "['@10.0.0.1']", "[TOO_LONG_FOR_AN_AE]", "[A, ]x", ""}},
        {"listen",
         "called",
         {"[]", "[DCMFLOW, OTHER]"},
         {"DCMFLOW", "['*']", "[TOO_LONG_FOR_AN_AE]", "[[A]]"}},
        {"destination",
         "dicom",
         {"A@h:104", "'A@h:104'", "\"A@[::1]:104\""},
         {"A", "A@h", "[A@h:104]", "", "''"}},
        {"destination",
         "syntax",
         {"[original]", "[jpeg-ls, explicit-le]", "['jpeg2000', implicit-le, original]",
          "[auto, explicit-le]", "[htj2k, htj2k-rpcl, rle, deflated]"},
         {"[]", "jpeg-ls", "[jpegls]", "[jpeg-ls, jpeg-ls]", "[htj2k-lossy]",
          "[1.2.840.10008.1.2.4.80]", "[[]]", "[jpeg-lossless]", "[explicit-be]", ""}},
        {"destination", "associations", {"1", "4", "256"}, {"0", "257", "four"}},
        {"destination", "calling_aet", {"ME", "null"}, {"''", "A*", "TOO_LONG_FOR_AN_AE"}},
        {"destination",
         "connect_timeout",
         {"1s", "10s", "1h"},
         {"0s", "999ms", "1500ms", "2h", "10"}},
        {"destination", "response_timeout", {"1s", "60s", "24h"}, {"0s", "25h", "60"}},
        {"destination", "layout", {}, {"\"{SOPInstanceUID}\""}},
        {"destination", "retry", {"{}", "{first: 1s}"}, {"5s", "[5s]", "{fist: 1s}", ""}},
        {"folder", "folder", {"out", "/data/out", "'~'"}, {"''", "[a]", ""}},
        {"folder",
         "layout",
         {"\"{SOPInstanceUID}\"", "\"{PatientID}_{Modality}/x/{SOPInstanceUID}.dcm\""},
         {"\"{PatientID}\"", "\"\"", "\"{sopinstanceuid}\"", "\"{SOPInstanceUID\"",
          "\"SOPInstanceUID}\"", "\"/{SOPInstanceUID}\"", "\"../{SOPInstanceUID}\"",
          "\"a/./{SOPInstanceUID}\"", "\"a//{SOPInstanceUID}\"", "\"{SOPInstanceUID}/\"",
          "\"{PixelData}/{SOPInstanceUID}\"", "\"{Rows}/{SOPInstanceUID}\"",
          "\"{RequestAttributesSequence}/{SOPInstanceUID}\"", "\"{}/{SOPInstanceUID}\"",
          "\"a\\nb/{SOPInstanceUID}\"", "\"{{SOPInstanceUID}}\""}},
        {"folder", "calling_aet", {}, {"ME"}},
        {"folder", "connect_timeout", {}, {"10s"}},
        {"folder", "response_timeout", {}, {"10s"}},
        {"folder", "dicom", {}, {"A@h:104"}},
        {"folder", "associations", {"1", "8"}, {"0"}},
        {"retry", "first", {"10ms", "5s", "15m"}, {"0s", "9ms", "16m", "5", "25h"}},
        {"retry",
         "factor",
         {"1", "2", "1.5", "100", "'2.0'"},
         {"0", "0.5", "101", "two", "1e1", "1,5", "-2", "nan", "inf", "2x", ""}},
        {"retry", "max", {"5s", "15m", "7d"}, {"4s", "31d", "1"}},
        {"retry", "give_up", {"15m", "7d", "3650d"}, {"14m", "0s", "3651d", "never"}},
        {"retry", "object_attempts", {"1", "3", "1000"}, {"0", "1001", "few"}},
        {"rule", "priority", {"stat", "normal", "bulk"}, {"STAT", "high", "1", ""}},
        {"rule", "stop", {"true", "false", "'true'"}, {"yes", "no", "True", "1", "[true]", ""}},
        {"rule",
         "when",
         {"Modality == CT", "\"(0008,0060) == CT\""},
         {"", "''", "true", "Modality", "[Modality == CT]"}},
        {"root",
         "unmatched",
         {"hold", "drop", "archive", "'hold'"},
         {"Hold", "archiv", "[hold]", "", "keep"}},
    };
    return all;
}

TEST(Keys, TakeGoodValuesAndRefuseBadOnes) {
    for (const auto& one : cases()) {
        for (const auto value : one.good)
            EXPECT_THAT(errors_of(config_with(one.where, one.key, value)), IsEmpty())
                << one.where << " " << one.key << ": " << value;
        for (const auto value : one.bad) {
            const auto text = config_with(one.where, one.key, value);
            const auto errors = errors_of(text);
            EXPECT_EQ(errors.size(), 1U) << text << ::testing::PrintToString(errors);
        }
    }
}

TEST(Keys, WithoutAWordHaveTheDefaultsOfTheDocumentation) {
    const auto config = loaded(Parts{}.text());
    EXPECT_EQ(config.node.ae_title, "DCMFLOW");
    EXPECT_EQ(config.node.data, "/etc/dcmflow/data");
    EXPECT_EQ(config.node.memory, 2ULL << 30);
    EXPECT_EQ(config.node.disk_quota, 0U);
    EXPECT_EQ(config.node.disk_keep_free, 1ULL << 30);
    EXPECT_EQ(config.node.workers, 0);
    EXPECT_EQ(config.node.verify, Verify::always);
    EXPECT_EQ(config.node.keep_delivered, 24h);
    EXPECT_EQ(config.node.drain, 30s);
    ASSERT_EQ(config.dicom.size(), 1U);
    EXPECT_EQ(config.dicom[0].address, "");
    EXPECT_EQ(config.dicom[0].max_associations, 128);
    EXPECT_THAT(config.dicom[0].called, IsEmpty());
    const auto* archive = config.destination("archive");
    ASSERT_NE(archive, nullptr);
    EXPECT_EQ(config.destination("nobody"), nullptr);
    EXPECT_THAT(archive->syntax, ElementsAre("original"));
    EXPECT_EQ(archive->associations, 2);
    EXPECT_EQ(archive->calling_aet, "DCMFLOW");
    EXPECT_EQ(archive->connect_timeout, 10s);
    EXPECT_EQ(archive->response_timeout, 60s);
    EXPECT_EQ(archive->retry.first, 5s);
    EXPECT_EQ(archive->retry.factor, 2.0);
    EXPECT_EQ(archive->retry.max, 15min);
    EXPECT_EQ(archive->retry.give_up, 7 * 24h);
    EXPECT_EQ(archive->retry.object_attempts, 3);
    EXPECT_EQ(archive->line, 3);
    EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(Keys, AreAllRead) {
    const auto config = loaded(R"y(
node:
  ae_title: ROUTER
  data: spool/../queue
  memory: 512MiB
  disk: {quota: 200GiB, keep_free: 5GiB}
  workers: 3
  verify: sample
  keep_delivered: 2d
  drain: 5s
listen:
  dicom:
    - {address: 127.0.0.1, port: 104, allow: ["CT*@10.0.0.0/8", "MR"], max_associations: 7, called: [ROUTER, R2]}
    - {address: "::1", port: 104, allow: ["*"]}
destinations:
  pacs:
    dicom: ARCHIVE@[fd00::5]:11112
    syntax: [jpeg-ls, explicit-le]
    associations: 4
    calling_aet: OTHER
    connect_timeout: 3s
    response_timeout: 2m
    retry: {first: 100ms, factor: 1.5, max: 1m, give_up: 1d, object_attempts: 9}
  files: {folder: ./archive, layout: "{StudyInstanceUID}/{SOPInstanceUID}"}
rules:
  - name: first
    when: Modality == CT
    send: [pacs, files]
    priority: stat
    stop: true
unmatched: files
tests:
  - name: a CT
    given: {Modality: CT, ImageType: [ORIGINAL, PRIMARY], "(0008,0050)": 42, calling_aet: CT1, PatientID: }
    send: [files, pacs]
    priority: stat
)y");
    EXPECT_EQ(config.node.ae_title, "ROUTER");
EXPECT_EQ(config.node.data, "/etc/dcmflow/queue");
EXPECT_EQ(config.node.memory, 512ULL << 20);
EXPECT_EQ(config.node.disk_quota, 200ULL << 30);
EXPECT_EQ(config.node.disk_keep_free, 5ULL << 30);
EXPECT_EQ(config.node.workers, 3);
EXPECT_EQ(config.node.verify, Verify::sample);
EXPECT_EQ(config.node.keep_delivered, 48h);
EXPECT_EQ(config.node.drain, 5s);
ASSERT_EQ(config.dicom.size(), 2U);
EXPECT_EQ(config.dicom[0].address, "127.0.0.1");
EXPECT_EQ(config.dicom[0].port, 104);
ASSERT_EQ(config.dicom[0].allow.size(), 2U);
EXPECT_EQ(config.dicom[0].allow[0].aet, "CT*");
EXPECT_EQ(config.dicom[0].allow[0].network, "10.0.0.0/8");
EXPECT_EQ(config.dicom[0].allow[1].aet, "MR");
EXPECT_EQ(config.dicom[0].max_associations, 7);
EXPECT_THAT(config.dicom[0].called, ElementsAre("ROUTER", "R2"));
ASSERT_EQ(config.destinations.size(), 2U);
const auto& pacs = config.destinations[0];
const auto& target = std::get<DicomTarget>(pacs.target);
EXPECT_EQ(target.aet, "ARCHIVE");
EXPECT_EQ(target.host, "fd00::5");
EXPECT_EQ(target.port, 11112);
EXPECT_THAT(pacs.syntax, ElementsAre("jpeg-ls", "explicit-le"));
EXPECT_EQ(pacs.associations, 4);
EXPECT_EQ(pacs.calling_aet, "OTHER");
EXPECT_EQ(pacs.connect_timeout, 3s);
EXPECT_EQ(pacs.response_timeout, 120s);
EXPECT_EQ(pacs.retry.first, 100ms);
EXPECT_EQ(pacs.retry.factor, 1.5);
EXPECT_EQ(pacs.retry.max, 60s);
EXPECT_EQ(pacs.retry.give_up, 24h);
EXPECT_EQ(pacs.retry.object_attempts, 9);
const auto& files = std::get<FolderTarget>(config.destinations[1].target);
EXPECT_EQ(files.path, "/etc/dcmflow/archive");
EXPECT_EQ(files.layout, "{StudyInstanceUID}/{SOPInstanceUID}");
EXPECT_EQ(config.destinations[1].calling_aet, "ROUTER");
ASSERT_EQ(config.rules->rules().size(), 1U);
const auto& rule = config.rules->rules()[0];
EXPECT_EQ(rule.name, "first");
EXPECT_EQ(rule.when->text(), "Modality == CT");
EXPECT_THAT(rule.send, ElementsAre("pacs", "files"));
EXPECT_EQ(rule.priority, rules::Priority::stat);
EXPECT_TRUE(rule.stop);
EXPECT_EQ(config.rules->unmatched().destination, "files");
ASSERT_EQ(config.tests.size(), 1U);
const auto& given = config.tests[0].given;
EXPECT_EQ(given.at("ImageType"), "ORIGINAL\\PRIMARY");
EXPECT_EQ(given.at("(0008,0050)"), "42");
EXPECT_EQ(given.at("calling_aet"), "CT1");
EXPECT_EQ(given.at("PatientID"), "");
EXPECT_EQ(config.tests[0].line, 33);
EXPECT_EQ(config.tests[0].column, 5);
}

TEST(Keys, ListenersMayNotShareAPort) {
    Parts parts;
    parts.listen = "listen:\n  dicom:\n    - {port: 104, allow: [A]}\n    - {address: 127.0.0.1, "
                   "port: 104, allow: [A]}\n";
    EXPECT_THAT(errors_of(parts.text()),
                ElementsAre("c.yaml:4:34: another listener has port 104 already; expected a "
                            "port of its own for each listener"));
}

TEST(Keys, DestinationNames) {
    for (const auto* name : {"a", "A-1_b.c", "42", "null", "'true'"})
        EXPECT_THAT(errors_of(fmt::format(
                        "listen: {{dicom: [{{allow: [A]}}]}}\nunmatched: {0}\ndestinations: {{{0}: "
                        "{{folder: x}}}}\n",
                        name)),
                    IsEmpty());
    for (const auto* name : {"'a b'", "hold", "drop", "a/b", "-a", "ä", "''"})
        EXPECT_THAT(errors_of(fmt::format(
                        "listen: {{dicom: [{{allow: [A]}}]}}\nunmatched: hold\ndestinations: {{{}: "
                        "{{folder: x}}}}\n",
                        name)),
                    ElementsAre(::testing::HasSubstr("c.yaml:3:16: bad name")));
}

TEST(Keys, OfTestsAreChecked) {
    const auto errors_with = [](std::string_view test) {
        Parts parts;
        parts.tests = fmt::format("tests:\n  - {}\n", test);
        return errors_of(parts.text());
    };
    EXPECT_THAT(errors_with("{name: t, given: {}, send: [archive]}"), IsEmpty());
    EXPECT_THAT(errors_with("{name: t, given: {Modality: CT}, unmatched: hold}"), IsEmpty());
    EXPECT_THAT(
        errors_with(
            "{name: t, given: {\"RequestAttributesSequence[*].AccessionNumber\": 5}, send: []}"),
        IsEmpty());
    EXPECT_THAT(errors_with("{name: t, given: {Modalty: CT}, send: [archive]}"),
                ElementsAre(::testing::StartsWith("c.yaml:8:23: unknown tag 'Modalty'")));
    EXPECT_THAT(errors_with("{name: t, given: {Modality: {a: b}}, send: [archive]}"),
                ElementsAre("c.yaml:8:33: tests.given.Modality is a map; expected a single value"));
    EXPECT_THAT(errors_with("{name: t, given: {Modality: A, Modality: B}, send: [archive]}"),
                ElementsAre("c.yaml:8:36: duplicate key 'tests.given.Modality'"));
    EXPECT_THAT(errors_with("{name: t, given: {Modality: CT}}"),
                ElementsAre(::testing::StartsWith("c.yaml:8:5: test 't' expects nothing")));
    EXPECT_THAT(errors_with("{name: t, send: [archive]}"),
                ElementsAre(::testing::StartsWith("c.yaml:8:5: missing key 'tests.given'")));
    EXPECT_THAT(
        errors_with("{name: t, given: {}, send: [archive], unmatched: hold}"),
        ElementsAre(::testing::StartsWith("c.yaml:8:43: tests.unmatched beside tests.send")));
    EXPECT_THAT(
        errors_with("{name: t, given: {}, unmatched: archive}"),
        ElementsAre(::testing::StartsWith("c.yaml:8:37: bad value 'archive' for tests.unmatched")));
}

} // namespace
} // namespace dcmflow::test
