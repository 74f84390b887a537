#include "pipeline/dicom/attributes.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/dicom/attributes_values.h"
#include "pipeline/dicom/dictionary.h"
#include "pipeline/dicom/part10.h"
#include "rules/nearest.h"

#include <algorithm>
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>
#include <fmt/format.h>

namespace dcmflow {
namespace {

constexpr std::uint64_t value_ceiling = 64U << 10;
constexpr std::size_t path_ceiling = 64; // steps: as deep as a data set may be

// Walks one path. Recursion is as deep as the path has steps.
class Finder {
  public:
    explicit Finder(const rules::TagPath& path) : steps_(path.steps) {}

    // Charset and sign hold for the data set and, unless it has its own, for what is nested in it.
    void look(const DataSet& data_set, std::size_t at, const Charset& outer, bool outer_signed) {
        const Charset charset = data_set.find(0x0008, 0x0005) != nullptr
                                    ? Charset(data_set.text(0x0008, 0x0005))
                                    : outer;
        const auto representation = data_set.us(0x0028, 0x0103);
        const bool is_signed = representation ? *representation == 1 : outer_signed;
        const rules::PathStep& step = steps_[at];
        const ElementRef* element = resolve(data_set, step);
        if (element == nullptr)
            return;
        if (at + 1 == steps_.size()) {
            take(data_set, *element, step, charset, is_signed);
            return;
        }
        const std::vector<ItemRef> items = data_set.items(*element);
        const Encoding encoding = data_set.items_encoding(*element);
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (step.item && *step.item != i)
                continue;
            const auto nested = DataSet::scan(data_set.value(items[i]), encoding);
            if (nested)
                look(*nested, at + 1, charset, is_signed);
        }
    }
    [[nodiscard]] std::optional<rules::AttributeValues> take_result() { return std::move(result_); }

  private:
    // A private tag names its creator; the block it reserved differs from object to object
    // (PS3.5 7.8.1).
    static const ElementRef* resolve(const DataSet& data_set, const rules::PathStep& step) {
        if (step.private_creator.empty())
            return data_set.find(step.group, step.element);
        for (const ElementRef& element : data_set.elements()) {
            if (element.group != step.group || element.element < 0x10 || element.element > 0xFF)
                continue;
            if (trimmed(as_text(data_set.value(element))) != step.private_creator)
                continue;
            const auto block =
                static_cast<std::uint16_t>((element.element << 8) | (step.element & 0xFF));
            if (const ElementRef* found = data_set.find(step.group, block))
                return found;
        }
        return nullptr;
    }

    void take(const DataSet& data_set, const ElementRef& element, const rules::PathStep& step,
              const Charset& charset, bool is_signed) {
        std::string_view vr = element.vr_text();
        bool big_endian = data_set.encoding().big_endian;
        if (vr == "UN" || !is_known(vr)) {
            big_endian = big_endian && vr != "UN"; // UN holds little endian (PS3.5 6.2.2)
            vr = dictionary_vr(element.group, element.element);
        }
        if (vr == "US" && is_signed && data_set.encoding().implicit_vr &&
            dictionary_vr_follows_sign(element.group, element.element)) {
            vr = "SS";
        }
        if (vr == "SQ" || (vr == "UN" && element.undefined_length)) {
            if (step.item && *step.item >= data_set.items(element).size())
                return;
            add("SQ", {});
            return;
        }
        std::vector<std::string> values;
        if (element.value_length <= value_ceiling) {
            values = decode_values(vr, data_set.value(element), big_endian, charset);
        }
        if (step.item) {
            if (*step.item >= values.size())
                return;
            values = {std::move(values[*step.item])};
        }
        add(vr, std::move(values));
    }

    static bool is_known(std::string_view vr) {
        constexpr std::string_view known =
            "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV "
            "TM UC UI UL UR US UT UV";
        return vr.find(' ') == std::string_view::npos && known.find(vr) != std::string_view::npos;
    }

    void add(std::string_view vr, std::vector<std::string> values) {
        if (!result_)
            result_.emplace();
        if (result_->vr.empty())
            result_->vr = vr;
        std::move(values.begin(), values.end(), std::back_inserter(result_->values));
    }

    const std::vector<rules::PathStep>& steps_;
    std::optional<rules::AttributeValues> result_;
};

// Text for logs, names and the journal: no control characters.
std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }, '?');
    return text;
}

// A UID of the data set. Empty is well only where it may be missing.
Result<std::string> uid_of(const DataSet& data_set, std::uint16_t group, std::uint16_t element,
                           std::string_view name, bool required) {
    std::string uid = data_set.text(group, element);
    if ((uid.empty() && !required) || is_valid_uid(uid))
        return uid;
    const std::string shown =
        uid.empty() ? "missing" : fmt::format("\"{}\"", printable(uid.substr(0, 80)));
    return fail(ErrorCode::malformed,
                fmt::format("{}: {} ({:04X},{:04X}) is {}; expected 1 to 64 of 0-9 and '.'",
                            to_string(ScanFault::bad_uid), name, group, element, shown));
}

} // namespace

ObjectAttributes::ObjectAttributes(const DataSet& data_set, const Origin& origin,
                                   std::string transfer_syntax_uid)
    : data_set_(data_set), origin_(origin), transfer_syntax_uid_(std::move(transfer_syntax_uid)) {}

std::optional<rules::AttributeValues> ObjectAttributes::find(const rules::TagPath& path) const {
    if (path.steps.empty() || path.steps.size() > path_ceiling)
        return std::nullopt;
    Finder finder(path);
    finder.look(data_set_, 0, Charset(), false);
    return finder.take_result();
}

std::string ObjectAttributes::context(rules::ContextKey key) const {
    switch (key) {
    case rules::ContextKey::calling_aet:
        return origin_.calling_aet;
    case rules::ContextKey::called_aet:
        return origin_.called_aet;
    case rules::ContextKey::peer_ip:
        return origin_.peer_ip;
    case rules::ContextKey::transfer_syntax:
        return transfer_syntax_uid_;
    }
    return {};
}

std::optional<rules::DictionaryEntry> DicomDictionary::by_keyword(std::string_view keyword) const {
    const auto keywords = dictionary_keywords();
    const auto it = std::lower_bound(
        keywords.begin(), keywords.end(), keyword,
        [](const Keyword& entry, std::string_view name) { return entry.name < name; });
    if (it == keywords.end() || it->name != keyword)
        return std::nullopt;
    return rules::DictionaryEntry{it->group, it->element,
                                  std::string(dictionary_vr(it->group, it->element))};
}

std::optional<rules::DictionaryEntry> DicomDictionary::by_tag(std::uint16_t group,
                                                              std::uint16_t element) const {
    const std::string_view vr = dictionary_vr(group, element);
    if (vr == "UN")
        return std::nullopt;
    return rules::DictionaryEntry{group, element, std::string(vr)};
}

std::optional<std::string> DicomDictionary::suggest(std::string_view keyword) const {
    rules::NearestWord nearest(keyword);
    for (const Keyword& entry : dictionary_keywords())
        nearest.offer(entry.name);
    return nearest.best();
}

std::optional<std::string> DicomDictionary::uid_by_name(std::string_view name) const {
    if (const codecs::TransferSyntax* syntax = codecs::find_by_name(name))
        return std::string(syntax->uid);
    if (const char* uid = dcmFindUIDFromName(std::string(name).c_str()))
        return std::string(uid);
    return std::nullopt;
}

Result<Instance> identify(const DataSet& data_set, std::string_view transfer_syntax_uid) {
    Instance instance;
    struct Field {
        std::uint16_t group, element;
        std::string_view name;
        bool required;
        std::string& into;
    };
    const Field fields[] = {
        {0x0008, 0x0018, "SOP Instance UID", true, instance.sop_instance_uid},
        {0x0008, 0x0016, "SOP Class UID", true, instance.sop_class_uid},
        {0x0020, 0x000D, "Study Instance UID", false, instance.study_instance_uid},
        {0x0020, 0x000E, "Series Instance UID", false, instance.series_instance_uid},
    };
    for (const Field& field : fields) {
        auto uid = uid_of(data_set, field.group, field.element, field.name, field.required);
        if (!uid)
            return tl::unexpected(uid.error());
        field.into = std::move(*uid);
    }
    instance.patient_id = printable(data_set.utf8(0x0010, 0x0020));
    instance.accession_number = printable(data_set.utf8(0x0008, 0x0050));
    instance.modality = printable(data_set.utf8(0x0008, 0x0060));
    instance.transfer_syntax_uid = transfer_syntax_uid;
    return instance;
}

} // namespace dcmflow
