// Every mistake of a file in one run, in the order of the file, each with its place.
#include "support.h"

namespace dcmflow::test {
namespace {

using ::testing::ElementsAre;

TEST(Mistakes, AllOfThemAtOnceInFileOrder) {
    EXPECT_THAT(
        errors_of(R"(# a config with many mistakes
node:
  ae_title: THIS_TITLE_IS_TOO_LONG
  memmory: 2GiB
  memory: 2G
listen:
  dicom:
    - port: 70000
      allow: ["CT*@10.0.0.0/33"]
destinations:
  archive: {dicom: "ARCHIVE@10.0.0.5", syntax: [jpeg-sl, explicit-le]}
  viewer:
    dicom: "VIEWER@10.0.0.9:11112"
    retry: {first: 5 s}
rules:
  - name: everything
    send: [archiv]
  - name: stroke
    when: Modality in [CT, MR] and Modalty == CT
    send: [viewer]
    priority: urgent
  - name: everything
    send: [archive]
    send: [viewer]
tests:
  - name: a CT
    given: {Modality: CT}
    send: [cloud]
)"),
        ElementsAre(
            "c.yaml:2:1: missing key 'unmatched'; expected what becomes of objects that no rule "
            "matches: hold, "
            "drop or a destination",
            "c.yaml:3:13: bad value 'THIS_TITLE_IS_TOO_LONG' for node.ae_title; expected an AE "
            "title: 1 to 16 "
            "printable ASCII characters, no backslash, * or ?, no space at either end",
            "c.yaml:4:3: unknown key 'node.memmory' (did you mean 'memory'?); expected one of "
            "ae_title, data, "
            "memory, disk, workers, verify, keep_delivered, drain",
            "c.yaml:5:11: bad value '2G' for node.memory; expected a size like 512MiB or 50GiB, at "
            "least 64MiB",
            "c.yaml:8:13: bad value '70000' for listen.dicom.port; expected a port from 1 to 65535",
            "c.yaml:9:15: bad value 'CT*@10.0.0.0/33' in listen.dicom.allow: '10.0.0.0/33' is not "
            "a network; "
            "expected AETITLE, AETITLE@10.0.0.0/8 or AETITLE@fd00::/8, with * and ? in the title; "
            "* is anyone",
            "c.yaml:11:20: bad value 'ARCHIVE@10.0.0.5' for destinations.archive.dicom: there is "
            "no port; expected "
            "AETITLE@host:port, like ARCHIVE@10.0.0.5:104 or ARCHIVE@[fd00::5]:104",
            "c.yaml:11:49: unknown transfer syntax 'jpeg-sl' (did you mean 'jpeg-ls'?); expected "
            "one of original, "
            "auto, explicit-le, implicit-le, deflated, jpeg-ls, jpeg2000, htj2k, htj2k-rpcl, rle",
            "c.yaml:14:20: bad value '5 s' for destinations.viewer.retry.first; expected a "
            "duration like 500ms, "
            "30s, 15m, 12h or 7d, from 10ms to 1d",
            "c.yaml:17:12: unknown destination 'archiv' (did you mean 'archive'?); expected one of "
            "archive, viewer",
            "c.yaml:19:36: in the condition: unknown tag 'Modalty' (did you mean 'Modality'?); "
            "expected a DICOM "
            "keyword, (gggg,eeee) or a context name",
            "c.yaml:21:15: bad value 'urgent' for rules.priority; expected stat, normal or bulk",
            "c.yaml:22:11: duplicate name 'everything'; expected a name of its own",
            "c.yaml:24:5: duplicate key 'rules.send'",
            "c.yaml:28:12: unknown destination 'cloud'; expected one of archive, viewer"));
}

TEST(Mistakes, WhatIsMissing) {
    EXPECT_THAT(
        errors_of("node: {ae_title: X}\n"),
        ElementsAre(
            "c.yaml:1:1: missing key 'listen'; expected listen: {dicom: [{port: 11112, allow: "
            "[\"CT*@10.1.0.0/16\"]}]}",
            "c.yaml:1:1: missing key 'unmatched'; expected what becomes of objects that no rule "
            "matches: hold, drop or a destination"));
    Parts parts;
    parts.listen = "listen: {}\n";
    EXPECT_THAT(
        errors_of(parts.text()),
        ElementsAre("c.yaml:1:1: missing key 'listen.dicom'; expected dicom: [{port: 11112, allow: "
                    "[\"CT*@10.1.0.0/16\"]}]"));
    parts.listen = "listen:\n  dicom:\n    - port: 104\n";
    EXPECT_THAT(
        errors_of(parts.text()),
        ElementsAre("c.yaml:3:7: missing key 'listen.dicom.allow'; expected who may send, like "
                    "[\"CT*@10.1.0.0/16\"], or [\"*\"] for anyone"));
    parts = Parts{};
    parts.destinations = "";
    EXPECT_THAT(
        errors_of(parts.text()),
        ElementsAre(
            "c.yaml:1:1: missing key 'destinations'; expected where 'archive' is, like archive: "
            "{dicom: \"ARCHIVE@10.0.0.5:104\"}"));
    parts = Parts{};
    parts.rules = "rules:\n  - send: [archive]\n  - {name: nothing, when: Modality == CT}\n";
    EXPECT_THAT(
        errors_of(parts.text()),
        ElementsAre(
            "c.yaml:5:5: missing key 'rules.name'; expected a name of its own, which `explain` and "
            "the log show",
            "c.yaml:6:5: rule 'nothing' does nothing; expected send: [DESTINATION], or stop: "
            "true"));
}

TEST(Mistakes, ARuleSetWithoutRulesAndDestinationsIsFineIfNothingIsSent) {
    Parts parts;
    parts.destinations = parts.rules = "";
    const auto config = loaded(parts.text());
    EXPECT_TRUE(config.destinations.empty());
    EXPECT_TRUE(config.rules->rules().empty());
}

TEST(Mistakes, WhatThisVersionCannotServeIsRefusedNotIgnored) {
    EXPECT_THAT(
        errors_of(R"(listen:
  dicom: [{port: 11112, allow: [A], tls: {cert: c, key: k}}]
  dicomweb: [{port: 8080}]
  folder: [{path: ./inbox}]
destinations:
  cloud: {stow: "https://cloud.example/dicom-web", syntax: [htj2k-rpcl, jpeg2000], auth: {bearer: "file:/t"}}
  bucket: {s3: "s3://studies/incoming", endpoint: "https://s3.example", region: eu-1, syntax: [auto]}
  dark: {dicom: "D@h:104", syntax: [explicit-be, htj2k, jpeg-baseline], tls: {ca: x}}
unmatched: hold
)"),
        ElementsAre(
            "c.yaml:2:37: listen.dicom.tls is not available in this version; expected a listener "
            "without "
            "it, reachable only over networks you trust",
            "c.yaml:3:3: listen.dicomweb is not available in this version; expected listen.dicom",
            "c.yaml:4:3: listen.folder is not available in this version; expected listen.dicom",
            "c.yaml:6:11: a destination of kind stow is not available in this version; expected "
            "dicom or "
            "folder",
            "c.yaml:7:12: a destination of kind s3 is not available in this version; expected "
            "dicom or "
            "folder",
            "c.yaml:8:37: 'explicit-be' is never written, only carried; expected one of original, "
            "auto, explicit-le, implicit-le, deflated, jpeg-ls, jpeg2000, htj2k, htj2k-rpcl, rle",
            "c.yaml:8:57: 'jpeg-baseline' is never written: lossy compression would change pixels; "
            "expected one of original, auto, explicit-le, implicit-le, deflated, jpeg-ls, "
            "jpeg2000, htj2k, htj2k-rpcl, rle",
            "c.yaml:8:73: destinations.dark.tls is not available in this version"));
}

TEST(Mistakes, WarningsDoNotStopIt) {
    Parts parts;
    parts.listen = "listen:\n  dicom:\n    - {port: 11112, allow: [\"*\", \"A@10.1.2.3/8\"]}\n";
    parts.destinations += "  spare: {folder: ./spare}\n";
    parts.unmatched += "operate: {address: 127.0.0.1, port: 8042}\n";
    parts.rules = "rules:\n  - {name: all, send: [archive], stop: true}\n  - {name: never, send: "
                  "[archive]}\n";
    const auto config = loaded(parts.text());
    EXPECT_THAT(
        texts(config.warnings),
        ElementsAre("/etc/dcmflow/c.yaml:3:29: listen.dicom.allow has '*': anyone who reaches the "
                    "port may send",
                    "/etc/dcmflow/c.yaml:3:34: network '10.1.2.3/8' is read as '10.0.0.0/8'",
                    "/etc/dcmflow/c.yaml:6:3: no rule sends anything to destination 'spare'",
                    "/etc/dcmflow/c.yaml:9:5: no object gets here: rule 'all' above stops them all",
                    "/etc/dcmflow/c.yaml:11:1: operate is ignored in this version: there is no "
                    "HTTP API yet; use "
                    "the socket and `dcmflow queue`"));
    EXPECT_EQ(config.dicom[0].allow[1].network, "10.0.0.0/8");
}

TEST(Mistakes, ShapesThatAreNotWhatTheyShouldBe) {
    EXPECT_THAT(
        errors_of("just text\n"),
        ElementsAre(
            "c.yaml:1:1: the file is not a map; expected a map with keys of node, listen, operate, "
            "destinations, rules, unmatched, tests"));
    EXPECT_THAT(
        errors_of("node: 5\nlisten: {dicom: 104}\ndestinations: [a]\nrules: x\nunmatched: "
                  "[hold]\ntests: y\n"),
        ElementsAre(
            "c.yaml:1:7: node is not a map; expected a map with keys of ae_title, data, memory, "
            "disk, "
            "workers, verify, keep_delivered, drain",
            "c.yaml:2:17: listen.dicom is not a list; expected a list, like [{port: 11112, allow: "
            "[\"CT*@10.1.0.0/16\"]}]",
            "c.yaml:3:15: destinations is not a map; expected a map of names, like archive: "
            "{dicom: "
            "\"ARCHIVE@10.0.0.5:104\"}",
            "c.yaml:4:8: rules is not a list; expected a list, like - {name: everything, send: "
            "[archive]}",
            "c.yaml:5:12: unmatched is a list; expected a single value",
            "c.yaml:6:8: tests is not a list; expected a list, like - {name: all, given: "
            "{Modality: "
            "CT}, send: [archive]}"));
    Parts parts;
    parts.rules = "rules:\n  - {name: all, send: archive}\n  - just text\n";
    EXPECT_THAT(
        errors_of(parts.text()),
        ElementsAre("c.yaml:5:23: rules.send is not a list; expected a list, like [archive]",
                    "c.yaml:6:5: rules is not a map; expected a map with keys of name, when, send, "
                    "priority, stop"));
}

TEST(Mistakes, AMistakeInAnAnchoredPartIsReportedWhereItStands) {
    EXPECT_THAT(
        errors_of(R"(listen: {dicom: [{port: 11112, allow: [A]}]}
destinations:
  a: {dicom: "A@h:104", retry: &slow {first: 1 h}}
  b: {dicom: "B@h:104", retry: *slow}
unmatched: a
)"),
        ElementsAre(
            "c.yaml:3:46: bad value '1 h' for destinations.a.retry.first; expected a duration like "
            "500ms, 30s, 15m, 12h or 7d, from 10ms to 1d",
            "c.yaml:3:46: bad value '1 h' for destinations.b.retry.first; expected a duration like "
            "500ms, 30s, 15m, 12h or 7d, from 10ms to 1d"));
}

TEST(Mistakes, TheFileItself) {
    EXPECT_THAT(errors_of(""),
                ElementsAre("c.yaml: the file is empty; expected at least the keys listen, "
                            "destinations, rules and unmatched"));
    EXPECT_THAT(errors_of("# only a comment\n"),
                ElementsAre(::testing::HasSubstr("the file is empty")));
    const auto missing = load_config("/nonexistent/dcmflow.yaml");
    ASSERT_FALSE(missing);
    EXPECT_THAT(
        texts(missing.error()),
        ElementsAre(
            "/nonexistent/dcmflow.yaml: can't read the config file: No such file or directory; "
            "expected a readable YAML file"));
    const auto folder = load_config("/tmp");
    ASSERT_FALSE(folder);
    EXPECT_THAT(
        texts(folder.error()),
        ElementsAre(
            "/tmp: can't read the config file: is a folder; expected a readable YAML file"));
}

} // namespace
} // namespace dcmflow::test
