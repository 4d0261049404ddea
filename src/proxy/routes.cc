#include "proxy/routes.h"

#include <algorithm>

#include "base/strings.h"

namespace millrace::proxy {
namespace {

struct NamedRoute {
  std::string_view path;
  Route route;
};

constexpr NamedRoute kPaths[] = {
    {"/track", Route::kTrack},
    {"/engage", Route::kEngage},
    {"/groups", Route::kGroups},
    {"/import", Route::kImport},
    {"/record", Route::kRecord},
    {"/flags", Route::kFlags},
    {"/flags/definitions", Route::kFlagDefinitions},
    {"/settings", Route::kSettings},
    {"/decide", Route::kDecide},
    {"/lib.min.js", Route::kLibrary},
    {"/lib.js", Route::kLibrary},
    {"/ping", Route::kPing},
    {"/healthz", Route::kHealthz},
    {"", Route::kRoot},
};

std::string_view WithoutSlashesAtEnd(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

std::string_view WithOneSlashAtBegin(std::string_view path) {
  while (path.starts_with("//")) path.remove_prefix(1);
  return path;
}

Route RouteOf(std::string_view path) {
  for (const NamedRoute& named : kPaths) {
    if (named.path == path) return named.route;
  }
  if (path.starts_with("/libs/")) return Route::kLibrary;
  constexpr std::string_view kFlags = "/flags/", kFirstTime = "/first-time-events";
  const bool has_id = path.size() > kFlags.size() + kFirstTime.size();
  if (has_id && path.starts_with(kFlags) && path.ends_with(kFirstTime)) {
    return Route::kFirstTimeEvents;
  }
  return Route::kNotFound;
}

}  // namespace

std::string_view PathOf(Route route) {
  switch (route) {
    case Route::kFirstTimeEvents:
      return "/flags/ID/first-time-events";
    case Route::kLibrary:
      return "/libs";
    case Route::kRoot:
      return "/";
    case Route::kNotFound:
      return "other";
    default:
      break;
  }
  for (const NamedRoute& named : kPaths) {
    if (named.route == route) return named.path;
  }
  return "other";
}

absl::StatusOr<Routes> Routes::Make(const RouteOptions& options) {
  Routes routes;
  const auto add = [&](std::string_view from, std::string_view to) {
    routes.rewrites_.push_back(
        {std::string(WithoutSlashesAtEnd(from)), std::string(WithoutSlashesAtEnd(to))});
    const std::string& name = routes.rewrites_.back().from;
    if (!name.starts_with('/') || name.starts_with("//")) {
      return absl::InvalidArgumentError(
          StrCat("the path \"", from, "\" must begin with one '/' and have a name after it"));
    }
    return absl::OkStatus();
  };
  for (const std::string& prefix : options.prefixes) {
    const bool is_library = WithoutSlashesAtEnd(prefix).ends_with("/libs");
    if (auto status = add(prefix, is_library ? "/libs" : ""); !status.ok()) return status;
  }
  for (const auto& [name, path] : options.aliases) {
    if (auto status = add(name, path); !status.ok()) return status;
    const std::string_view to = routes.rewrites_.back().to;
    if (RouteOf(to) == Route::kNotFound && to != "/libs") {
      return absl::InvalidArgumentError(
          StrCat("\"", path, "\" is no path of the proxy, such as /track"));
    }
  }
  std::sort(
      routes.rewrites_.begin(), routes.rewrites_.end(), [](const Rewrite& a, const Rewrite& b) {
        return a.from.size() != b.from.size() ? a.from.size() > b.from.size() : a.from < b.from;
      });
  for (size_t i = 1; i < routes.rewrites_.size(); ++i) {
    if (routes.rewrites_[i].from == routes.rewrites_[i - 1].from) {
      return absl::InvalidArgumentError(
          StrCat("--prefix and --alias name the path \"", routes.rewrites_[i].from, "\" twice"));
    }
  }
  return routes;
}

RouteMatch Routes::Find(std::string_view path) const {
  RouteMatch match;
  match.path = WithoutSlashesAtEnd(WithOneSlashAtBegin(path));
  match.route = RouteOf(match.path);
  constexpr int kMaxRewrites = 2;  // a prefix, and then an alias
  for (int i = 0; i < kMaxRewrites && match.route == Route::kNotFound; ++i) {
    const auto found =
        std::find_if(rewrites_.begin(), rewrites_.end(), [&](const Rewrite& rewrite) {
          const size_t size = rewrite.from.size();
          return match.path.starts_with(rewrite.from) &&
                 (match.path.size() == size || match.path[size] == '/');
        });
    if (found == rewrites_.end()) break;
    const std::string_view rest = std::string_view(match.path).substr(found->from.size());
    match.path = StrCat(found->to, WithOneSlashAtBegin(rest));
    match.route = RouteOf(match.path);
  }
  return match;
}

}  // namespace millrace::proxy
