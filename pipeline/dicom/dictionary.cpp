#include "pipeline/dicom/dictionary.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdicent.h>
#include <dcmtk/dcmdata/dcdict.h>

namespace dcmflow {
namespace {

using Vr = std::array<char, 2>;

Vr vr_of(const DcmDictEntry& entry) {
    switch (entry.getEVR()) {
    case EVR_ox:
    case EVR_px:
    case EVR_lt:
    case EVR_PixelData:
    case EVR_OverlayData:
        return {'O', 'W'};
    case EVR_xs:
        return {'U', 'S'};
    case EVR_up:
        return {'U', 'L'};
    default:
        break;
    }
    const char* name = DcmVR(entry.getEVR()).getVRName();
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (name == nullptr || !is_upper(name[0]) || !is_upper(name[1]) || name[2] != '\0')
        return {'U', 'N'};
    return {name[0], name[1]};
}

// Open addressing over the plain tags, and a short list of repeating ones (50xx, 60xx, …).
class Table {
  public:
    Table() : slots_(slot_count) {
        const DcmDataDictionary& dictionary = dcmDataDict.rdlock();
        // DCMTK's iterators are not const-correct: they only read.
        auto& readable = const_cast<DcmDataDictionary&>(dictionary); // NOLINT
        loaded_ = dictionary.isDictionaryLoaded();
        for (auto it = readable.normalBegin(); it != readable.normalEnd(); ++it)
            add(**it);
        for (auto it = readable.repeatingBegin(); it != readable.repeatingEnd(); ++it)
            add_range(**it);
        dcmDataDict.rdunlock();
        std::sort(keywords_.begin(), keywords_.end(), [](const Keyword& a, const Keyword& b) {
            return std::tie(a.name, a.retired, a.group, a.element) <
                   std::tie(b.name, b.retired, b.group, b.element);
        });
    }

    [[nodiscard]] std::span<const Keyword> keywords() const { return keywords_; }
    [[nodiscard]] bool loaded() const { return loaded_ && used_ > 0; }

    [[nodiscard]] std::string_view find(std::uint16_t group, std::uint16_t element) const {
        if (element == 0)
            return "UL";
        if ((group & 1) != 0)
            return element >= 0x10 && element <= 0xFF ? "LO" : "UN";
        if (const Slot* slot = find_slot(group, element))
            return {slot->vr.data(), 2};
        for (const Range& range : ranges_) {
            if (range.contains(group, element))
                return {range.vr.data(), 2};
        }
        return "UN";
    }

    [[nodiscard]] bool follows_sign(std::uint16_t group, std::uint16_t element) const {
        const Slot* slot = find_slot(group, element);
        return slot != nullptr && slot->follows_sign;
    }

  private:
    struct Slot {
        std::uint32_t tag = 0;
        Vr vr{};
        bool used = false;
        bool follows_sign = false;
    };
    struct Range {
        std::uint16_t group = 0, upper_group = 0, element = 0, upper_element = 0;
        bool even_groups = false, even_elements = false;
        Vr vr{};
        [[nodiscard]] bool contains(std::uint16_t g, std::uint16_t e) const {
            return g >= group && g <= upper_group && e >= element && e <= upper_element &&
                   !(even_groups && (g & 1) != 0) && !(even_elements && (e & 1) != 0);
        }
    };
    static constexpr std::size_t slot_count = 32768; // some five thousand tags: short probes

    static std::size_t hash(std::uint32_t tag) { return (tag * 0x9E3779B1U) >> (32 - 15); }

    [[nodiscard]] const Slot* find_slot(std::uint16_t group, std::uint16_t element) const {
        const std::uint32_t tag = (std::uint32_t{group} << 16) | element;
        for (std::size_t i = hash(tag); slots_[i].used; i = (i + 1) & (slot_count - 1)) {
            if (slots_[i].tag == tag)
                return &slots_[i];
        }
        return nullptr;
    }
    void add_keyword(const DcmDictEntry& entry) {
        if (entry.getTagName() == nullptr)
            return;
        constexpr std::string_view retired = "RETIRED_";
        const std::string_view name = entry.getTagName();
        const bool is_retired = name.substr(0, retired.size()) == retired;
        keywords_.push_back({std::string(is_retired ? name.substr(retired.size()) : name),
                             entry.getGroup(), entry.getElement(), is_retired});
    }

    void add(const DcmDictEntry& entry) {
        if (entry.getPrivateCreator() != nullptr || (entry.getGroup() & 1) != 0)
            return;
        if (used_ > slot_count / 2)
            return; // a dictionary that large is not DICOM's
        const std::uint32_t tag = (std::uint32_t{entry.getGroup()} << 16) | entry.getElement();
        std::size_t i = hash(tag);
        while (slots_[i].used && slots_[i].tag != tag)
            i = (i + 1) & (slot_count - 1);
        if (!slots_[i].used)
            ++used_;
        slots_[i] = {tag, vr_of(entry), true, entry.getEVR() == EVR_xs};
        add_keyword(entry);
    }
    void add_range(const DcmDictEntry& entry) {
        if (entry.getPrivateCreator() != nullptr)
            return;
        if (entry.getGroupRangeRestriction() == DcmDictRange_Odd)
            return; // private: see find()
        if (entry.getUpperElement() == 0)
            return; // group lengths: see find()
        ranges_.push_back({entry.getGroup(), entry.getUpperGroup(), entry.getElement(),
                           entry.getUpperElement(),
                           entry.getGroupRangeRestriction() == DcmDictRange_Even,
                           entry.getElementRangeRestriction() == DcmDictRange_Even, vr_of(entry)});
        add_keyword(entry);
    }

    std::vector<Slot> slots_;
    std::vector<Range> ranges_;
    std::vector<Keyword> keywords_;
    std::size_t used_ = 0;
    bool loaded_ = false;
};

const Table& table() {
    static const Table instance;
    return instance;
}

} // namespace

std::string_view dictionary_vr(std::uint16_t group, std::uint16_t element) {
    return table().find(group, element);
}
bool dictionary_vr_follows_sign(std::uint16_t group, std::uint16_t element) {
    return table().follows_sign(group, element);
}
std::span<const Keyword> dictionary_keywords() {
    return table().keywords();
}
bool dictionary_is_loaded() {
    return table().loaded();
}

} // namespace dcmflow
