#include "tests/spool/support.h"

#include "pipeline/dicom/digest.h"
#include "pipeline/dicom/part10.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace dcmflow::spool_test {

namespace fs = std::filesystem;

TempFolder::TempFolder() {
    // In memory where there is such a place: these tests sync thousands of times, and what a sync
    // does to a real disk is not what they look at.
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name =
        (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "dcmflow-spool-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
        throw std::runtime_error("no temporary folder");
    path_ = name;
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

rules::Decision deliver_to(const std::vector<std::string>& destinations, rules::Priority priority) {
    rules::Decision decision;
    decision.disposition = rules::Disposition::deliver;
    for (const auto& name : destinations)
        decision.deliveries.push_back({name, priority});
    decision.matched_rules = {"everything"};
    return decision;
}

AcceptRequest request_for(const std::string& sop_uid, const rules::Decision& decision,
                          int content) {
    AcceptRequest request;
    auto& instance = request.instance;
    instance.sop_instance_uid = sop_uid;
    instance.sop_class_uid = ct_class;
    instance.study_instance_uid = "1.2.3";
    instance.series_instance_uid = "1.2.3.4";
    instance.patient_id = "PAT1";
    instance.accession_number = "ACC1";
    instance.modality = "CT";
    instance.transfer_syntax_uid = explicit_le;
    instance.bytes = 1000;
    for (std::size_t i = 0; i < 16; ++i)
        instance.digest.bytes[i] = static_cast<std::uint8_t>(content >> (i % 4 * 8));
    instance.blob = "bucket/" + sop_uid + "-" + std::to_string(content) + ".dcm";
    request.origin = {"CT1", "DCMFLOW", "10.0.0.7", 1'700'000'000'000};
    request.decision = decision;
    return request;
}

std::vector<std::byte> some_bytes(std::size_t size, unsigned seed) {
    std::vector<std::byte> bytes(size);
    std::uint32_t state = seed * 2654435761U + 12345U;
    for (auto& byte : bytes) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

BlobRequest blob_request(const std::string& sop_uid, const rules::Decision& decision,
                         const std::vector<std::byte>& data_set) {
    BlobRequest made{.request = request_for(sop_uid, decision), .file = {}};
    auto& instance = made.request.instance;
    const auto header = make_spool_header(ct_class, sop_uid, explicit_le, made.request.origin);
    instance.bytes = data_set.size();
    instance.digest = digest_of(data_set);
    const auto hex = instance.digest.hex();
    made.file = header.bytes;
    std::ranges::copy(std::as_bytes(std::span(hex)),
                      made.file.begin() + static_cast<std::ptrdiff_t>(header.digest_offset));
    made.file.insert(made.file.end(), data_set.begin(), data_set.end());
    return made;
}

AcceptRequest store_blob(Spool& spool, const std::string& sop_uid, const rules::Decision& decision,
                         const std::vector<std::byte>& data_set) {
    auto made = blob_request(sop_uid, decision, data_set);
    auto writer = spool.blobs().create();
    EXPECT_TRUE(writer) << writer.error().text;
    EXPECT_TRUE((*writer)->write(made.file));
    auto name = (*writer)->commit();
    EXPECT_TRUE(name) << name.error().text;
    made.request.instance.blob = name.value_or("");
    return made.request;
}

Adopt adopt_to(const rules::Decision& decision) {
    return [decision](const std::string& blob,
                      std::span<const std::byte> file) -> Result<AcceptRequest> {
        const auto meta = read_file_meta(file);
        if (!meta)
            return tl::unexpected(meta.error());
        const auto data_set = file.subspan(meta->dataset_offset);
        if (!meta->digest || digest_of(data_set) != *meta->digest)
            return fail(ErrorCode::malformed, "the digest does not fit the data set");
        auto request = request_for(meta->sop_instance_uid, decision);
        request.instance.bytes = data_set.size();
        request.instance.digest = *meta->digest;
        request.instance.blob = blob;
        return request;
    };
}

void flip_byte(const fs::path& file, std::uint64_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const char old = static_cast<char>(stream.get());
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(old ^ 1));
    ASSERT_TRUE(stream.good());
}

std::size_t files_in(const fs::path& folder) {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        count += entry.is_regular_file() ? 1 : 0;
    return count;
}

} // namespace dcmflow::spool_test
