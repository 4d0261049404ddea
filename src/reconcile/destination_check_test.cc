#include "reconcile/destination_check.h"

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "base/strings.h"
#include "io/temp_folder.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kDay = 19'000;  // 2022-01-08

EventIdentity Event(std::string name, int64_t day, int id) {
  EventIdentity event;
  event.Set(std::move(name), "u", day * 86'400'000 + id, StrCat("id-", id));
  return event;
}

// A destination in memory: events by day.
class FakeReader : public EventReader {
 public:
  Identify NewIdentify() const override { return nullptr; }
  absl::Status Read(const EventQuery& query, const OnEvent& on_event, std::stop_token) override {
    queries.push_back({query.first_day, query.last_day});
    int seen = 0;
    for (const auto& [day, event] : events) {
      if (day < query.first_day || day > query.last_day) continue;
      if (failures > 0 && seen++ == 1) break;
      if (absl::Status status = on_event(event); !status.ok()) return status;
    }
    if (failures > 0 && failures-- > 0) return absl::UnavailableError("terminated early");
    return absl::OkStatus();
  }
  bool keeps_repeats() const override { return keeps; }
  int64_t LastDay() const override { return INT64_MAX; }
  absl::Duration max_delay() const override { return absl::ZeroDuration(); }

  void Add(std::string name, int64_t day, int id) {
    events.emplace(day, Event(std::move(name), day, id));
  }

  std::multimap<int64_t, EventIdentity> events;
  std::vector<std::pair<int64_t, int64_t>> queries;  // first and last day
  int failures = 0;
  bool keeps = false;
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

  void Expect(std::string name, int64_t day, int id, uint64_t row, bool optional = false) {
    const EventIdentity event = Event(std::move(name), day, id);
    names_.insert(event.event);
    ASSERT_TRUE(
        ours_->Add(day, {.id = event.fingerprint(), .row = row, .optional = optional ? 1u : 0u})
            .ok());
  }

  std::unique_ptr<DestinationCheck> MakeCheck(size_t max_rows = 1000) {
    return std::make_unique<DestinationCheck>(
        DestinationCheck::Options{.max_rows = max_rows, .max_listed = 2}, folders_, *ours_, names_,
        reader_, clock_);
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
  FakeReader reader_;
  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<FingerprintSpill> ours_, missing_;
  DestinationCheck::Folders folders_;
  absl::flat_hash_set<std::string> names_;
};

TEST_F(DestinationCheckTest, FindsMissingUnexpectedAndDuplicateEvents) {
  for (int id = 0; id < 5; ++id) Expect("Buy", kDay + id % 2, id, static_cast<uint64_t>(id));
  for (const int id : {0, 1, 1, 4}) reader_.Add("Buy", kDay + id % 2, id);
  reader_.Add("Buy", kDay, 77);
  const auto check = MakeCheck();
  const MatchCounts counts = Check(*check, {kDay, kDay + 1, 5});
  EXPECT_EQ(counts.expected, 5u);
  EXPECT_EQ(counts.found, 3u);
  EXPECT_EQ(counts.duplicates, 1u);
  EXPECT_EQ(counts.unexpected, 1u);
  EXPECT_THAT(MissingRows(), ElementsAre(2, 3));
  ASSERT_EQ(check->unexpected().size(), 1u);
  EXPECT_THAT(check->unexpected()[0], testing::HasSubstr("id-77"));
  EXPECT_THAT(reader_.queries, ElementsAre(testing::Pair(kDay, kDay + 1)));
  EXPECT_THAT(check->duplicates(), IsEmpty()) << "this destination counts them once";
}

TEST_F(DestinationCheckTest, OtherNamesAndOtherDaysAreIgnored) {
  Expect("Buy", kDay, 1, 0);
  Expect("Buy", kDay + 3, 2, 1);
  reader_.Add("Buy", kDay, 1);
  reader_.Add("Buy", kDay + 1, 5);
  reader_.Add("Sell", kDay, 6);
  reader_.Add("Buy", kDay + 3, 2);
  const MatchCounts counts = Check(*MakeCheck(), {kDay, kDay + 3, 2});
  EXPECT_EQ(counts.found, 2u);
  EXPECT_EQ(counts.unexpected, 0u);
}

TEST_F(DestinationCheckTest, EventsOfRejectedRowsAreOptional) {
  Expect("Buy", kDay, 1, 0, /*optional=*/true);
  Expect("Buy", kDay, 2, 0, /*optional=*/true);
  reader_.Add("Buy", kDay, 1);
  const MatchCounts counts = Check(*MakeCheck(), {kDay, kDay, 2});
  EXPECT_EQ(counts.expected, 0u);
  EXPECT_EQ(counts.missing(), 0u);
  EXPECT_EQ(counts.unexpected, 0u);
}

TEST_F(DestinationCheckTest, AnInterruptedReadBeginsAgain) {
  for (int id = 0; id < 4; ++id) {
    Expect("Buy", kDay, id, static_cast<uint64_t>(id));
    reader_.Add("Buy", kDay, id);
  }
  reader_.Add("Buy", kDay, 9);
  reader_.failures = 2;
  const auto check = MakeCheck();
  const MatchCounts counts = Check(*check, {kDay, kDay, 4});
  EXPECT_EQ(counts.found, 4u);
  EXPECT_EQ(counts.duplicates, 0u);
  EXPECT_EQ(counts.unexpected, 1u);
  EXPECT_EQ(check->unexpected().size(), 1u);
  EXPECT_EQ(check->requests(), 3u);
}

TEST_F(DestinationCheckTest, AReadThatKeepsFailingEndsTheCheck) {
  Expect("Buy", kDay, 1, 0);
  reader_.failures = 1'000'000;
  const auto check = MakeCheck();
  EXPECT_TRUE(absl::IsUnavailable(check->Check({kDay, kDay, 1}, *missing_, {}).status()));
  EXPECT_GT(check->requests(), 3u);
}

TEST_F(DestinationCheckTest, ADayLargerThanMemoryIsComparedInParts) {
  for (int id = 0; id < 1000; ++id) {
    Expect("Buy", kDay, id, static_cast<uint64_t>(id));
    if (id % 100 != 0) reader_.Add("Buy", kDay, id);
    if (id % 100 == 1) reader_.Add("Buy", kDay, id);
  }
  reader_.Add("Buy", kDay, 5000);
  reader_.failures = 1;
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
  for (int id = 10; id < 20; ++id) reader_.Add("Buy", kDay, id);
  const auto check = MakeCheck();
  EXPECT_EQ(Check(*check, {kDay, kDay, 1}).unexpected, 10u);
  Check(*check, {kDay, kDay, 1});
  EXPECT_EQ(check->unexpected().size(), 2u);
}

TEST_F(DestinationCheckTest, WhatIsNoEventIsUnexpected) {
  Expect("Buy", kDay, 1, 0);
  EventIdentity odd;
  odd.key = R"({"odd":1})";
  reader_.events.emplace(kDay, odd);
  const auto check = MakeCheck();
  EXPECT_EQ(Check(*check, {kDay, kDay, 1}).unexpected, 1u);
  EXPECT_THAT(check->unexpected(), ElementsAre(R"({"odd":1})"));
}

TEST_F(DestinationCheckTest, DuplicatesAreListedWhereTheyCount) {
  reader_.keeps = true;
  for (uint64_t row = 0; row < 2; ++row) Expect("Buy", kDay, 1, row);
  for (int i = 0; i < 4; ++i) reader_.Add("Buy", kDay, 1);
  const auto check = MakeCheck();
  const MatchCounts counts = Check(*check, {kDay, kDay, 2});
  EXPECT_EQ(counts.expected, 2u);
  EXPECT_EQ(counts.found, 2u);
  EXPECT_EQ(counts.duplicates, 2u);
  EXPECT_THAT(check->duplicates(), ElementsAre(Event("Buy", kDay, 1).key));
}

TEST_F(DestinationCheckTest, StopEndsIt) {
  Expect("Buy", kDay, 1, 0);
  reader_.Add("Buy", kDay, 1);
  std::stop_source stop;
  stop.request_stop();
  const auto check = MakeCheck();
  EXPECT_TRUE(
      absl::IsCancelled(check->Check({kDay, kDay, 1}, *missing_, stop.get_token()).status()));
}

}  // namespace
}  // namespace millrace
