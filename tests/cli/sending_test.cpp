// Sending: every item gets exactly one result, whatever the links do.
#include "pipeline/cli/sending.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace dcmflow::cli {
namespace {

using ::testing::HasSubstr;

// A destination whose links do as the test says.
class ScriptedDestination final : public Destination {
  public:
    // Outcome of the n-th send of all links.
    std::function<Outcome(int)> on_send = [](int) { return Outcome::delivered; };
    std::function<bool(int)> on_connect = [](int) { return true; };
    bool permanent = false;
    std::size_t contexts = 128; // how many class × syntax one link takes
    std::atomic<int> connects{0};
    std::atomic<int> sends{0};

    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] tl::expected<std::unique_ptr<Link>, ConnectError>
    connect(std::span<const Need> needs) override {
        if (!on_connect(connects++))
            return tl::unexpected<ConnectError>(ConnectError{permanent, "no link today"});
        auto link = std::make_unique<ScriptedLink>(*this);
        for (const auto& need : needs)
            for (const auto& syntax : need.transfer_syntax_uids)
                if (link->asked_.size() < contexts)
                    link->asked_.insert(need.sop_class_uid + syntax);
        return link;
    }
    [[nodiscard]] std::vector<ProbeStep> probe(std::span<const Need>) override { return {}; }

  private:
    struct ScriptedLink final : Link {
        explicit ScriptedLink(ScriptedDestination& owner) : owner_(owner) {}
        [[nodiscard]] bool takes(std::string_view sop_class,
                                 std::string_view syntax) const override {
            return asked(sop_class, syntax);
        }
        [[nodiscard]] bool asked(std::string_view sop_class,
                                 std::string_view syntax) const override {
            return asked_.contains(std::string(sop_class) + std::string(syntax));
        }
        [[nodiscard]] SendResult send(const Parcel& parcel) override {
            SendResult result;
            result.outcome = asked(parcel.sop_class_uid, parcel.transfer_syntax_uid)
                                 ? owner_.on_send(owner_.sends++)
                                 : Outcome::refused_context;
            usable_ = result.outcome != Outcome::retry_link && result.outcome != Outcome::unknown;
            return result;
        }
        [[nodiscard]] bool usable() const override { return usable_; }
        void abort() override {}
        ScriptedDestination& owner_;
        std::set<std::string> asked_;
        bool usable_ = true;
    };
    std::string name_ = "scripted";
};

std::vector<Item> make_items(std::size_t count, std::size_t classes = 1) {
    std::vector<Item> items;
    for (std::size_t i = 0; i < count; ++i)
        items.push_back({"f" + std::to_string(i), "1.2." + std::to_string(i % classes),
                         "1.3." + std::to_string(i), "1.2.840.10008.1.2.1", 100});
    return items;
}

Result<Loaded> load(std::size_t) {
    static const std::vector<std::byte> bytes(100);
    return Loaded{nullptr, bytes};
}

// Runs it all; the results by item. Fails on a second result for one item.
std::map<std::size_t, ItemResult> run(ScriptedDestination& destination, std::size_t count,
                                      int associations, std::size_t classes = 1,
                                      const Loader& loader = load) {
    std::map<std::size_t, ItemResult> results;
    Sending sending(destination, make_items(count, classes), loader,
                    [&](std::size_t item, const ItemResult& result) {
                        EXPECT_TRUE(results.emplace(item, result).second) << item;
                    });
    sending.start(associations);
    while (!sending.wait_for(std::chrono::seconds(60))) {
    }
    sending.finish();
    EXPECT_EQ(results.size(), count);
    EXPECT_EQ(sending.progress().settled, count);
    return results;
}

std::size_t delivered(const std::map<std::size_t, ItemResult>& results) {
    return static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [](const auto& one) {
            return one.second.sent.outcome == Outcome::delivered;
        }));
}

TEST(Sending, DeliversAllOverSeveralAssociations) {
    ScriptedDestination destination;
    EXPECT_EQ(delivered(run(destination, 500, 4)), 500U);
    EXPECT_LE(destination.connects, 4);
}

TEST(Sending, ABrokenLinkIsReplacedAndTheObjectSentAgain) {
    ScriptedDestination destination;
    destination.on_send = [](int n) {
        return n == 3 ? Outcome::retry_link : n == 7 ? Outcome::unknown : Outcome::delivered;
    };
    const auto results = run(destination, 20, 1);
    EXPECT_EQ(delivered(results), 20U);
    EXPECT_EQ(destination.connects, 3);
    EXPECT_EQ(destination.sends, 22);
}

TEST(Sending, AnObjectThatAlwaysBreaksTheLinkIsGivenUp) {
    ScriptedDestination destination;
    destination.on_send = [](int) { return Outcome::unknown; };
    const auto results = run(destination, 2, 1);
    EXPECT_EQ(results.at(0).sent.outcome, Outcome::unknown);
    EXPECT_EQ(results.at(0).attempts, 3);
    EXPECT_EQ(destination.sends, 6);
}

TEST(Sending, WhatThePeerSaysIsNotRetried) {
    ScriptedDestination destination;
    destination.on_send = [](int) { return Outcome::retry_object; };
    const auto results = run(destination, 5, 2);
    EXPECT_EQ(destination.sends, 5);
    EXPECT_EQ(results.at(4).sent.outcome, Outcome::retry_object);
}

TEST(Sending, WithoutAnyLinkEveryObjectSaysWhy) {
    ScriptedDestination destination;
    destination.permanent = true;
    destination.on_connect = [](int) { return false; };
    const auto results = run(destination, 10, 3);
    EXPECT_EQ(delivered(results), 0U);
    EXPECT_LE(destination.connects, 3) << "a permanent refusal is not asked twice";
    for (const auto& [item, result] : results) {
        EXPECT_THAT(result.sent.text, HasSubstr("no link today"));
        EXPECT_EQ(result.attempts, 0);
    }
}

TEST(Sending, OneAssociationOfManyIsEnough) {
    ScriptedDestination destination;
    destination.permanent = true;
    destination.on_connect = [](int n) { return n == 1; };
    EXPECT_EQ(delivered(run(destination, 50, 4)), 50U);
}

TEST(Sending, MoreClassesThanFitAreAskedForOnNewLinks) {
    ScriptedDestination destination;
    destination.contexts = 2;
    EXPECT_EQ(delivered(run(destination, 12, 1, 6)), 12U);
}

TEST(Sending, AFileThatIsGoneFailsAlone) {
    ScriptedDestination destination;
    const auto results = run(destination, 5, 2, 1, [](std::size_t item) -> Result<Loaded> {
        if (item == 2)
            return fail(ErrorCode::not_found, "gone");
        return load(item);
    });
    EXPECT_EQ(delivered(results), 4U);
    EXPECT_EQ(results.at(2).sent.outcome, Outcome::failed);
    EXPECT_EQ(results.at(2).sent.text, "gone");
}

} // namespace
} // namespace dcmflow::cli
