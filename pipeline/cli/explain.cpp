// dcmflow explain: for each file every rule, the values that decided, where it would go and in
// which syntax.
#include "codecs/transfer_syntax.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/files.h"
#include "pipeline/cli/table.h"
#include "pipeline/dicom/attributes.h"
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"
#include "pipeline/syntax_ladder.h"
#include "pipeline/worker/sandboxed_transcoder.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace dcmflow::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
    std::vector<std::string> paths;
    Origin origin;
};

struct Route {
    rules::PlannedDelivery planned;
    std::string syntax; // name
    std::string reason; // why not the first step of the ladder; empty if it is that
};

struct Explanation {
    std::string file;
    Instance instance;
    rules::Decision decision;
    std::vector<rules::RuleTrace> trace;
    std::vector<Route> routes;
};

class Explainer {
  public:
    Explainer(const Config& config, Origin origin)
        : config_(config), origin_(std::move(origin)), codecs_(CodecWorkersOptions{}) {}

    [[nodiscard]] Result<Explanation> explain(const std::filesystem::path& path) const {
        const auto file = MappedFile::open(path);
        if (!file)
            return tl::unexpected(file.error());
        const auto meta = read_file_meta(file->bytes());
        if (!meta)
            return tl::unexpected(meta.error());
        const auto bytes = file->bytes().subspan(static_cast<std::size_t>(meta->dataset_offset));
        const auto opened = OpenedDataSet::open(bytes, meta->transfer_syntax_uid);
        if (!opened)
            return fail(ErrorCode::malformed, opened.error().text);
        auto instance = identify(opened->data_set(), meta->transfer_syntax_uid);
        if (!instance)
            return tl::unexpected(instance.error());
        instance->transfer_syntax_uid = meta->transfer_syntax_uid;
        instance->bytes = bytes.size();
        return decide(path, opened->data_set(), std::move(*instance), merged(meta->origin));
    }

  private:
    // What the command line says of the transfer, else what a file of the spool knows.
    [[nodiscard]] Origin merged(const std::optional<Origin>& known) const {
        auto origin = origin_;
        if (known) {
            for (const auto member : {&Origin::calling_aet, &Origin::called_aet, &Origin::peer_ip})
                if ((origin.*member).empty())
                    origin.*member = (*known).*member;
        }
        return origin;
    }

    [[nodiscard]] Explanation decide(const std::filesystem::path& path, const DataSet& data_set,
                                     Instance instance, const Origin& origin) const {
        Explanation result;
        result.file = path.string();
        const ObjectAttributes attributes(data_set, origin, instance.transfer_syntax_uid);
        result.decision = config_.rules->explain(attributes, result.trace);
        SizeTrial trial(codecs_.transcoder(), data_set, instance.transfer_syntax_uid);
        for (const auto& planned : result.decision.deliveries) {
            const auto* destination = config_.destination(planned.destination);
            if (destination == nullptr)
                continue;
            const auto ladder =
                make_ladder(destination->syntax, destination->name, instance, &trial, nullptr);
            result.routes.push_back(
                {planned, std::string(codecs::display_name(ladder.steps.front())), ladder.reason});
        }
        result.instance = std::move(instance);
        return result;
    }

    const Config& config_;
    Origin origin_;
    SandboxedTranscoder codecs_; // decodes for `auto` only
};

Json to_json(const Explanation& one) {
    auto rules = Json::array();
    for (const auto& rule : one.trace) {
        auto evaluations = Json::array();
        for (const auto& step : rule.evaluations)
            evaluations.push_back(
                {{"comparison", step.comparison}, {"seen", step.seen}, {"holds", step.holds}});
        rules.push_back({{"rule", rule.rule},
                         {"reached", rule.reached},
                         {"matched", rule.matched},
                         {"evaluations", std::move(evaluations)}});
    }
    auto deliveries = Json::array();
    for (const auto& route : one.routes)
        deliveries.push_back({{"destination", route.planned.destination},
                              {"priority", rules::to_string(route.planned.priority)},
                              {"syntax", route.syntax},
                              {"reason", route.reason}});
    const auto disposition = one.decision.disposition;
    return {{"path", one.file},
            {"status", "ok"},
            {"sop_instance_uid", one.instance.sop_instance_uid},
            {"sop_class_uid", one.instance.sop_class_uid},
            {"study_instance_uid", one.instance.study_instance_uid},
            {"modality", one.instance.modality},
            {"syntax", codecs::display_name(one.instance.transfer_syntax_uid)},
            {"bytes", one.instance.bytes},
            {"disposition", disposition == rules::Disposition::deliver ? "deliver"
                            : disposition == rules::Disposition::hold  ? "hold"
                                                                       : "drop"},
            {"deliveries", std::move(deliveries)},
            {"rules", std::move(rules)}};
}

std::string rules_text(const Explanation& one) {
    Table table({{"rule"}, {"applies"}, {"comparison"}, {"holds"}, {"value"}});
    for (const auto& rule : one.trace) {
        auto name = printable(rule.rule);
        std::string applies = !rule.reached ? "not reached" : rule.matched ? "yes" : "no";
        if (rule.evaluations.empty())
            table.row({name, applies, rule.reached ? "always" : ""});
        for (const auto& step : rule.evaluations)
            table.row({std::exchange(name, ""), std::exchange(applies, ""),
                       printable(step.comparison), step.holds ? "yes" : "no",
                       printable(step.seen)});
    }
    return table.text(2);
}

std::string routes_text(const Explanation& one) {
    if (one.routes.empty()) {
        if (!one.decision.matched_rules.empty())
            return "  dropped: the rules that apply send it nowhere\n";
        return one.decision.disposition == rules::Disposition::hold
                   ? "  held: no rule applies\n"
                   : "  dropped: no rule applies\n";
    }
    Table table({{"goes to"}, {"priority"}, {"as"}, {""}});
    for (const auto& route : one.routes)
        table.row({route.planned.destination, std::string(rules::to_string(route.planned.priority)),
                   route.syntax,
                   route.reason.empty()
                       ? ""
                       : fmt::format("(first choice not possible: {})", route.reason)});
    return table.text(2);
}

std::string to_text(const Explanation& one) {
    return fmt::format("{}\n  {} {}, SOP class {}, {}, {}\n\n{}\n{}\n", printable(one.file),
                       one.instance.modality.empty() ? "object" : printable(one.instance.modality),
                       one.instance.sop_instance_uid, one.instance.sop_class_uid,
                       codecs::display_name(one.instance.transfer_syntax_uid),
                       human_size(one.instance.bytes), rules_text(one), routes_text(one));
}

int run_explain(const Shared& shared, const Options& options) {
    const auto config = shared.load_config_or_exit78();
    if (!config)
        return config.error();
    const Explainer explainer(*config, options.origin);
    std::size_t good = 0;
    std::size_t bad = 0;
    const auto on_error = [&](const std::filesystem::path& path, const Error& error) {
        ++bad;
        complain(printable(fmt::format("{}: {}", path.string(), error.text)));
        if (shared.json) {
            const Json object{{"path", path.string()}, {"status", "failed"}, {"error", error.text}};
            print_line(object.dump(-1, ' ', false, Json::error_handler_t::replace));
        }
        return true;
    };
    const auto on_file = [&](const std::filesystem::path& path) {
        const auto explanation = explainer.explain(path);
        if (!explanation)
            return on_error(path, explanation.error());
        ++good;
        if (shared.json)
            print_line(to_json(*explanation).dump(-1, ' ', false, Json::error_handler_t::replace));
        else
            print(to_text(*explanation));
        return std::ferror(stdout) == 0; // a pager that was closed
    };
    for (const auto& path : options.paths)
        if (!walk_files(path, on_file, on_error))
            break;
    if (good + bad == 0)
        complain("no files there");
    if (bad > 0)
        talk(fmt::format("{} of {} files could not be read as DICOM", bad, good + bad));
    return good == 0 ? exit_failed : bad > 0 ? exit_partly : exit_ok;
}

} // namespace

Run setup_explain(CLI::App& app, Shared& shared) {
    const auto options = std::make_shared<Options>();
    app.add_option("FILE", options->paths, "DICOM files, and folders with them")->required();
    app.add_option("--calling-aet", options->origin.calling_aet, "As if sent by this AE title")
        ->type_name("AET");
    app.add_option("--called-aet", options->origin.called_aet, "As if sent to this AE title")
        ->type_name("AET");
    app.add_option("--peer-ip", options->origin.peer_ip, "As if sent from this address")
        ->type_name("ADDRESS");
    example(app, "dcmflow explain -c dcmflow.yaml image.dcm\n"
                 "dcmflow explain --calling-aet CT01 /data/study -j");
    return [&shared, options] { return run_explain(shared, *options); };
}

} // namespace dcmflow::cli
