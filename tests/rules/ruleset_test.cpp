// From rules to a decision, and its explanation.
#include "map_dictionary.h"

#include <gmock/gmock.h>

namespace dcmflow::rules {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Rule rule(std::string name, const char* when, std::vector<std::string> send,
          std::optional<Priority> priority = {}, bool stop = false) {
    return {std::move(name), when == nullptr ? std::nullopt : std::optional(parsed(when)),
            std::move(send), priority, stop};
}

const Given ct{{"Modality", "CT"}, {"StudyDescription", "STROKE CTA"}, {"SliceThickness", "1.0"}};

// The rules of design §7.
Ruleset design() {
    return Ruleset({rule("everything to the archive", nullptr, {"archive"}),
                    rule("stroke first",
                         "Modality in [CT, MR] and (RequestedProcedurePriority == STAT or "
                         "StudyDescription ~ \"(?i)stroke\")",
                         {"viewer"}, Priority::stat),
                    rule("thin CT to the cloud",
                         "Modality == CT and SliceThickness <= 1.25 and not ImageType == LOCALIZER",
                         {"cloud"})},
                   {Disposition::hold, {}});
}

TEST(Ruleset, EveryRuleThatMatchesApplies) {
    const auto decision = design().decide(object(ct));
    EXPECT_EQ(decision.disposition, Disposition::deliver);
    EXPECT_THAT(decision.deliveries, ElementsAre(PlannedDelivery{"archive", Priority::normal},
                                                 PlannedDelivery{"viewer", Priority::stat},
                                                 PlannedDelivery{"cloud", Priority::normal}));
    EXPECT_THAT(decision.matched_rules,
                ElementsAre("everything to the archive", "stroke first", "thin CT to the cloud"));

    auto localizer = ct;
    localizer["ImageType"] = "ORIGINAL\\PRIMARY\\LOCALIZER";
    localizer["StudyDescription"] = "KNEE";
    EXPECT_THAT(design().decide(object(localizer)).deliveries,
                ElementsAre(PlannedDelivery{"archive", Priority::normal}));
}

TEST(Ruleset, StopEndsTheListOnlyWhereItMatches) {
    const Ruleset rules({rule("mr", "Modality == MR", {"a"}, {}, true),
                         rule("ct", "Modality == CT", {"b"}, {}, true),
                         rule("rest", nullptr, {"c"})},
                        {});
    const auto sent = [&](const char* modality) {
        return rules.decide(object({{"Modality", modality}})).matched_rules;
    };
    EXPECT_THAT(sent("MR"), ElementsAre("mr"));
    EXPECT_THAT(sent("CT"), ElementsAre("ct"));
    EXPECT_THAT(sent("US"), ElementsAre("rest"));
}

TEST(Ruleset, OneDeliveryPerDestinationWithTheMostUrgentPriority) {
    const auto priority = [](std::optional<Priority> first, std::optional<Priority> second) {
        const Ruleset rules(
            {rule("1", nullptr, {"a", "b"}, first), rule("2", nullptr, {"c", "a", "a"}, second)},
            {});
        const auto decision = rules.decide(object({}));
        EXPECT_EQ(decision.deliveries.size(), 3U);
        EXPECT_EQ(decision.deliveries[0].destination, "a");
        EXPECT_EQ(decision.deliveries[1].destination, "b");
        EXPECT_EQ(decision.deliveries[1].priority, first.value_or(Priority::normal));
        EXPECT_EQ(decision.deliveries[2].destination, "c");
        EXPECT_EQ(decision.deliveries[2].priority, second.value_or(Priority::normal));
        return decision.deliveries[0].priority;
    };
    EXPECT_EQ(priority({}, {}), Priority::normal);
    EXPECT_EQ(priority(Priority::bulk, Priority::stat), Priority::stat);
    EXPECT_EQ(priority(Priority::stat, Priority::bulk), Priority::stat);
    EXPECT_EQ(priority(Priority::normal, Priority::bulk), Priority::normal);
    // A rule without a priority has no say.
    EXPECT_EQ(priority({}, Priority::bulk), Priority::bulk);
    EXPECT_EQ(priority(Priority::bulk, {}), Priority::bulk);
    EXPECT_EQ(priority({}, Priority::stat), Priority::stat);
}

TEST(Ruleset, UnmatchedIsForObjectsThatNoRuleMatched) {
    const auto decide = [](Unmatched unmatched) {
        return Ruleset({rule("mr", "Modality == MR", {"a"})}, std::move(unmatched))
            .decide(object(ct));
    };
    EXPECT_EQ(decide({Disposition::hold, {}}).disposition, Disposition::hold);
    EXPECT_THAT(decide({Disposition::hold, {}}).deliveries, IsEmpty());
    EXPECT_EQ(decide({Disposition::drop, {}}).disposition, Disposition::drop);
    const auto sent = decide({Disposition::deliver, "archive"});
    EXPECT_EQ(sent.disposition, Disposition::deliver);
    EXPECT_THAT(sent.deliveries, ElementsAre(PlannedDelivery{"archive", Priority::normal}));
    EXPECT_THAT(sent.matched_rules, IsEmpty());
    EXPECT_EQ(Ruleset({}, {}).decide(object(ct)).disposition, Disposition::hold);
}

TEST(Ruleset, AMatchThatSendsNowhereDrops) {
    const Ruleset rules(
        {rule("phantoms", "StudyDescription ~ 'CTA'", {}, {}, true), rule("rest", nullptr, {"a"})},
        {Disposition::deliver, "archive"});
    const auto dropped = rules.decide(object(ct));
    EXPECT_EQ(dropped.disposition, Disposition::drop);
    EXPECT_THAT(dropped.deliveries, IsEmpty());
    EXPECT_THAT(dropped.matched_rules, ElementsAre("phantoms"));
    // Without stop a later rule may still send it.
    const Ruleset marked({rule("marked", nullptr, {}), rule("rest", nullptr, {"a"})}, {});
    EXPECT_EQ(marked.decide(object(ct)).disposition, Disposition::deliver);
}

TEST(Explain, EveryRuleWithTheValuesThatDecided) {
    std::vector<RuleTrace> trace;
    const auto rules = design();
    const auto decision = rules.explain(object(ct), trace);
    EXPECT_EQ(decision.deliveries, rules.decide(object(ct)).deliveries);
    ASSERT_EQ(trace.size(), 3U);
    EXPECT_TRUE(trace[0].matched && trace[0].evaluations.empty());
    const auto& stroke = trace[1].evaluations;
    ASSERT_EQ(stroke.size(), 3U);
    EXPECT_EQ(stroke[0].comparison, "Modality in [CT, MR]");
    EXPECT_EQ(stroke[0].seen, "\"CT\"");
    EXPECT_TRUE(stroke[0].holds);
    EXPECT_EQ(stroke[1].comparison, "RequestedProcedurePriority == STAT");
    EXPECT_EQ(stroke[1].seen, "missing");
    EXPECT_FALSE(stroke[1].holds);
    EXPECT_EQ(stroke[2].comparison, "StudyDescription ~ \"(?i)stroke\"");
    EXPECT_EQ(stroke[2].seen, "\"STROKE CTA\"");
    EXPECT_TRUE(stroke[2].holds);
    EXPECT_EQ(trace[2].rule, "thin CT to the cloud");
    EXPECT_FALSE(trace[2].evaluations.at(2).holds); // ImageType == LOCALIZER, before the not
}

TEST(Explain, RulesAfterAStopAreNotReached) {
    std::vector<RuleTrace> trace;
    const Ruleset rules(
        {rule("first", "Modality == CT", {"a"}, {}, true), rule("second", "Modality == CT", {"b"})},
        {});
    (void)rules.explain(object(ct), trace);
    ASSERT_EQ(trace.size(), 2U);
    EXPECT_TRUE(trace[0].reached && trace[0].matched);
    EXPECT_FALSE(trace[1].reached || trace[1].matched);
    EXPECT_THAT(trace[1].evaluations, IsEmpty());
}

std::string seen(const char* text, const Given& given) {
    std::vector<Evaluation> trace;
    (void)parsed(text).explain(object(given), trace);
    return trace.at(0).seen;
}

TEST(Explain, WhatWasSeen) {
    EXPECT_EQ(seen("ImageType == X", {{"ImageType", "A\\B"}}), R"("A", "B")");
    EXPECT_EQ(seen("Rows == 1", {{"Rows", "abc"}}), R"("abc" (not a number))");
    EXPECT_EQ(seen("StudyDate < 2020", {{"StudyDate", "1.1.2020"}}), R"("1.1.2020" (not a date))");
    EXPECT_EQ(seen("Rows == 1", {{"Rows", ""}}), "empty");
    EXPECT_EQ(seen("exists PixelData", {{"PixelData", ""}}), "present");
    EXPECT_EQ(seen("exists RequestAttributesSequence", {{"RequestAttributesSequence", ""}}),
              "present");
    EXPECT_EQ(seen("missing Rows", {}), "missing");
    EXPECT_EQ(seen("calling_aet == X", {{"calling_aet", "CT1"}}), R"("CT1")");
    EXPECT_EQ(seen("PatientID == X", {{"PatientID", "a\x1B[31m\xFF"}}), R"("a\x1B[31m\xFF")");
    EXPECT_EQ(seen("SimpleFrameList == 0", {{"SimpleFrameList", "1\\2\\3\\4\\5\\6\\7\\8\\9"}}),
              R"("1", "2", "3", "4", "5", "6", "7", "8", … (9 values))");
}

TEST(Explain, StopsWhereTheAnswerIsKnown) {
    std::vector<Evaluation> trace;
    EXPECT_FALSE(parsed("Rows == 1 and Modality == CT").explain(object(ct), trace));
    EXPECT_EQ(trace.size(), 1U);
    trace.clear();
    EXPECT_TRUE(parsed("Modality == CT or Rows == 1").explain(object(ct), trace));
    EXPECT_EQ(trace.size(), 1U);
}

// Asks are counted: an attribute is read once per decision, however many rules and spellings name
// it.
TEST(Ruleset, ReadsEachAttributeOnce) {
    class Counting final : public Attributes {
      public:
        std::optional<AttributeValues> find(const TagPath&) const override {
            ++asked;
            return AttributeValues{"CS", {"CT"}};
        }
        std::string context(ContextKey) const override { return {}; }
        mutable int asked = 0;
    };
    std::vector<Rule> list;
    for (int i = 0; i < 32; ++i)
        list.push_back(
            rule("r", i % 2 ? "Modality == MR" : "(0008,0060) == CT and StationName == X", {"a"}));
    const Counting attributes;
    (void)Ruleset(list, {}).decide(attributes);
    EXPECT_EQ(attributes.asked, 2);
}

TEST(Priority, NamesRoundTrip) {
    for (const auto priority : {Priority::stat, Priority::normal, Priority::bulk})
        EXPECT_EQ(priority_from(to_string(priority)), priority);
    EXPECT_FALSE(priority_from("STAT"));
}

TEST(Expression, KeepsItsTextAndIsCheapToCopy) {
    std::optional<Expression> copy;
    {
        const auto original = parsed(" Modality == CT ");
        copy = original;
    }
    EXPECT_EQ(copy->text(), " Modality == CT ");
    EXPECT_TRUE(copy->holds(object(ct)));
}

} // namespace
} // namespace dcmflow::rules
