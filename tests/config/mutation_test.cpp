// A good config, damaged at random: it loads or says why, with a place inside the file; it never
// crashes.
#include "support.h"

#include <algorithm>
#include <random>

namespace dcmflow::test {
namespace {

constexpr std::string_view good = R"y(node: {ae_title: ROUTER, data: ./spool, memory: 512MiB, disk: {quota: 2GiB}}
listen:
  dicom:
    - &base {port: 104, allow: ["CT*@10.0.0.0/8", '*@fd00::/8'], called: [A, B]}
destinations:
  pacs: {dicom: "ARCHIVE@[fd00::5]:11112", syntax: [jpeg-ls, explicit-le], retry: &r {first: 1s, factor: 1.5}}
  files: {folder: ./archive, layout: "{StudyInstanceUID}/{SOPInstanceUID}", retry: *r}
rules:
  - name: first
    when: Modality == CT and (SliceThickness <= 1.25 or (0008,103E) ~ "xäy")
    send: [pacs, files]
  - name: second
    when: |
      Modality in [CT, MR]
        and not ImageType == LOCALIZER
    send: [files]
    stop: true
  - {name: third, when: "exists PatientID", send: [pacs], priority: bulk}
unmatched: hold
tests:
  - name: a CT
    given: {Modality: CT, ImageType: [A, B], "RequestAttributesSequence[*].AccessionNumber": null}
    send: [pacs, files]
)y";

std::string mutated(std::mt19937& random) {
    static constexpr std::string_view spice =
        "{}[]:,#&*!|>'\"%@`-?\\ \n\t~<=0123456789abcXYZ\xC3\xA4\x01";
    std::string text(good);
    const auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    for (auto edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
        const auto at = below(text.size());
        switch (below(5)) {
        case 0:
            text.erase(at, 1 + below(8));
            break;
        case 1:
            text.insert(at, 1, spice[below(spice.size())]);
            break;
        case 2:
            text[at] = spice[below(spice.size())];
            break;
        case 3:
            text.insert(below(text.size()), std::string(text, at, 1 + below(40)));
            break;
        case 4:
            text.resize(at);
            break;
        }
    }
    return text;
}

TEST(Mutation, NeverCrashesAndErrorsHaveAPlace) {
    ASSERT_THAT(errors_of(good), ::testing::IsEmpty());
    std::mt19937 random(20240601);
    std::size_t loads = 0;
    std::size_t errors = 0;
    for (int round = 0; round < 1500; ++round) {
        const auto text = mutated(random);
        const auto config = parse_config(text, "c.yaml");
        if (config) {
            ++loads;
            static_cast<void>(run_config_tests(*config));
            continue;
        }
        const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
        ASSERT_FALSE(config.error().empty()) << text;
        for (const auto& error : config.error()) {
            ++errors;
            ASSERT_FALSE(error.what.empty()) << text;
            ASSERT_LE(error.line, lines) << error.text() << "\n" << text;
            ASSERT_EQ(error.line == 0, error.column == 0) << error.text();
        }
    }
    EXPECT_GT(loads, 10U); // some damage is harmless
    EXPECT_GT(errors, 1000U);
}

} // namespace
} // namespace dcmflow::test
