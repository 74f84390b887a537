#include "pipeline/deliver/dicom_destination.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/deliver/sop_class_names.h"
#include "pipeline/deliver/store_status.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/dimse/command_set.h"

#include <algorithm>
#include <fmt/format.h>

#include <sys/eventfd.h>

namespace dcmflow {

using namespace deliver;

namespace {

using Clock = std::chrono::steady_clock;

std::string_view without_padding(std::string_view uid) {
    while (!uid.empty() && (uid.back() == '\0' || uid.back() == ' ')) {
        uid.remove_suffix(1);
    }
    return uid;
}

class DicomLink final : public Link {
  public:
    DicomLink(std::unique_ptr<Association> association, std::string label,
              std::chrono::milliseconds response_timeout)
        : association_(std::move(association)), label_(std::move(label)),
          response_timeout_(response_timeout) {}

    [[nodiscard]] bool takes(std::string_view sop_class_uid,
                             std::string_view transfer_syntax_uid) const override {
        return association_->contexts().accepted(sop_class_uid, transfer_syntax_uid).has_value();
    }
    [[nodiscard]] bool asked(std::string_view sop_class_uid,
                             std::string_view transfer_syntax_uid) const override {
        return association_->contexts().asked(sop_class_uid, transfer_syntax_uid);
    }
    [[nodiscard]] bool usable() const override { return association_->usable(); }
    void abort() override { association_->abort(); }
    [[nodiscard]] SendResult send(const Parcel& parcel) override;

  private:
    [[nodiscard]] SendResult end(Outcome outcome, std::string_view text) const {
        SendResult result;
        result.outcome = outcome;
        result.text = fmt::format("{}: {}", label_, text);
        return result;
    }
    [[nodiscard]] SendResult judge(const Parcel& parcel, std::uint16_t message_id,
                                   const DimseResponse& response);

    std::unique_ptr<Association> association_;
    std::string label_;
    std::chrono::milliseconds response_timeout_;
};

SendResult DicomLink::send(const Parcel& parcel) {
    if (!is_valid_uid(parcel.sop_class_uid) || !is_valid_uid(parcel.sop_instance_uid)) {
        return end(Outcome::failed, "the object's SOP Class UID or SOP Instance UID is not a UID");
    }
    if (parcel.data_set.empty()) {
        return end(Outcome::failed, "the object's data set is empty");
    }
    const auto context =
        association_->contexts().accepted(parcel.sop_class_uid, parcel.transfer_syntax_uid);
    if (!context) {
        return end(
            Outcome::refused_context,
            fmt::format("{} in {} was {} on this association", sop_class_name(parcel.sop_class_uid),
                        codecs::display_name(parcel.transfer_syntax_uid),
                        asked(parcel.sop_class_uid, parcel.transfer_syntax_uid) ? "refused"
                                                                                : "not proposed"));
    }
    const std::uint16_t message_id = association_->next_message_id();
    const auto command = make_store_rq(message_id, parcel.sop_class_uid, parcel.sop_instance_uid);
    const std::chrono::seconds per_mebibyte(
        static_cast<std::int64_t>(parcel.data_set.size() >> 20U));
    const Exchange exchange = association_->exchange(*context, command, parcel.data_set,
                                                     response_timeout_ + per_mebibyte);
    switch (exchange.end) {
    case Exchange::End::not_sent:
        return end(Outcome::retry_link, exchange.text);
    case Exchange::End::unanswered:
        return end(Outcome::unknown, exchange.text);
    case Exchange::End::answered:
        break;
    }
    return judge(parcel, message_id, exchange.response);
}

SendResult DicomLink::judge(const Parcel& parcel, std::uint16_t message_id,
                            const DimseResponse& response) {
    std::string wrong;
    if (response.command != dimse::c_store_rsp) {
        wrong = fmt::format("the peer answered a C-STORE with command {:04X}", response.command);
    } else if (response.message_id != message_id) {
        wrong = fmt::format("the peer answered message {}, but {} was asked", response.message_id,
                            message_id);
    } else if (const auto uid = without_padding(response.sop_instance_uid);
               !uid.empty() && uid != without_padding(parcel.sop_instance_uid)) {
        wrong = fmt::format("the peer answered for SOP Instance UID {}, not for the one sent", uid);
    }
    if (!wrong.empty()) {
        // Whatever this says, it does not say that our object is there; and nothing later can be
        // trusted.
        association_->give_up();
        return end(Outcome::unknown, wrong);
    }
    SendResult result = store_result(response.status, response.error_comment);
    if (!result.text.empty()) {
        result.text = fmt::format("{}: {}", label_, result.text);
    }
    return result;
}

// "jpeg-ls, explicit-le", or "none of jpeg-ls" when all were refused.
std::string describe_syntaxes(const PresentationContexts& contexts, std::string_view sop_class) {
    std::string taken;
    std::string refused;
    for (const PresentationContext& context : contexts.all()) {
        if (context.sop_class_uid == sop_class) {
            std::string& list = context.accepted() ? taken : refused;
            list += list.empty() ? "" : ", ";
            list += codecs::display_name(context.transfer_syntax_uid);
        }
    }
    return taken.empty() ? "none of " + refused : taken;
}

// "accepted: CT Image Storage: jpeg-ls, explicit-le; 9 SOP classes: explicit-le". Classes that were
// answered alike are told together.
std::string describe(const PresentationContexts& contexts) {
    struct Group {
        std::string syntaxes;
        std::vector<std::string_view> classes;
    };
    std::vector<Group> groups;
    std::vector<std::string_view> seen{dimse::verification_sop_class};
    for (const PresentationContext& context : contexts.all()) {
        const std::string_view sop_class = context.sop_class_uid;
        if (std::find(seen.begin(), seen.end(), sop_class) != seen.end()) {
            continue;
        }
        seen.push_back(sop_class);
        const std::string syntaxes = describe_syntaxes(contexts, sop_class);
        auto group = std::find_if(groups.begin(), groups.end(),
                                  [&](const Group& one) { return one.syntaxes == syntaxes; });
        if (group == groups.end()) {
            group = groups.insert(groups.end(), Group{syntaxes, {}});
        }
        group->classes.push_back(sop_class);
    }
    std::string text;
    for (const Group& group : groups) {
        text += text.empty() ? "accepted: " : "; ";
        text += group.classes.size() == 1 ? sop_class_name(group.classes.front())
                                          : fmt::format("{} SOP classes", group.classes.size());
        text += ": " + group.syntaxes;
    }
    return text.empty() ? "accepted" : text;
}

// Runs one step of a probe and notes how long it took.
template <class Work> bool timed(std::vector<ProbeStep>& steps, std::string what, Work work) {
    const auto start = Clock::now();
    ProbeStep step;
    step.what = std::move(what);
    step.ok = work(step.detail);
    step.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    steps.push_back(std::move(step));
    return steps.back().ok;
}

bool echo(Association& association, std::chrono::milliseconds timeout, std::string& detail) {
    const auto context = association.contexts().accepted(dimse::verification_sop_class);
    if (!context) {
        detail = "the peer does not accept the Verification SOP class (C-ECHO); storing may work "
                 "all the same";
        return false;
    }
    const std::uint16_t message_id = association.next_message_id();
    const Exchange exchange = association.exchange(*context, make_echo_rq(message_id), {}, timeout);
    if (exchange.end != Exchange::End::answered) {
        detail = exchange.text;
        return false;
    }
    const DimseResponse& response = exchange.response;
    const bool ok = response.command == dimse::c_echo_rsp && response.message_id == message_id &&
                    response.status == 0;
    detail = ok ? "C-ECHO answered"
                : fmt::format("C-ECHO was answered with status {:04X}", response.status);
    return ok;
}

Need verification_need() {
    return {std::string(dimse::verification_sop_class),
            {std::string(codecs::uid::implicit_le), std::string(codecs::uid::explicit_le)}};
}

} // namespace

DicomDestination::DicomDestination(const DestinationConfig& config)
    : name_(config.name), target_(std::get<DicomTarget>(config.target)),
      calling_aet_(config.calling_aet.empty() ? "DCMFLOW" : config.calling_aet),
      connect_timeout_(config.connect_timeout), response_timeout_(config.response_timeout),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

std::string DicomDestination::label() const {
    const bool v6 = target_.host.find(':') != std::string::npos;
    const std::string address = fmt::format("{}@{}{}{}:{}", target_.aet, v6 ? "[" : "",
                                            target_.host, v6 ? "]" : "", target_.port);
    return name_.empty() || name_ == address ? address : fmt::format("{} ({})", name_, address);
}

AssociationLimits DicomDestination::limits() const {
    AssociationLimits limits;
    limits.associate = std::min(limits.associate, response_timeout_);
    limits.stall = std::min(limits.stall, response_timeout_);
    return limits;
}

DicomDestination::Requested DicomDestination::request(std::shared_ptr<ClientSocket> socket,
                                                      PresentationContexts contexts) {
    const std::weak_ptr<ClientSocket> watched = socket;
    {
        const std::lock_guard lock(mutex_);
        if (interrupted_) {
            return tl::unexpected<AssociationError>(AssociationError{false, "broken off by us"});
        }
        requesting_.push_back(watched);
    }
    auto requested = Association::request(std::move(socket), target_.aet, calling_aet_,
                                          std::move(contexts), limits());
    const std::lock_guard lock(mutex_);
    std::erase_if(requesting_, [&](const std::weak_ptr<ClientSocket>& one) {
        return !one.owner_before(watched) && !watched.owner_before(one);
    });
    return requested;
}

void DicomDestination::interrupt() {
    (void)::eventfd_write(stop_.get(), 1);
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    for (const auto& one : requesting_) {
        if (const auto socket = one.lock()) {
            socket->abort();
        }
    }
}

tl::expected<std::unique_ptr<Link>, ConnectError>
DicomDestination::connect(std::span<const Need> needs) {
    const auto failed = [this](bool permanent, const std::string& text) {
        return tl::unexpected<ConnectError>(ConnectError{permanent, label() + ": " + text});
    };
    auto contexts = PresentationContexts::propose(needs);
    if (contexts.all().empty()) {
        const Need echo_only = verification_need();
        contexts = PresentationContexts::propose({&echo_only, 1});
    }
    const auto addresses = resolve(target_.host, target_.port);
    if (!addresses) {
        return failed(false, addresses.error().text);
    }
    auto socket = ClientSocket::connect(*addresses, connect_timeout_, stop_.get());
    if (!socket) {
        return failed(false, socket.error().text);
    }
    auto association = request(std::move(*socket), std::move(contexts));
    if (!association) {
        return failed(association.error().permanent, association.error().text);
    }
    return std::make_unique<DicomLink>(std::move(*association), label(), response_timeout_);
}

std::vector<ProbeStep> DicomDestination::probe(std::span<const Need> needs) {
    std::vector<ProbeStep> steps;
    std::vector<PeerAddress> addresses;
    std::shared_ptr<ClientSocket> socket;
    std::unique_ptr<Association> association;
    std::vector<Need> all{verification_need()};
    all.insert(all.end(), needs.begin(), needs.end());

    const bool reached = timed(steps, "resolve",
                               [&](std::string& detail) {
                                   auto found = resolve(target_.host, target_.port);
                                   if (found) {
                                       addresses = std::move(*found);
                                   }
                                   detail = found ? addresses.front().text() : found.error().text;
                                   return found.has_value();
                               }) &&
                         timed(steps, "connect", [&](std::string& detail) {
                             auto connected =
                                 ClientSocket::connect(addresses, connect_timeout_, stop_.get());
                             if (connected) {
                                 socket = std::move(*connected);
                             }
                             detail = connected ? socket->peer() : connected.error().text;
                             return connected.has_value();
                         });
    const bool associated =
        reached && timed(steps, "associate", [&](std::string& detail) {
            auto requested = request(std::move(socket), PresentationContexts::propose(all));
            if (requested) {
                association = std::move(*requested);
            }
            detail = requested ? describe(association->contexts()) : requested.error().text;
            return requested.has_value();
        });
    if (associated) {
        timed(steps, "echo",
              [&](std::string& detail) { return echo(*association, response_timeout_, detail); });
    }
    return steps;
}

} // namespace dcmflow
