#include "pipeline/dicom/digest.h"

#include <algorithm>
#include <new>
#include <xxhash.h>

namespace dcmflow {
namespace {

Digest canonical(XXH128_hash_t hash) {
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    Digest digest;
    std::copy(std::begin(bytes.digest), std::end(bytes.digest), digest.bytes.begin());
    return digest;
}

} // namespace

struct Digester::State {
    State() : handle(XXH3_createState()) {
        if (handle == nullptr)
            throw std::bad_alloc();
        XXH3_128bits_reset(handle);
    }
    ~State() { XXH3_freeState(handle); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    XXH3_state_t* handle;
};

Digester::Digester() : state_(std::make_unique<State>()) {}
Digester::~Digester() = default;
Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;

void Digester::update(std::span<const std::byte> bytes) {
    if (!bytes.empty())
        XXH3_128bits_update(state_->handle, bytes.data(), bytes.size());
}

Digest Digester::finish() {
    const Digest digest = canonical(XXH3_128bits_digest(state_->handle));
    XXH3_128bits_reset(state_->handle);
    return digest;
}

Digest digest_of(std::span<const std::byte> bytes) {
    return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

} // namespace dcmflow
