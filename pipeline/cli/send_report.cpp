#include "pipeline/cli/send_report.h"

#include "codecs/transfer_syntax.h"
#include "pipeline/cli/cli.h"
#include "pipeline/cli/table.h"
#include "pipeline/deliver/sop_class_names.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace dcmflow::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json& object) {
    return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

// Hexadecimal, as standards and logs have it; empty if no peer answered.
std::string status_text(const ItemResult& result) {
    const auto outcome = result.sent.outcome;
    const bool answered = result.sent.dimse_status != 0 || outcome == Outcome::delivered;
    return answered ? fmt::format("{:04X}", result.sent.dimse_status) : "";
}

double seconds(std::chrono::microseconds time) {
    return std::chrono::duration<double>(time).count();
}

} // namespace

void SendReport::add(const Item& item, const ItemResult& result) {
    ++total_;
    auto& row = rows_[{std::string(to_string(result.sent.outcome)), status_text(result)}];
    if (row.count++ == 0)
        row.text = result.sent.text;
    if (result.sent.outcome != Outcome::delivered)
        return;
    ++delivered_;
    warnings_ += result.sent.warning ? 1U : 0U;
    bytes_ += item.bytes;
    times_.push_back(result.took);
    auto& kind = kinds_[{item.sop_class_uid, item.transfer_syntax_uid}];
    ++kind.objects;
    kind.bytes += item.bytes;
}

std::chrono::microseconds SendReport::percentile(std::size_t percent) const {
    if (times_.empty())
        return {};
    auto sorted = times_;
    const auto rank = std::min(sorted.size() - 1, sorted.size() * percent / 100);
    const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(sorted.begin(), nth, sorted.end());
    return *nth;
}

std::string SendReport::table(std::string_view target, int associations,
                              std::chrono::microseconds took) const {
    std::string text = fmt::format("{} of {} objects delivered to {} in {} over {} association{}\n",
                                   delivered_, total(), printable(target), human_duration(took),
                                   associations, associations == 1 ? "" : "s");
    if (!kinds_.empty()) {
        Table kinds(
            {{"SOP class"}, {"syntax"}, {"objects", Align::right}, {"bytes", Align::right}});
        for (const auto& [key, kind] : kinds_)
            kinds.row({deliver::sop_class_name(key.first),
                       std::string(codecs::display_name(key.second)), human_count(kind.objects),
                       human_size(kind.bytes)});
        text += "\n" + kinds.text(2);
        Table speed({{"bytes", Align::right},
                     {"rate", Align::right},
                     {"objects/s", Align::right},
                     {"response p50", Align::right},
                     {"p95", Align::right},
                     {"p99", Align::right}});
        speed.row({human_size(bytes_), human_rate(bytes_, took),
                   fmt::format("{:.1f}", static_cast<double>(delivered_) / seconds(took)),
                   human_duration(percentile(50)), human_duration(percentile(95)),
                   human_duration(percentile(99))});
        text += "\n" + speed.text(2);
    }
    Table outcomes({{"outcome"}, {"status"}, {"objects", Align::right}, {"for example"}});
    for (const auto& [key, row] : rows_)
        outcomes.row({key.first, key.second, human_count(row.count), printable(row.text)});
    if (unreadable_ > 0)
        outcomes.row({"not read", "", human_count(unreadable_), "see above"});
    if (!outcomes.empty())
        text += "\n" + outcomes.text(2);
    return text;
}

std::string SendReport::summary_json(std::string_view target, int associations,
                                     std::chrono::microseconds took) const {
    const auto micros = [](std::chrono::microseconds time) { return time.count(); };
    Json outcomes = Json::array();
    for (const auto& [key, row] : rows_)
        outcomes.push_back({{"outcome", key.first},
                            {"dimse_status", key.second},
                            {"objects", row.count},
                            {"text", row.text}});
    const double time = std::max(seconds(took), 1e-6);
    return line({{"type", "summary"},
                 {"target", target},
                 {"associations", associations},
                 {"objects", total()},
                 {"delivered", delivered_},
                 {"warnings", warnings_},
                 {"not_delivered", total_ - delivered_},
                 {"unreadable", unreadable_},
                 {"bytes", bytes_},
                 {"seconds", time},
                 {"bytes_per_second", static_cast<double>(bytes_) / time},
                 {"objects_per_second", static_cast<double>(delivered_) / time},
                 {"response_p50_us", micros(percentile(50))},
                 {"response_p95_us", micros(percentile(95))},
                 {"response_p99_us", micros(percentile(99))},
                 {"outcomes", std::move(outcomes)}});
}

std::string SendReport::item_json(const Item& item, const ItemResult& result) {
    const auto& sent = result.sent;
    return line({{"type", "object"},
                 {"path", item.path},
                 {"status", sent.outcome == Outcome::delivered ? "delivered" : "failed"},
                 {"outcome", to_string(sent.outcome)},
                 {"dimse_status", status_text(result)},
                 {"warning", sent.warning},
                 {"text", sent.text},
                 {"sop_instance_uid", item.sop_instance_uid},
                 {"sop_class_uid", item.sop_class_uid},
                 {"syntax", codecs::display_name(item.transfer_syntax_uid)},
                 {"bytes", item.bytes},
                 {"response_us", result.took.count()},
                 {"attempts", result.attempts}});
}

std::string SendReport::unreadable_json(std::string_view path, std::string_view error) {
    return line({{"type", "object"}, {"path", path}, {"status", "unreadable"}, {"text", error}});
}

} // namespace dcmflow::cli
