// What a peer may send on an association, as acceptor and as requestor read it; the first byte says
// what it is. Answers that we make of it can be read.
#include "pipeline/deliver/dimse_command.h"
#include "pipeline/deliver/upper_layer.h"
#include "pipeline/receive/command.h"
#include "pipeline/receive/negotiation.h"
#include "pipeline/receive/pdu.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>

namespace dcmflow::fuzz {

namespace {

deliver::PresentationContexts proposal() {
    const std::array needs{
        Need{"1.2.840.10008.5.1.4.1.1.2", {"1.2.840.10008.1.2", "1.2.840.10008.1.2.4.80"}},
        Need{"1.2.840.10008.1.1", {"1.2.840.10008.1.2"}}};
    return deliver::PresentationContexts::propose(needs);
}

void associate_rq(Input input) {
    const auto request = scp::parse_associate_rq(input);
    if (!request)
        return;
    const auto negotiated = scp::negotiate(*request);
    require(negotiated.answers.size() == request->contexts.size(), "each context has an answer");
    const auto accepted = scp::make_associate_ac(*request, negotiated.answers);
    require(accepted.size() >= dimse::pdu_header_bytes, "an answer is a PDU");
    auto contexts = proposal();
    require(deliver::parse_associate_ac(Input(accepted).subspan(dimse::pdu_header_bytes), contexts)
                .has_value(),
            "our A-ASSOCIATE-AC can be read");
}

void associate_ac(Input input) {
    auto contexts = proposal();
    (void)deliver::parse_associate_ac(input, contexts);
}

void command(Input input) {
    const auto command = scp::parse_command(input);
    if (!command)
        return;
    const auto response = scp::make_response(*command, 0xC001, text_of(input.first(0)));
    const auto read = deliver::parse_response(response);
    require(read && read->status == 0xC001 && read->message_id == command->message_id,
            "our response can be read");
    (void)scp::make_command_pdus(1, response, take16(input));
}

void response(Input input) {
    const auto response = deliver::parse_response(input);
    require(!response || response->error_comment.size() <= 64, "a comment is bounded");
}

void data_pdu(Input input) {
    const auto pdvs = deliver::parse_data_pdu(input);
    if (!pdvs)
        return;
    std::size_t bytes = 0;
    for (const auto& pdv : *pdvs)
        bytes += dimse::pdv_header_bytes + pdv.fragment.size();
    require(bytes == input.size(), "fragments and headers are the whole PDU");
}

void short_pdus(Input input) {
    (void)deliver::parse_associate_rj(input);
    (void)deliver::describe_abort(input);
    (void)scp::printable(input);
}

} // namespace

void dimse(Input input) {
    static constexpr std::array<Target, 6> parsers{associate_rq, associate_ac, command,
                                                   response,     data_pdu,     short_pdus};
    const auto parse = parsers[take8(input) % parsers.size()];
    parse(input);
}

} // namespace dcmflow::fuzz
