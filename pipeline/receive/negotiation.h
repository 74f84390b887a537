// Negotiation: which associations and presentation contexts are accepted. Pure; any thread.
//
// Accepted abstract syntaxes: Verification; everything below 1.2.840.10008.5.1.4.1.1 (storage:
// known, retired and yet to come) but the few services that live there too; the storage classes
// outside of it; every private UID. Other standard services (query, worklist, print, …) are refused
// with reason 3. Accepted transfer syntaxes: all. Of several in one context the first that the
// sender proposed is taken: it knows best how its object is encoded, and we keep what comes byte
// for byte.
#pragma once

#include "pipeline/receive/pdu.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::scp {

[[nodiscard]] bool accepts_abstract_syntax(std::string_view uid);

struct AcceptedContext {
    std::string abstract_syntax;
    std::string transfer_syntax;
};
struct Negotiated {
    std::map<std::uint8_t, AcceptedContext> contexts; // the accepted ones by ID
    std::vector<ContextAnswer> answers;               // to all, in the order proposed
};
[[nodiscard]] Negotiated negotiate(const AssociateRequest& request);

} // namespace dcmflow::scp
