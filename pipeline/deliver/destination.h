// Destination and Link: where objects go. One Destination per config entry, one Link per lane thread.
//
// Destination: any thread. Link: one thread at a time; blocking calls with time-outs; no retry inside: the
// lanes decide. No exception leaves either. Adding a kind touches its own file pair and registry.cpp.
#pragma once

#include "pipeline/config/config.h"
#include "pipeline/result.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow {

// One object in one syntax, ready to go. Refers to the caller's bytes.
struct Parcel {
    std::string_view sop_class_uid;
    std::string_view sop_instance_uid;
    std::string_view transfer_syntax_uid; // of `data_set`
    std::span<const std::byte> data_set;  // without file meta information
    std::string_view source_aet;          // who sent it to us
};

// How one send ended (design §3; reliability 2.3).
enum class Outcome : std::uint8_t {
    delivered,      // the peer said so for this SOP Instance UID (warnings included, see text)
    retry_object,   // the peer refused this object for now (A9xx, Cxxx, 0110): counts an attempt
    retry_resources,// A7xx, 0213: back the lane off, count nothing against the object
    retry_link,     // the connection failed before the object was sent: count nothing
    unknown,        // broke or timed out after data was sent: may or may not be there
    refused_context,// the association does not carry this SOP class in this syntax
    refused,        // permanently refused by policy (0124): hold the destination
    failed,         // can never work (bad object for this kind of destination)
};
[[nodiscard]] std::string_view to_string(Outcome outcome);

struct SendResult {
    Outcome outcome = Outcome::retry_link;
    std::uint16_t dimse_status = 0; // where there is one
    std::string text = {};          // error, or for delivered: the warning; empty if all is well
    bool warning = false;           // delivered-with-warning (Bxxx)
};

// What a link should be able to carry: SOP class × syntaxes, in order of preference.
struct Need {
    std::string sop_class_uid;
    std::vector<std::string> transfer_syntax_uids;
};

class Link {
  public:
    virtual ~Link() = default; // closes politely within a second, else aborts
    // Whether an object of this class may go in this syntax on this link.
    [[nodiscard]] virtual bool takes(std::string_view sop_class_uid, std::string_view transfer_syntax_uid) const = 0;
    // Whether the class × syntax was asked for when the link was made (false: a new link is needed to know).
    [[nodiscard]] virtual bool asked(std::string_view sop_class_uid, std::string_view transfer_syntax_uid) const = 0;
    [[nodiscard]] virtual SendResult send(const Parcel& parcel) = 0;
    [[nodiscard]] virtual bool usable() const = 0; // false after a failure, or if the peer closed it
    virtual void abort() = 0;  // may be called from another thread: makes a blocked send() return soon
};

struct ConnectError {
    bool permanent = false; // RJ permanent (AE title unknown …): hold the destination, probe now and then
    std::string text;
};

// One line of `dcmflow echo`.
struct ProbeStep {
    std::string what;    // "resolve", "connect", "associate", "echo"
    bool ok = false;
    std::chrono::microseconds took{0};
    std::string detail;  // "10.0.0.5:104", "accepted: CT Image Storage: jpeg-ls, explicit-le", error text
};

class Destination {
  public:
    virtual ~Destination() = default;
    [[nodiscard]] virtual const std::string& name() const = 0;
    [[nodiscard]] virtual tl::expected<std::unique_ptr<Link>, ConnectError> connect(std::span<const Need> needs) = 0;
    [[nodiscard]] virtual std::vector<ProbeStep> probe(std::span<const Need> needs) = 0;
    // We are stopping: a connect() in progress, and any later one, returns soon with an error. Links that stand
    // are left alone.
    virtual void interrupt() {}
};

// registry.cpp: the one table of kinds.
[[nodiscard]] std::unique_ptr<Destination> make_destination(const DestinationConfig& config);

} // namespace dcmflow
