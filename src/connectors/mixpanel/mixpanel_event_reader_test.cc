#include "connectors/mixpanel/mixpanel_event_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

using testing::ElementsAre;

constexpr int64_t kDay = 19'000;  // 2022-01-08

class MixpanelEventReaderTest : public testing::Test {
 protected:
  void SetUp() override { clock_.Advance(absl::Hours(24 * 365)); }

  // The keys of the events that are read.
  std::vector<std::string> Read(int64_t first_day, int64_t last_day) {
    MixpanelEventReader reader(
        [this](const RawExportRequest& request,
               const std::function<absl::Status(std::string_view)>& on_line,
               std::stop_token) -> absl::Status {
          request_ = request;
          for (const std::string& line : lines_) {
            if (absl::Status status = on_line(line); !status.ok()) return status;
          }
          return absl::OkStatus();
        },
        clock_);
    std::vector<std::string> keys;
    const absl::Status status =
        reader.Read({.first_day = first_day, .last_day = last_day, .names = names_},
                    [&](const EventIdentity& event) {
                      keys.push_back(event.event.empty() ? "no event: " + event.key : event.key);
                      return absl::OkStatus();
                    },
                    {});
    EXPECT_TRUE(status.ok()) << status;
    return keys;
  }

  FakeClock clock_;
  absl::flat_hash_set<std::string> names_;
  std::vector<std::string> lines_;
  RawExportRequest request_;
};

TEST_F(MixpanelEventReaderTest, AsksForTheDaysAndNames) {
  names_ = {"Sell", "Buy"};
  lines_ = {
      R"({"event":"Buy","properties":{"time":1641600000000,"distinct_id":"u","$insert_id":"i"}})",
      R"({"odd":1})"};
  EXPECT_THAT(Read(kDay, kDay + 1),
              ElementsAre(R"(["Buy","u",1641600000000,"i"])", R"(no event: {"odd":1})"));
  EXPECT_EQ(request_.from, absl::CivilDay(2022, 1, 8));
  EXPECT_EQ(request_.to, absl::CivilDay(2022, 1, 9));
  EXPECT_THAT(request_.events, ElementsAre("$hotshard_events", "Buy", "Sell"));
  EXPECT_TRUE(request_.time_in_ms);
}

TEST_F(MixpanelEventReaderTest, ManyNamesAreOmittedFromTheUrl) {
  for (int i = 0; i < 500; ++i) names_.insert(StrCat("Event number ", i));
  Read(kDay, kDay);
  EXPECT_THAT(request_.events, testing::IsEmpty());
}

// The length of the request line of an export.
size_t RequestLineBytes(const RawExportRequest& request) {
  std::string url;
  FakeHttpClient http([&](const HttpRequest& sent) {
    url = sent.url;
    return HttpResponse{.status = 200};
  });
  const std::string host = "https://data-eu.mixpanel.com";
  Credentials credentials;
  credentials.service_account_user = "user";
  credentials.service_account_secret = "secret";
  const absl::Status status = ExportRaw(http, {.data = host}, credentials, "12345678", request,
                                        [](std::string_view) { return absl::OkStatus(); }, {});
  EXPECT_TRUE(status.ok()) << status;
  return StrCat("GET ", url.substr(host.size()), " HTTP/1.1\r\n").size();
}

// Short names take most of their bytes for punctuation, others for their escapes.
TEST_F(MixpanelEventReaderTest, TheRequestLineIsBelowEightThousandBytes) {
  for (const char* pattern : {"", "é", "\"", "/?&", "a long name of an event "}) {
    names_.clear();
    size_t longest = 0;
    for (int i = 0; i < 900; ++i) {
      names_.insert(StrCat(pattern, i));
      Read(kDay, kDay);
      if (request_.events.empty()) break;
      ASSERT_EQ(request_.events.size(), names_.size() + 1);
      longest = std::max(longest, RequestLineBytes(request_));
    }
    EXPECT_LT(longest, 8'000) << pattern;
    EXPECT_GT(longest, 6'500) << pattern;
  }
}

TEST_F(MixpanelEventReaderTest, FutureDaysAreNotRequested) {
  const int64_t today = absl::ToUnixSeconds(clock_.Now()) / 86'400;
  Read(today, today + 1);
  EXPECT_EQ(request_.to - absl::CivilDay(1970, 1, 1), today);
}

}  // namespace
}  // namespace millrace::mixpanel
