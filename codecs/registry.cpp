#include "codecs/registry.h"

#include "codecs/deflated_frame.h"
#include "codecs/htj2k.h"
#include "codecs/jpeg.h"
#include "codecs/jpeg2000.h"
#include "codecs/jpeg2000_lossy.h"
#include "codecs/jpeg_ls.h"
#include "codecs/rle.h"
#include "codecs/transfer_syntax.h"

#include <string>
#include <utility>

namespace dcmflow::codecs {

struct Registry::Entry {
    std::string uid;
    std::unique_ptr<Codec> codec;
};

Registry::Registry() {
    add(uid::jpeg_ls, std::make_unique<JpegLsCodec>());
    add(uid::jpeg_ls_near, std::make_unique<JpegLsNearCodec>());
    add(uid::jpeg_baseline, std::make_unique<JpegCodec>());
    add(uid::rle, std::make_unique<RleCodec>());
    add(uid::deflated_frame, std::make_unique<DeflatedFrameCodec>());
    add(uid::jpeg2000, std::make_unique<Jpeg2000Codec>());
    add(uid::jpeg2000_lossy, std::make_unique<Jpeg2000LossyCodec>(Jpeg2000LossyCodec::Kind::part1));
    add(uid::htj2k, std::make_unique<Htj2kCodec>(Htj2kCodec::Kind::plain));
    add(uid::htj2k_rpcl, std::make_unique<Htj2kCodec>(Htj2kCodec::Kind::rpcl));
    add(uid::htj2k_lossy,
        std::make_unique<Jpeg2000LossyCodec>(Jpeg2000LossyCodec::Kind::high_throughput));
}

Registry::Registry(Empty /*empty*/) {}
Registry::~Registry() = default;
Registry::Registry(Registry&&) noexcept = default;
Registry& Registry::operator=(Registry&&) noexcept = default;

void Registry::add(std::string_view transfer_syntax_uid, std::unique_ptr<Codec> codec) {
    for (Entry& entry : entries_)
        if (entry.uid == transfer_syntax_uid) {
            entry.codec = std::move(codec);
            return;
        }
    entries_.push_back({std::string(transfer_syntax_uid), std::move(codec)});
}

const Codec* Registry::find(std::string_view transfer_syntax_uid) const {
    for (const Entry& entry : entries_)
        if (entry.uid == transfer_syntax_uid)
            return entry.codec.get();
    return nullptr;
}

} // namespace dcmflow::codecs
