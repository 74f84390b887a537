// What operators ask, without a socket: answers, refusals, and filters that must never select more than was meant.

#include "flow_fixture.h"

#include "pipeline/operate/queue_service.h"

#include <nlohmann/json.hpp>

namespace dcmflow::test {
namespace {

using nlohmann::json;

class Service : public FlowTest {
  protected:
    void SetUp() override {
        open({destination("a", {"original"}), destination("b", {"original"})});
        for (unsigned i = 0; i < 3; ++i)
            put("2.25.9." + std::to_string(i), i);
        service = std::make_unique<QueueService>(*spool, std::vector<std::string>{"a", "b"}, QueueHooks{}, *logger);
    }
    std::vector<json> ask(const json& request) {
        std::vector<json> answers;
        service->handle(request, [&](const json& object) { answers.push_back(object); });
        return answers;
    }
    std::unique_ptr<QueueService> service;
};

TEST_F(Service, ListsWhatIsNotDelivered) {
    const auto answers = ask({{"verb", "list"}, {"filter", {{"destination", "a"}}}});
    ASSERT_EQ(answers.size(), 4U);
    EXPECT_EQ(answers[0]["destination"], "a");
    EXPECT_EQ(answers.back(), (json{{"ok", true}, {"count", 3}}));
}

TEST_F(Service, ShowGivesAllDestinationsOfTheObject) {
    const auto answers = ask({{"verb", "show"}, {"id", 1}});
    ASSERT_EQ(answers.size(), 3U);
    EXPECT_EQ(answers[0]["sop_instance_uid"], answers[1]["sop_instance_uid"]);
    EXPECT_EQ(ask({{"verb", "show"}, {"id", 4711}}).back()["ok"], false);
}

TEST_F(Service, AMalformedFilterSelectsNothing) {
    for (const json& filter : {json{{"ids", json::array({"17"})}}, json{{"ids", json::array()}}, json{{"study", ""}},
                               json{{"nonsense", "x"}}, json::object(), json{{"state", "lost"}}, json::array()}) {
        const auto answers = ask({{"verb", "act"}, {"action", "drop"}, {"filter", filter}});
        EXPECT_EQ(answers.back()["ok"], false) << filter;
    }
    EXPECT_EQ(ask({{"verb", "act"}, {"action", "drop"}}).back()["ok"], false);
    EXPECT_EQ(in_state(DeliveryState::dropped), 0U);
}

TEST_F(Service, ActsOnWhatWasChosen) {
    EXPECT_EQ(ask({{"verb", "act"}, {"action", "hold"}, {"filter", {{"destination", "b"}}}}).back()["count"], 3);
    EXPECT_EQ(in_state(DeliveryState::held), 3U);
    EXPECT_EQ(ask({{"verb", "act"}, {"action", "release"}, {"filter", {{"all", true}}}}).back()["count"], 3);
    EXPECT_EQ(in_state(DeliveryState::held), 0U);
    EXPECT_EQ(ask({{"verb", "act"}, {"action", "move"}, {"filter", {{"all", true}}}, {"target", "c"}}).back()["ok"], false);
}

TEST_F(Service, PauseIsRemembered) {
    EXPECT_EQ(ask({{"verb", "pause"}, {"destination", "a"}}).back()["ok"], true);
    EXPECT_EQ(ask({{"verb", "summary"}})[0]["state"], "paused");
    EXPECT_EQ(ask({{"verb", "resume"}, {"destination", "a"}}).back()["ok"], true);
    EXPECT_EQ(ask({{"verb", "summary"}})[0]["state"], "down") << "no router runs here";
    EXPECT_EQ(ask({{"verb", "pause"}, {"destination", "nowhere"}}).back()["ok"], false);
}

TEST_F(Service, RefusesWhatIsNoRequest) {
    EXPECT_EQ(ask(json::array()).back()["ok"], false);
    EXPECT_EQ(ask({{"verb", "dance"}}).back()["ok"], false);
}

} // namespace
} // namespace dcmflow::test
