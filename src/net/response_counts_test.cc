#include "net/response_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string PageOf(const ResponseCounts& counts) {
  MetricsText page;
  counts.AddTo(page);
  return page.Take();
}

TEST(ResponseCounts, CountsByHostAndStatus) {
  ResponseCounts counts;
  EXPECT_EQ(PageOf(counts), "");
  counts.Add("api.mixpanel.com", 200, absl::UnixEpoch());
  counts.Add("api.mixpanel.com", 200, absl::UnixEpoch());
  counts.Add("data.mixpanel.com", 404, absl::UnixEpoch());
  const std::string page = PageOf(counts);
  EXPECT_THAT(page, HasSubstr("{host=\"api.mixpanel.com\",status=\"200\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("{host=\"data.mixpanel.com\",status=\"404\"} 1\n"));
  // A rate needs the zero before the first error.
  EXPECT_THAT(page, HasSubstr("{host=\"api.mixpanel.com\",status=\"500\"} 0\n"));
}

TEST(ResponseCounts, AsksForFiveLinesAtOnceAndThenOneASecond) {
  ResponseCounts counts;
  const absl::Time start = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(counts.Add("a", 499, start), 0u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(counts.Add("a", 500, start), 1u);
  EXPECT_EQ(counts.Add("a", 500, start), 0u);
  EXPECT_EQ(counts.Add("a", 500, start + absl::Milliseconds(999)), 0u);
  EXPECT_EQ(counts.Add("a", 503, start), 1u);
  EXPECT_EQ(counts.Add("b", 500, start), 1u);
  EXPECT_EQ(counts.Add("a", 500, start + absl::Seconds(1)), 3u);
  EXPECT_EQ(counts.Add("a", 500, start + absl::Seconds(1)), 0u);
  // After a pause, five again.
  EXPECT_EQ(counts.Add("a", 500, start + absl::Seconds(60)), 2u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(counts.Add("a", 500, start + absl::Seconds(60)), 1u);
  EXPECT_EQ(counts.Add("a", 500, start + absl::Seconds(60)), 0u);
}

TEST(ResponseCounts, ManyHostsAreOne) {
  ResponseCounts counts;
  for (size_t i = 0; i < ResponseCounts::kMaxHosts + 5; ++i) {
    counts.Add(StrCat("host", i), 201, absl::UnixEpoch());
  }
  const std::string page = PageOf(counts);
  EXPECT_THAT(page, HasSubstr("{host=\"host99\",status=\"201\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("host100")));
  EXPECT_THAT(page, HasSubstr("{host=\"other\",status=\"201\"} 5\n"));
}

}  // namespace
}  // namespace millrace
