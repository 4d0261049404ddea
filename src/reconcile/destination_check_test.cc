#include "reconcile/destination_check.h"

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "base/strings.h"
#include "io/temp_folder.h"
#include "net/testing/fake_http_client.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kDay = 19'000;  // 2022-01-08

std::string Event(std::string_view name, int64_t day, int id) {
  return StrCat(R"({"event":")", name, R"(","properties":{"time":)", day * 86'400'000 + id,
                R"(,"distinct_id":"u","$insert_id":"id-)", id, R"("}})");
}

// The raw export of a project in memory: events by day.
class FakeExport {
 public:
  absl::Status operator()(const mixpanel::RawExportRequest& request,
                          const std::function<absl::Status(std::string_view)>& on_line) {
    requests.push_back(request);
    EXPECT_TRUE(request.time_in_ms);
    const int64_t first = request.from - absl::CivilDay(1970, 1, 1);
    const int64_t last = request.to - absl::CivilDay(1970, 1, 1);
    int lines = 0;
    for (const auto& [day, line] : events) {
      if (day < first || day > last) continue;
      if (failures > 0 && lines++ == 1) break;
      if (absl::Status status = on_line(line); !status.ok()) return status;
    }
    if (failures > 0 && failures-- > 0) return absl::UnavailableError("terminated early");
    return absl::OkStatus();
  }

  void Add(std::string_view name, int64_t day, int id) {
    events.emplace(day, Event(name, day, id));
  }

  std::multimap<int64_t, std::string> events;
  std::vector<mixpanel::RawExportRequest> requests;
  int failures = 0;
};

class DestinationCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempFolder::Make(testing::TempDir(), "destination_check_test");
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
    ours_ = std::make_unique<FingerprintSpill>(*folder_->MakeFolder("ours"), 1000);
    missing_ = std::make_unique<FingerprintSpill>(*folder_->MakeFolder("missing"), 1000);
    folders_ = {*folder_->MakeFolder("part_ours"), *folder_->MakeFolder("part_theirs")};
    clock_.Advance(absl::Hours(24 * 365));
  }

  void Expect(std::string_view name, int64_t day, int id, uint64_t row, bool optional = false) {
    mixpanel::IdentityReader reader;
    mixpanel::EventIdentity identity;
    ASSERT_TRUE(reader.Read(Event(name, day, id), identity).ok());
    names_.insert(identity.event);
    ASSERT_EQ(identity.day(), day);
    ASSERT_TRUE(
        ours_->Add(day, {.id = identity.fingerprint(), .row = row, .optional = optional ? 1u : 0u})
            .ok());
  }

  std::unique_ptr<DestinationCheck> MakeCheck(size_t max_rows = 1000) {
    return std::make_unique<DestinationCheck>(
        DestinationCheck::Options{.max_rows = max_rows, .max_listed = 2}, folders_, *ours_, names_,
        std::ref(export_), clock_);
  }

  MatchCounts Check(DestinationCheck& check, DaySpan span) {
    const absl::StatusOr<MatchCounts> counts = check.Check(span, *missing_, {});
    EXPECT_TRUE(counts.ok()) << counts.status();
    return counts.ok() ? *counts : MatchCounts();
  }

  std::set<uint64_t> MissingRows() {
    std::set<uint64_t> rows;
    EXPECT_TRUE(missing_->ForEach(0, [&](const Fingerprint& f) { rows.insert(f.row); }).ok());
    return rows;
  }

  FakeClock clock_;
  FakeExport export_;
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<FingerprintSpill> ours_, missing_;
  DestinationCheck::Folders folders_;
  absl::flat_hash_set<std::string> names_;
};

TEST_F(DestinationCheckTest, FindsMissingUnexpectedAndDuplicateEvents) {
  for (int id = 0; id < 5; ++id) Expect("Buy", kDay + id % 2, id, static_cast<uint64_t>(id));
  for (const int id : {0, 1, 1, 4}) export_.Add("Buy", kDay + id % 2, id);
  export_.Add("Buy", kDay, 77);
  const auto check = MakeCheck();
  const MatchCounts counts = Check(*check, {kDay, kDay + 1, 5});
  EXPECT_EQ(counts.expected, 5u);
  EXPECT_EQ(counts.found, 3u);
  EXPECT_EQ(counts.duplicates, 1u);
  EXPECT_EQ(counts.unexpected, 1u);
  EXPECT_THAT(MissingRows(), ElementsAre(2, 3));
  ASSERT_EQ(check->unexpected().size(), 1u);
  EXPECT_THAT(check->unexpected()[0], testing::HasSubstr("id-77"));
  ASSERT_EQ(export_.requests.size(), 1u);
  EXPECT_EQ(export_.requests[0].from, absl::CivilDay(2022, 1, 8));
  EXPECT_EQ(export_.requests[0].to, absl::CivilDay(2022, 1, 9));
  EXPECT_THAT(export_.requests[0].events, ElementsAre("$hotshard_events", "Buy"));
}

TEST_F(DestinationCheckTest, OtherNamesAndOtherDaysAreIgnored) {
  Expect("Buy", kDay, 1, 0);
  Expect("Buy", kDay + 3, 2, 1);
  export_.Add("Buy", kDay, 1);
  export_.Add("Buy", kDay + 1, 5);
  export_.Add("Sell", kDay, 6);
  export_.Add("Buy", kDay + 3, 2);
  const MatchCounts counts = Check(*MakeCheck(), {kDay, kDay + 3, 2});
  EXPECT_EQ(counts.found, 2u);
  EXPECT_EQ(counts.unexpected, 0u);
}

TEST_F(DestinationCheckTest, EventsOfRejectedRowsAreOptional) {
  Expect("Buy", kDay, 1, 0, /*optional=*/true);
  Expect("Buy", kDay, 2, 0, /*optional=*/true);
  export_.Add("Buy", kDay, 1);
  const MatchCounts counts = Check(*MakeCheck(), {kDay, kDay, 2});
  EXPECT_EQ(counts.expected, 0u);
  EXPECT_EQ(counts.missing(), 0u);
  EXPECT_EQ(counts.unexpected, 0u);
}

TEST_F(DestinationCheckTest, AnInterruptedExportIsReadAgainFromTheStart) {
  for (int id = 0; id < 4; ++id) {
    Expect("Buy", kDay, id, static_cast<uint64_t>(id));
    export_.Add("Buy", kDay, id);
  }
  export_.Add("Buy", kDay, 9);
  export_.failures = 2;
  const auto check = MakeCheck();
  const MatchCounts counts = Check(*check, {kDay, kDay, 4});
  EXPECT_EQ(counts.found, 4u);
  EXPECT_EQ(counts.duplicates, 0u);
  EXPECT_EQ(counts.unexpected, 1u);
  EXPECT_EQ(check->unexpected().size(), 1u);
  EXPECT_EQ(check->requests(), 3u);
}

TEST_F(DestinationCheckTest, AnExportThatKeepsFailingEndsTheCheck) {
  Expect("Buy", kDay, 1, 0);
  export_.failures = 1'000'000;
  const auto check = MakeCheck();
  EXPECT_TRUE(absl::IsUnavailable(check->Check({kDay, kDay, 1}, *missing_, {}).status()));
  EXPECT_GT(check->requests(), 3u);
}

TEST_F(DestinationCheckTest, ADayLargerThanMemoryIsComparedInParts) {
  for (int id = 0; id < 1000; ++id) {
    Expect("Buy", kDay, id, static_cast<uint64_t>(id));
    if (id % 100 != 0) export_.Add("Buy", kDay, id);
    if (id % 100 == 1) export_.Add("Buy", kDay, id);
  }
  export_.Add("Buy", kDay, 5000);
  export_.failures = 1;
  const auto check = MakeCheck(/*max_rows=*/64);
  const MatchCounts counts = Check(*check, {kDay, kDay, 1000});
  EXPECT_EQ(counts.expected, 1000u);
  EXPECT_EQ(counts.found, 990u);
  EXPECT_EQ(counts.duplicates, 10u);
  EXPECT_EQ(counts.unexpected, 1u);
  EXPECT_THAT(MissingRows(), ElementsAre(0, 100, 200, 300, 400, 500, 600, 700, 800, 900));
  EXPECT_EQ(check->requests(), 2u);
  EXPECT_TRUE(std::filesystem::is_empty(folders_.ours));
  EXPECT_TRUE(std::filesystem::is_empty(folders_.theirs));
}

TEST_F(DestinationCheckTest, UnexpectedEventsAreListedOnceAndUpToALimit) {
  Expect("Buy", kDay, 1, 0);
  for (int id = 10; id < 20; ++id) export_.Add("Buy", kDay, id);
  const auto check = MakeCheck();
  EXPECT_EQ(Check(*check, {kDay, kDay, 1}).unexpected, 10u);
  Check(*check, {kDay, kDay, 1});
  EXPECT_EQ(check->unexpected().size(), 2u);
}

TEST_F(DestinationCheckTest, ALineThatIsNotAnEventIsUnexpected) {
  Expect("Buy", kDay, 1, 0);
  export_.events.emplace(kDay, R"({"odd":1})");
  const auto check = MakeCheck();
  EXPECT_EQ(Check(*check, {kDay, kDay, 1}).unexpected, 1u);
  EXPECT_THAT(check->unexpected(), ElementsAre(R"({"odd":1})"));
}

TEST_F(DestinationCheckTest, ManyNamesAreOmittedFromTheUrl) {
  for (int i = 0; i < 500; ++i) {
    Expect(StrCat("Event number ", i), kDay, i, static_cast<uint64_t>(i));
  }
  Check(*MakeCheck(), {kDay, kDay, 500});
  EXPECT_THAT(export_.requests[0].events, IsEmpty());
}

// The length of the request line of the export of request_.
size_t RequestLineBytes(const mixpanel::RawExportRequest& request) {
  std::string url;
  FakeHttpClient http([&](const HttpRequest& sent) {
    url = sent.url;
    return HttpResponse{.status = 200};
  });
  const std::string host = "https://data-eu.mixpanel.com";
  mixpanel::Credentials credentials;
  credentials.service_account_user = "user";
  credentials.service_account_secret = "secret";
  const absl::Status status =
      mixpanel::ExportRaw(http, {.data = host}, credentials, "12345678", request,
                          [](std::string_view) { return absl::OkStatus(); }, {});
  EXPECT_TRUE(status.ok()) << status;
  return StrCat("GET ", url.substr(host.size()), " HTTP/1.1\r\n").size();
}

// Short names take most of their bytes for punctuation, others for their escapes.
TEST_F(DestinationCheckTest, TheRequestLineIsBelowEightThousandBytes) {
  for (const char* pattern : {"", "é", "\"", "/?&", "a long name of an event "}) {
    names_.clear();
    size_t longest = 0;
    for (int i = 0; i < 900; ++i) {
      names_.insert(StrCat(pattern, i));
      export_.requests.clear();
      Check(*MakeCheck(), {kDay, kDay, 0});
      const mixpanel::RawExportRequest& request = export_.requests.at(0);
      if (request.events.empty()) break;
      ASSERT_EQ(request.events.size(), names_.size() + 1);
      longest = std::max(longest, RequestLineBytes(request));
    }
    EXPECT_LT(longest, 8'000) << pattern;
    EXPECT_GT(longest, 6'500) << pattern;
  }
}

TEST_F(DestinationCheckTest, FutureDaysAreNotRequested) {
  const int64_t today = absl::ToUnixSeconds(clock_.Now()) / 86'400;
  Expect("Buy", today + 1, 1, 0);
  Check(*MakeCheck(), {today, today + 1, 1});
  EXPECT_EQ(export_.requests[0].to - absl::CivilDay(1970, 1, 1), today);
}

TEST_F(DestinationCheckTest, StopEndsIt) {
  Expect("Buy", kDay, 1, 0);
  export_.Add("Buy", kDay, 1);
  std::stop_source stop;
  stop.request_stop();
  const auto check = MakeCheck();
  EXPECT_TRUE(
      absl::IsCancelled(check->Check({kDay, kDay, 1}, *missing_, stop.get_token()).status()));
}

}  // namespace
}  // namespace millrace
