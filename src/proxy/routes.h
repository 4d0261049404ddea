// From the path of a request to what it asks for.
#ifndef MILLRACE_PROXY_ROUTES_H_
#define MILLRACE_PROXY_ROUTES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::proxy {

enum class Route {
  kTrack,
  kEngage,
  kGroups,
  kImport,
  kRecord,           // session replay
  kFlags,            // /flags
  kFlagDefinitions,  // /flags/definitions
  kFirstTimeEvents,  // /flags/ID/first-time-events
  kSettings,
  kDecide,
  kLibrary,  // /lib.min.js, /lib.js, /libs/*
  kPing,
  kRoot,
  kHealthz,
  kNotFound,
};
inline constexpr size_t kRoutes = static_cast<size_t>(Route::kNotFound) + 1;

// In metrics: "/track", "/libs", or "other" for kNotFound.
std::string_view PathOf(Route route);

struct RouteOptions {
  // "/_mp/api" makes /_mp/api/track the same as /track. A prefix that ends in "/libs" holds the
  // library: "/_mp/libs" makes /_mp/libs/x.js the same as /libs/x.js.
  std::vector<std::string> prefixes;
  // Other names of a path: {"/t", "/track"}. What follows the name is kept.
  std::vector<std::pair<std::string, std::string>> aliases;
};

struct RouteMatch {
  Route route = Route::kNotFound;
  std::string path;  // as Mixpanel names it: without the prefix, an alias, and slashes at the end
};

// Immutable, thus thread-safe.
class Routes {
 public:
  // InvalidArgument: a prefix or alias does not begin with '/', is only "/", or is there twice; or
  // an alias leads to no route.
  static absl::StatusOr<Routes> Make(const RouteOptions& options);

  // `path` without query. Slashes at the end, and repeated ones at the beginning, do not matter.
  RouteMatch Find(std::string_view path) const;

 private:
  struct Rewrite {
    std::string from;  // without a slash at the end
    std::string to;
  };
  std::vector<Rewrite> rewrites_;  // the longest first
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_ROUTES_H_
