#include "pipeline/receive/negotiation.h"

#include "pipeline/dimse/command_set.h"

#include <algorithm>
#include <array>

namespace dcmflow::scp {

namespace {

constexpr std::string_view dicom_root = "1.2.840.10008.";
constexpr std::string_view storage_root = "1.2.840.10008.5.1.4.1.1.";

// Queries and notifications whose UIDs stand among the storage classes (PS3.6 table A-1).
constexpr std::array<std::string_view, 8> not_storage{
    "1.2.840.10008.5.1.4.1.1.200.4", "1.2.840.10008.5.1.4.1.1.200.5",
    "1.2.840.10008.5.1.4.1.1.200.6", "1.2.840.10008.5.1.4.1.1.201.2",
    "1.2.840.10008.5.1.4.1.1.201.3", "1.2.840.10008.5.1.4.1.1.201.4",
    "1.2.840.10008.5.1.4.1.1.201.5", "1.2.840.10008.5.1.4.1.1.201.6",
};

// Storage classes that stand elsewhere, retired ones included.
constexpr std::array<std::string_view, 11> storage_elsewhere{
    "1.2.840.10008.5.1.1.27",    // Stored Print (retired)
    "1.2.840.10008.5.1.1.29",    // Hardcopy Grayscale Image (retired)
    "1.2.840.10008.5.1.1.30",    // Hardcopy Color Image (retired)
    "1.2.840.10008.5.1.4.34.1",  // RT Beams Delivery Instruction (draft)
    "1.2.840.10008.5.1.4.34.7",  // RT Beams Delivery Instruction
    "1.2.840.10008.5.1.4.34.10", // RT Brachy Application Setup Delivery Instruction
    "1.2.840.10008.5.1.4.38.1",  // Hanging Protocol
    "1.2.840.10008.5.1.4.39.1",  // Color Palette
    "1.2.840.10008.5.1.4.43.1",  // Generic Implant Template
    "1.2.840.10008.5.1.4.44.1",  // Implant Assembly Template
    "1.2.840.10008.5.1.4.45.1",  // Implant Template Group
};

} // namespace

bool accepts_abstract_syntax(std::string_view uid) {
    if (uid.empty())
        return false;
    if (uid == dimse::verification_sop_class || !uid.starts_with(dicom_root))
        return true;
    if (uid.starts_with(storage_root))
        return std::ranges::find(not_storage, uid) == not_storage.end();
    return std::ranges::find(storage_elsewhere, uid) != storage_elsewhere.end();
}

Negotiated negotiate(const AssociateRequest& request) {
    Negotiated result;
    for (const auto& proposed : request.contexts) {
        ContextAnswer answer{proposed.id, ContextResult::accepted, {}};
        if (!accepts_abstract_syntax(proposed.abstract_syntax)) {
            answer.result = ContextResult::abstract_syntax_not_supported;
        } else if (proposed.transfer_syntaxes.empty()) {
            answer.result = ContextResult::transfer_syntaxes_not_supported;
        } else {
            answer.transfer_syntax = proposed.transfer_syntaxes.front();
            result.contexts[proposed.id] = {std::string(proposed.abstract_syntax),
                                            answer.transfer_syntax};
        }
        result.answers.push_back(std::move(answer));
    }
    return result;
}

} // namespace dcmflow::scp
