// A config's own tests, run as `check` runs them.
#include "support.h"

namespace dcmflow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The sample of design §7, without the receivers and destinations that this version cannot serve.
constexpr std::string_view sample = R"(node:
  ae_title: DCMFLOW
  data: ./data                        # spool and journal live here
  memory: 2GiB                        # budget for image data in flight
  disk: {quota: 200GiB, keep_free: 5GiB}
  workers: 0                          # 0 = all cores
  verify: always                      # always | sample | never
listen:
  dicom: [{port: 11112, allow: ["*"]}]
destinations:
  archive: {dicom: "ARCHIVE@10.0.0.5:104", syntax: [jpeg-ls, explicit-le], associations: 4,
            retry: {first: 5s, factor: 2, max: 15m, give_up: 7d}}
  cloud:   {dicom: "CLOUD@10.0.0.7:104", syntax: [jpeg2000]}
  viewer:  {dicom: "VIEWER@10.0.0.9:11112", syntax: [explicit-le]}
rules:                                # in order; every rule that matches applies, until one says `stop: true`
  - name: everything to the archive
    send: [archive]
  - name: stroke first
    when: Modality in [CT, MR] and (RequestedProcedurePriority == STAT or StudyDescription ~ "(?i)stroke")
    send: [viewer]
    priority: stat                    # stat | normal | bulk
  - name: thin CT to the cloud
    when: Modality == CT and SliceThickness <= 1.25 and not ImageType == LOCALIZER
    send: [cloud]
unmatched: hold                       # hold | drop | a destination's name. Required
tests:
  - name: a stroke CT goes everywhere
    given: {Modality: CT, StudyDescription: "STROKE CTA", SliceThickness: "1.0"}
    send: [archive, viewer, cloud]
    priority: stat
)";

TEST(OwnTests, TheSampleOfTheDesignPasses) {
    const auto config = loaded(sample);
    EXPECT_THAT(texts(run_config_tests(config)), IsEmpty());
    EXPECT_EQ(config.destinations.size(), 3U);
    EXPECT_EQ(config.warnings.size(), 1U); // allow: ["*"]
}

TEST(OwnTests, FailuresSayWhatHappenedInstead) {
    const auto config = loaded(std::string(sample) + R"(
  - name: a thick CT is not for the cloud
    given: {Modality: CT, SliceThickness: 5}
    send: [archive, cloud]
  - name: an MR is urgent
    given: {Modality: MR}
    send: [archive]
    priority: stat
  - name: a localizer goes to the archive only
    given: {Modality: CT, SliceThickness: 1, ImageType: [ORIGINAL, PRIMARY, LOCALIZER]}
    send: [archive]
    priority: normal
  - name: nothing matches an SR
    given: {Modality: SR}
    unmatched: hold
)");
    EXPECT_THAT(
        texts(run_config_tests(config)),
        ElementsAre(
            "/etc/dcmflow/c.yaml:32:5: test 'a thick CT is not for the cloud' failed: sent to "
            "archive "
            "by the rules: everything to the archive; expected it to be sent to archive, cloud",
            "/etc/dcmflow/c.yaml:35:5: test 'an MR is urgent' failed: sent with priority normal by "
            "the rules: everything to the archive; expected priority stat",
            "/etc/dcmflow/c.yaml:43:5: test 'nothing matches an SR' failed: sent to archive by the "
            "rules: everything to the archive; expected no rule to match, and hold"));
}

TEST(OwnTests, WhatNoRuleMatches) {
    const auto run = [](std::string_view unmatched, std::string_view expects) {
        const auto config =
            loaded(std::string(R"(listen: {dicom: [{allow: [A]}]}
destinations: {a: {folder: x}, b: {folder: y}}
rules:
  - {name: CT, when: Modality == CT, send: [a]}
  - {name: junk, when: Modality == OT, stop: true}
unmatched: )") + std::string(unmatched) +
                   "\ntests:\n  - {name: t, given: {Modality: MR}, " + std::string(expects) +
                   "}\n  - {name: junk, given: {Modality: OT}, send: []}\n");
        return run_config_tests(config);
    };
    EXPECT_THAT(run("hold", "unmatched: hold"), IsEmpty());
    EXPECT_THAT(run("drop", "unmatched: drop"), IsEmpty());
    EXPECT_THAT(run("b", "send: [b]"), IsEmpty());
    EXPECT_THAT(run("hold", "send: []"), IsEmpty());
    EXPECT_THAT(texts(run("hold", "unmatched: drop")),
                ElementsAre(::testing::HasSubstr(
                    "failed: held: no rule matched; expected no rule to match, and drop")));
    EXPECT_THAT(texts(run("drop", "send: [b]")),
                ElementsAre(::testing::HasSubstr(
                    "failed: dropped: no rule matched; expected it to be sent to b")));
    EXPECT_THAT(
        texts(run("b", "send: []")),
        ElementsAre(::testing::HasSubstr("failed: sent to b; expected it to be sent nowhere")));
}

} // namespace
} // namespace dcmflow::test
