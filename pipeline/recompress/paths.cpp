#include "pipeline/recompress/paths.h"

#include "pipeline/recompress/mounts.h"

#include <fmt/format.h>
#include <system_error>

namespace dcmflow::recompress {

namespace fs = std::filesystem;

namespace {

Result<Route> plan_file(const fs::path& source, const fs::path& destination) {
    std::error_code error;
    const bool into_folder = fs::is_directory(destination, error) || !destination.has_filename();
    Route route{false, source, into_folder ? destination : destination.parent_path(),
                into_folder ? source.filename() : destination.filename()};
    if (route.destination.empty())
        route.destination = ".";
    if (fs::equivalent(source, route.destination / route.name, error) && !error)
        return fail(ErrorCode::invalid_argument,
                    fmt::format("{} is source and destination at once", source.string()));
    return route;
}

fs::path whole_path(const fs::path& path) {
    std::error_code error;
    return fs::weakly_canonical(fs::absolute(path, error), error);
}

// `..` after what does not exist yet: where that leads is known only once it was made.
bool goes_back_from_nowhere(const fs::path& path) {
    std::error_code error;
    fs::path so_far;
    bool missing = false;
    for (const auto& name : fs::absolute(path, error)) {
        if (missing && name == "..")
            return true;
        so_far /= name;
        missing = missing || !fs::exists(fs::status(so_far, error));
    }
    return false;
}

bool is_same(const fs::path& a, const fs::path& b) {
    std::error_code error;
    return (fs::equivalent(a, b, error) && !error) || whole_path(a) == whole_path(b);
}

} // namespace

Status check_report(const Route& route, const fs::path& report) {
    std::error_code error;
    const auto refuse = [&](std::string_view why) {
        return fail(ErrorCode::invalid_argument,
                    fmt::format("the report {} {}", report.string(), why));
    };
    if (fs::is_symlink(report, error) && !fs::exists(report, error))
        return refuse("is a link to what does not exist");
    if (goes_back_from_nowhere(report))
        return refuse("has a .. after a folder that does not exist");
    if (!route.is_tree) {
        if (is_same(report, route.source))
            return refuse("is the source");
        if (is_same(report, route.destination / route.name))
            return refuse("is the destination");
        return {};
    }
    if (lies_within(report, route.source))
        return refuse("lies inside the source");
    if (!lies_within(report, route.destination))
        return {};
    const auto place = whole_path(report).lexically_relative(whole_path(route.destination));
    if (fs::exists(fs::symlink_status(route.source / place, error)))
        return refuse("is where a result goes");
    return {};
}

bool lies_within(const fs::path& path, const fs::path& folder) {
    std::error_code error;
    // By identity: names may be links.
    const auto whole = whole_path(path);
    for (fs::path up = whole; !up.empty(); up = up.parent_path()) {
        if (fs::equivalent(up, folder, error) && !error)
            return true;
        if (up == up.parent_path())
            break;
    }
    // Through another mount of the same file system the way up ends at the mount.
    const auto a = place_of(whole);
    const auto b = place_of(whole_path(folder));
    if (!a || !b || a->device != b->device)
        return false;
    const auto relative = a->path.lexically_relative(b->path);
    return !relative.empty() && *relative.begin() != "..";
}

Result<Route> plan_route(const fs::path& source, const fs::path& destination) {
    std::error_code error;
    const auto status = fs::status(source, error);
    if (!fs::exists(status))
        return fail(ErrorCode::not_found, fmt::format("{}: {}", source.string(),
                                                      error ? error.message() : "no such file"));
    if (goes_back_from_nowhere(destination))
        return fail(ErrorCode::invalid_argument,
                    fmt::format("{}: .. after a folder that does not exist", destination.string()));
    if (!fs::is_directory(status))
        return plan_file(source, destination);
    if (fs::exists(fs::status(destination, error)) && !fs::is_directory(destination, error))
        return fail(
            ErrorCode::invalid_argument,
            fmt::format("{} is a folder, {} is none", source.string(), destination.string()));
    if (lies_within(destination, source))
        return fail(ErrorCode::invalid_argument,
                    fmt::format("the destination {} lies inside the source {}",
                                destination.string(), source.string()));
    if (lies_within(source, destination))
        return fail(ErrorCode::invalid_argument,
                    fmt::format("the source {} lies inside the destination {}", source.string(),
                                destination.string()));
    return Route{true, source, destination, {}};
}

} // namespace dcmflow::recompress
