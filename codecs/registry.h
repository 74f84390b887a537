// Registry: which codec serves which transfer syntax. Built once in main's thread, then const; any
// thread may look up. Several registries may live side by side (tests).
#pragma once

#include "codecs/codec.h"

#include <memory>
#include <string_view>
#include <vector>

namespace dcmflow::codecs {

class Registry {
  public:
    struct Empty {};
    Registry(); // all codecs of this library
    explicit Registry(Empty);
    ~Registry();
    Registry(Registry&&) noexcept;
    Registry& operator=(Registry&&) noexcept;

    // Before the registry is shared. Replaces what served that syntax.
    void add(std::string_view transfer_syntax_uid, std::unique_ptr<Codec> codec);

    // The codec for an encapsulated syntax that we can read or write; nullptr if there is none.
    [[nodiscard]] const Codec* find(std::string_view transfer_syntax_uid) const;

  private:
    struct Entry;
    std::vector<Entry> entries_;
};

} // namespace dcmflow::codecs
