#include "codecs/registry.h"

#include "codecs/jpeg2000.h"
#include "codecs/jpeg_ls.h"
#include "codecs/transfer_syntax.h"

namespace dcmflow::codecs {

struct Registry::Entry {
    std::string_view uid;
    std::unique_ptr<Codec> codec;
};

Registry::Registry() {
    entries_.push_back({uid::jpeg_ls, std::make_unique<JpegLsCodec>()});
    entries_.push_back({uid::jpeg2000, std::make_unique<Jpeg2000Codec>()});
}

Registry::~Registry() = default;

const Codec* Registry::find(std::string_view transfer_syntax_uid) const {
    for (const Entry& entry : entries_)
        if (entry.uid == transfer_syntax_uid)
            return entry.codec.get();
    return nullptr;
}

} // namespace dcmflow::codecs
