#include "proxy/routes.h"

#include <gtest/gtest.h>

namespace millrace::proxy {
namespace {

Routes MakeRoutes(const RouteOptions& options = {}) {
  absl::StatusOr<Routes> routes = Routes::Make(options);
  EXPECT_TRUE(routes.ok()) << routes.status();
  return *std::move(routes);
}

TEST(Routes, FindsEachWithAndWithoutSlash) {
  const Routes routes = MakeRoutes();
  struct Case {
    std::string path;
    Route route;
  };
  for (const auto& [path, route] : {Case{"/track", Route::kTrack},
                                    Case{"/engage", Route::kEngage},
                                    Case{"/groups", Route::kGroups},
                                    Case{"/import", Route::kImport},
                                    Case{"/record", Route::kRecord},
                                    Case{"/flags", Route::kFlags},
                                    Case{"/flags/definitions", Route::kFlagDefinitions},
                                    Case{"/flags/f1/first-time-events", Route::kFirstTimeEvents},
                                    Case{"/settings", Route::kSettings},
                                    Case{"/decide", Route::kDecide},
                                    Case{"/lib.min.js", Route::kLibrary},
                                    Case{"/lib.js", Route::kLibrary},
                                    Case{"/libs/mixpanel-recorder.min.js", Route::kLibrary},
                                    Case{"/ping", Route::kPing},
                                    Case{"/healthz", Route::kHealthz},
                                    Case{"/libs", Route::kNotFound},
                                    Case{"/flags/first-time-events", Route::kNotFound},
                                    Case{"/flags/x", Route::kNotFound},
                                    Case{"/drop", Route::kNotFound},
                                    Case{"/Track", Route::kNotFound},
                                    Case{"/tracks", Route::kNotFound},
                                    Case{"/track/x", Route::kNotFound}}) {
    EXPECT_EQ(routes.Find(path).route, route) << path;
    EXPECT_EQ(routes.Find(path + "/").route, route) << path;
    EXPECT_EQ(routes.Find("/" + path + "//").route, route) << path;
    EXPECT_EQ(routes.Find("/" + path + "//").path, path);
  }
  for (std::string_view root : {"", "/", "//"}) {
    EXPECT_EQ(routes.Find(root).route, Route::kRoot) << root;
  }
}

TEST(Routes, TakesPrefixesAndAliases) {
  const Routes routes = MakeRoutes({.prefixes = {"/_mp/api", "/_mp", "/static/libs/"},
                                    .aliases = {{"/t", "/track"}, {"/f", "/flags"}}});
  struct Case {
    std::string_view path, expected;
    Route route;
  };
  for (const auto& [path, expected, route] :
       {Case{"/_mp/api/track/", "/track", Route::kTrack}, Case{"/t/", "/track", Route::kTrack},
        Case{"/_mp/api/t", "/track", Route::kTrack},
        Case{"/_mp/libs/x.js", "/libs/x.js", Route::kLibrary},
        Case{"/static/libs/x.js", "/libs/x.js", Route::kLibrary},
        Case{"/f/definitions", "/flags/definitions", Route::kFlagDefinitions},
        Case{"/_mp/api", "", Route::kRoot}, Case{"/_mp/api//track", "/track", Route::kTrack},
        Case{"/_mp/apis/track", "/apis/track", Route::kNotFound},
        Case{"/track", "/track", Route::kTrack}}) {
    const RouteMatch match = routes.Find(path);
    EXPECT_EQ(match.route, route) << path;
    EXPECT_EQ(match.path, expected) << path;
  }
}

TEST(Routes, RefusesPathsThatMeanNothing) {
  const auto refused = [](const RouteOptions& options) {
    return absl::IsInvalidArgument(Routes::Make(options).status());
  };
  EXPECT_TRUE(refused({.prefixes = {"/"}}));
  EXPECT_TRUE(refused({.prefixes = {"mp"}}));
  EXPECT_TRUE(refused({.prefixes = {""}}));
  EXPECT_TRUE(refused({.prefixes = {"/a", "/a/"}}));
  EXPECT_TRUE(refused({.aliases = {{"/t", "/trakc"}}}));
  EXPECT_TRUE(refused({.aliases = {{"t", "/track"}}}));
}

}  // namespace
}  // namespace millrace::proxy
