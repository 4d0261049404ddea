#include "proxy/request_stats.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/testing/fakes.h"

namespace millrace::proxy {
namespace {

uint64_t CountOf(const RequestStats& stats, Route route, int status) {
  const auto& all = RequestStats::kStatuses;
  const auto found = std::find(all.begin(), all.end(), status);
  return found == all.end() ? 0 : stats.Get(route, found - all.begin());
}

TEST(RequestStats, CountsByRouteAndStatus) {
  RequestStats stats;
  stats.Count(Route::kTrack, 200);
  stats.Count(Route::kTrack, 200);
  stats.Observe(Route::kImport, 413, absl::Milliseconds(3));
  stats.Count(Route::kNotFound, 404);
  EXPECT_EQ(CountOf(stats, Route::kTrack, 200), 2);
  EXPECT_EQ(CountOf(stats, Route::kImport, 413), 1);
  EXPECT_EQ(CountOf(stats, Route::kNotFound, 404), 1);
  EXPECT_EQ(CountOf(stats, Route::kImport, 200), 0);
  EXPECT_EQ(stats.durations().Take().count, 1);
  EXPECT_DOUBLE_EQ(stats.durations().Take().sum, 0.003);
}

TEST(RequestStats, OtherStatusesAreCountedUnderTheLastOfTheirHundred) {
  RequestStats stats;
  for (const auto& [status, counted] :
       {std::pair{100, 299}, {207, 299}, {308, 399}, {418, 499}, {507, 599}, {999, 599}}) {
    const uint64_t before = CountOf(stats, Route::kDecide, counted);
    stats.Count(Route::kDecide, status);
    EXPECT_EQ(CountOf(stats, Route::kDecide, counted), before + 1) << status;
  }
}

TEST(RequestStats, CountsWhatIsSentLater) {
  const auto stats = std::make_shared<RequestStats>();
  std::vector<ServerResponse> sent;
  for (const bool answers : {true, false}) {
    ServerResponse reply{.status = 504};
    reply.later = [answers](const std::shared_ptr<PendingResponse>& pending) {
      if (answers) pending->Send({.status = 403});
    };
    RequestStats::CountLater(stats, Route::kFlags, &reply);
    reply.later(std::make_shared<FakePendingResponse>(ServerResponse{.status = 504}, &sent));
  }
  EXPECT_EQ(CountOf(*stats, Route::kFlags, 403), 1);
  EXPECT_EQ(CountOf(*stats, Route::kFlags, 504), 1);
}

TEST(PathOf, NamesEveryRoute) {
  EXPECT_EQ(PathOf(Route::kTrack), "/track");
  EXPECT_EQ(PathOf(Route::kLibrary), "/libs");
  EXPECT_EQ(PathOf(Route::kRoot), "/");
  EXPECT_EQ(PathOf(Route::kNotFound), "other");
  for (size_t route = 0; route < kRoutes - 1; ++route) {
    EXPECT_NE(PathOf(static_cast<Route>(route)), "other") << route;
  }
}

}  // namespace
}  // namespace millrace::proxy
