// QueueService: what operators may ask of the queue, as JSON in and out; one code for a running router and for none.
//
// handle() takes one request object and calls `emit` for each object of the answer; the last one has `ok`. Requests:
//   {"verb":"status"}                                  one object: what this router did so far
//   {"verb":"summary"}                                 one per destination (design §8)
//   {"verb":"list", "filter":{…}}                      one per delivery that is not delivered (design §8)
//   {"verb":"show", "id":N}                            one per delivery of that instance, with the decision
//   {"verb":"act", "action":"retry|hold|release|drop|move", "filter":{…}, "target":"NAME"}
//                                                      one: how many were left alone because they are being sent
//   {"verb":"pause"|"resume", "destination":"NAME"}
// Filter keys: ids destination study series sop patient accession state unmatched all limit.
// Any thread; requests may run at once.
#pragma once

#include "pipeline/lane.h"
#include "pipeline/log.h"
#include "pipeline/result.h"
#include "pipeline/spool/spool.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace dcmflow {

// What only a running router knows; empty functions when none runs.
struct QueueHooks {
    std::function<Lane*(const std::string& destination)> lane;
    std::function<Result<rules::Decision>(const InstanceRow& row)> decide_again;
    std::function<void(nlohmann::json& status)> add_status;
};

class QueueService {
  public:
    // `destinations`: the names in the config, in order; empty if there is no readable config (then any name goes).
    QueueService(Spool& spool, std::vector<std::string> destinations, QueueHooks hooks, Logger& logger);

    using Emit = std::function<void(const nlohmann::json& object)>;
    void handle(const nlohmann::json& request, const Emit& emit);

  private:
    [[nodiscard]] Status summary(const Emit& emit);
    [[nodiscard]] Status list(const nlohmann::json& request, const Emit& emit, std::uint64_t& count);
    [[nodiscard]] Status show(const nlohmann::json& request, const Emit& emit, std::uint64_t& count);
    [[nodiscard]] Status act(const nlohmann::json& request, const Emit& emit, std::uint64_t& count);
    [[nodiscard]] Status release_unmatched(const QueueFilter& filter, std::uint64_t& count);
    [[nodiscard]] Status set_paused(const nlohmann::json& request, bool paused);
    [[nodiscard]] Status known_destination(const std::string& name) const;
    [[nodiscard]] Lane* lane(const std::string& destination) const;

    Spool& spool_;
    std::vector<std::string> destinations_;
    QueueHooks hooks_;
    Logger& logger_;
};

} // namespace dcmflow
