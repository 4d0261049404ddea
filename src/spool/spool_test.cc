#include "spool/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "base/strings.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/plain_destination.h"
#include "spool/delivery.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kLook = absl::Milliseconds(1);

SpoolEntries Entries() {
  return {{RecordType::kEvent, SourcesConfig::MixpanelFormat().entries()[0]}};
}

std::string Event(int n) {
  return StrCat(R"({"event":"e)", n,
                R"(","properties":{"time":1796008365000,"distinct_id":"u","$insert_id":"i)", n,
                "\"}}\n");
}

// Real time, later by what it is advanced.
class ShiftedClock : public Clock {
 public:
  absl::Time Now() override { return Real().Now() + absl::Nanoseconds(shift_nanos_.load()); }
  absl::Duration Elapsed() override {
    return Real().Elapsed() + absl::Nanoseconds(shift_nanos_.load());
  }
  bool SleepFor(absl::Duration duration, std::stop_token stop) override {
    return Real().SleepFor(duration, std::move(stop));
  }
  void Advance(absl::Duration duration) { shift_nanos_ += absl::ToInt64Nanoseconds(duration); }

 private:
  std::atomic<int64_t> shift_nanos_ = 0;
};

class SpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "spool_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    options_.folder = folder_ + "/spool";
    options_.log = {
        .segment_bytes = 4096, .segment_age = absl::InfiniteDuration(), .max_bytes = 1 << 20};
    run_.retry.initial = absl::Milliseconds(1);
    run_.retry.max = absl::Milliseconds(1);
    run_.retry.min_jitter = run_.retry.max_jitter = absl::ZeroDuration();
    run_.sharing_runs = &sharing_runs_;
    Open();
  }
  void TearDown() override {
    spool_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Open() {
    spool_ = nullptr;
    auto spool = Spool::Open(options_, clock_, {});
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
  }
  std::vector<FollowerStatus> Follow(const std::vector<Destination*>& destinations,
                                     bool from_oldest = false) {
    std::vector<SpoolFollower> followers;
    for (Destination* const destination : destinations) {
      followers.push_back(Delivery::FollowerOf(*destination, from_oldest));
    }
    const auto left = spool_->SetFollowers(std::move(followers));
    EXPECT_TRUE(left.ok()) << left.status();
    return left.ok() ? *left : std::vector<FollowerStatus>();
  }
  void Append(int first, int count) {
    absl::BlockingCounter done(count);
    for (int n = first; n < first + count; ++n) {
      const std::string line = Event(n);
      spool_->log().Append({.count = 1, .unix_micros = first_micros_ + n, .records = line},
                           [&](const absl::Status& status) {
                             EXPECT_TRUE(status.ok()) << status;
                             done.DecrementCount();
                           });
    }
    done.Wait();
  }
  std::unique_ptr<Delivery> Deliver(Destination& destination) {
    const DeliveryParts parts{*spool_, dead_letter_, scripts_, run_, sharing_runs_, clock_};
    auto delivery = std::make_unique<Delivery>(destination, Entries(), parts);
    delivery->Start();
    return delivery;
  }
  FollowerStatus StatusOf(const std::string& name) {
    const auto all = spool_->Status();
    EXPECT_TRUE(all.ok()) << all.status();
    for (const FollowerStatus& status : *all) {
      EXPECT_LE(
          status.counts.accepted + status.counts.rejected + status.counts.filtered + status.expired,
          status.counts.read);
      if (status.name == name) return status;
    }
    return {};
  }
  void AwaitAccepted(const std::string& name, uint64_t accepted) {
    while (StatusOf(name).counts.accepted < accepted) absl::SleepFor(kLook);
  }

  ShiftedClock clock_;
  int64_t first_micros_ = 1000;
  std::string folder_;
  SpoolOptions options_;
  RunOptions run_;
  std::atomic<int> sharing_runs_ = 0;
  MemoryDeadLetterQueue dead_letter_;
  ScriptPool scripts_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(SpoolTest, EachDestinationGetsEverythingAndSegmentsGo) {
  FakeDestination one, other;
  PlainDestination first([&] { return one.NewSink(); }, "one");
  PlainDestination second([&] { return other.NewSink(); }, "other");
  EXPECT_THAT(Follow({&first, &second}), IsEmpty());
  const auto to_first = Deliver(first);
  Append(0, 100);
  AwaitAccepted("one", 100);
  EXPECT_EQ(StatusOf("other").counts.pending(), 100u);
  EXPECT_EQ(StatusOf("other").oldest_pending, absl::FromUnixMicros(1000));
  EXPECT_EQ(StatusOf("one").oldest_pending, std::nullopt);
  EXPECT_GT(spool_->log().segments().size(), 2u) << "the other one still needs them";
  const auto to_second = Deliver(second);
  AwaitAccepted("other", 100);
  while (spool_->log().segments().size() > 1) absl::SleepFor(kLook);
  EXPECT_THAT(one.Arrived(), SizeIs(100));
  EXPECT_THAT(other.Arrived(), SizeIs(100));
  // What was removed still counts.
  EXPECT_EQ(StatusOf("one").counts.accepted, 100u);
  EXPECT_EQ(StatusOf("one").counts.read, 100u);
}

TEST_F(SpoolTest, ARestartGoesOnWhereItWas) {
  FakeDestination fake;
  PlainDestination destination([&] { return fake.NewSink(); }, "d");
  Follow({&destination});
  Append(0, 30);
  {
    const auto delivery = Deliver(destination);
    AwaitAccepted("d", 30);
  }
  for (int restart = 1; restart < 4; ++restart) {
    Open();
    Follow({&destination});
    EXPECT_EQ(StatusOf("d").counts.accepted, 30u * restart);
    Append(30 * restart, 30);
    const auto delivery = Deliver(destination);
    AwaitAccepted("d", 30u * (restart + 1));
  }
  EXPECT_THAT(fake.Arrived(), SizeIs(120));
  for (const auto& [line, times] : fake.Arrived()) EXPECT_EQ(times, 1) << line;
}

TEST_F(SpoolTest, ABrokenDestinationDelaysOnlyItself) {
  FakeDestination good;
  FakeDestination bad([](uint64_t) { return FakeWrite::kStop; });
  PlainDestination first([&] { return good.NewSink(); }, "good");
  PlainDestination second([&] { return bad.NewSink(); }, "bad");
  Follow({&first, &second});
  const auto to_bad = Deliver(second), to_good = Deliver(first);
  Append(0, 50);
  AwaitAccepted("good", 50);
  while (to_bad->last_error().empty()) absl::SleepFor(kLook);
  EXPECT_EQ(StatusOf("bad").counts.accepted, 0u);
  bad.set_script([](uint64_t) { return FakeWrite::kDurable; });
  AwaitAccepted("bad", 50);
  EXPECT_EQ(to_bad->last_error(), "");
}

TEST_F(SpoolTest, ADestinationThatIsRemovedHoldsNothingBack) {
  FakeDestination fake;
  PlainDestination kept([&] { return fake.NewSink(); }, "kept");
  PlainDestination removed([&] { return fake.NewSink(); }, "removed");
  Follow({&kept, &removed});
  Append(0, 100);
  {
    const auto delivery = Deliver(kept);
    AwaitAccepted("kept", 100);
  }
  EXPECT_GT(spool_->log().segments().size(), 1u);
  Open();
  const std::vector<FollowerStatus> left = Follow({&kept});
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].name, "removed");
  EXPECT_EQ(left[0].counts.pending(), 100u);
  // The last segment of the first process may not be read to its end yet.
  const auto delivery = Deliver(kept);
  while (spool_->log().segments().size() > 1) absl::SleepFor(kLook);
}

TEST_F(SpoolTest, ANewDestinationBeginsAtTheEndOrAtTheOldest) {
  FakeDestination fake, late, all;
  PlainDestination first([&] { return fake.NewSink(); }, "first");
  PlainDestination at_end([&] { return late.NewSink(); }, "at_end");
  PlainDestination at_oldest([&] { return all.NewSink(); }, "at_oldest");
  Follow({&first});
  Append(0, 100);
  Open();
  Follow({&first, &at_end});
  EXPECT_EQ(StatusOf("at_end").counts.read, 0u);
  Open();
  std::vector<SpoolFollower> followers = {Delivery::FollowerOf(first, false),
                                          Delivery::FollowerOf(at_end, false),
                                          Delivery::FollowerOf(at_oldest, true)};
  ASSERT_TRUE(spool_->SetFollowers(std::move(followers)).ok());
  EXPECT_EQ(StatusOf("at_oldest").counts.pending(), 100u);
}

TEST_F(SpoolTest, RowsThatAreRejectedCount) {
  FakeDestination fake;
  PlainDestination destination([&] { return fake.NewSink(); }, "d");
  destination.record_rules = RecordRules::Mixpanel();
  Follow({&destination});
  absl::BlockingCounter done(1);
  spool_->log().Append(
      {.count = 2,
       .records =
           "{\"event\":\"e\",\"properties\":{\"time\":1,\"distinct_id\":\"u\"}}\n{\"x\":1}\n"},
      [&](const absl::Status&) { done.DecrementCount(); });
  done.Wait();
  const auto delivery = Deliver(destination);
  while (StatusOf("d").counts.rejected < 2) absl::SleepFor(kLook);
  EXPECT_EQ(StatusOf("d").counts.pending(), 0u);
  EXPECT_THAT(dead_letter_.Objects(), SizeIs(1));
}

TEST_F(SpoolTest, RecordsThatAreTooOldExpireForWhoHasNotGotThem) {
  options_.max_age = absl::Hours(1);
  first_micros_ = absl::ToUnixMicros(clock_.Now());
  Open();
  FakeDestination good, late;
  PlainDestination first([&] { return good.NewSink(); }, "good");
  PlainDestination second([&] { return late.NewSink(); }, "late");
  Follow({&first, &second});
  Append(0, 30);
  {
    const auto to_late = Deliver(second);
    AwaitAccepted("late", 30);
  }
  std::unique_ptr<Delivery> to_good = Deliver(first);
  Append(30, 70);
  AwaitAccepted("good", 100);
  clock_.Advance(absl::Minutes(61));
  first_micros_ = absl::ToUnixMicros(clock_.Now());
  Append(100, 1);
  AwaitAccepted("good", 101);
  EXPECT_EQ(StatusOf("late").pending(), 71u);
  {
    const auto to_late = Deliver(second);
    // Of a segment that still grows, all records are delivered.
    while (StatusOf("late").pending() > 0) absl::SleepFor(kLook);
  }
  const auto check = [&] {
    const FollowerStatus status = StatusOf("late");
    EXPECT_GT(status.expired, 20u);
    EXPECT_EQ(status.counts.accepted + status.expired, 101u);
    EXPECT_EQ(status.oldest_pending, std::nullopt);
    EXPECT_EQ(StatusOf("good").expired, 0u);
    return status.expired;
  };
  const uint64_t expired = check();
  EXPECT_THAT(spool_->log().segments(), SizeIs(1)) << "nobody needs the others";
  EXPECT_THAT(late.Arrived(), SizeIs(101 - expired));
  to_good = nullptr;
  Open();
  Follow({&first, &second});
  EXPECT_EQ(check(), expired);
}

TEST_F(SpoolTest, WhatIsExpiredStaysSoWhileOthersNeedTheSegment) {
  options_.max_age = absl::Hours(1);
  first_micros_ = absl::ToUnixMicros(clock_.Now());
  Open();
  FakeDestination fake, slow;
  PlainDestination first([&] { return fake.NewSink(); }, "first");
  PlainDestination second([&] { return slow.NewSink(); }, "second");
  Follow({&first, &second});
  Append(0, 100);
  const size_t segments = spool_->log().segments().size();
  const uint64_t oldest = spool_->log().segments().front().sequence;
  EXPECT_FALSE(spool_->Expire("first", RecordType::kEvent, oldest)) << "it is not old yet";
  clock_.Advance(absl::Minutes(61));
  EXPECT_TRUE(spool_->Expire("first", RecordType::kEvent, oldest));
  EXPECT_FALSE(spool_->Expire("first", RecordType::kEvent, spool_->log().last_sequence()))
      << "it still grows";
  EXPECT_FALSE(spool_->Expire("nobody", RecordType::kEvent, oldest));
  const uint64_t expired = StatusOf("first").expired;
  EXPECT_GT(expired, 0u);
  EXPECT_EQ(StatusOf("first").pending(), 100 - expired);
  EXPECT_EQ(StatusOf("second").pending(), 100u);
  EXPECT_THAT(spool_->log().segments(), SizeIs(segments));
  EXPECT_TRUE(spool_->Expire("second", RecordType::kEvent, oldest));
  EXPECT_THAT(spool_->log().segments(), SizeIs(segments - 1));
  EXPECT_EQ(StatusOf("second").expired, expired);
}

TEST_F(SpoolTest, OneProcessAtATimeHasIt) {
  const auto second = Spool::Open(options_, Clock::Real(), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(second.status().message(), HasSubstr(StrCat("process ", getpid())));
  options_.wait = SpoolLock::Wait::kYes;
  absl::StatusOr<std::unique_ptr<Spool>> heir = absl::UnknownError("");
  {
    std::jthread other([&] { heir = Spool::Open(options_, Clock::Real(), {}); });
    spool_ = nullptr;
  }
  ASSERT_TRUE(heir.ok()) << heir.status();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Spool::Open(options_, Clock::Real(), stop.get_token()).status()));
}

TEST_F(SpoolTest, AStateThatIsNoneIsNotOverwritten) {
  spool_ = nullptr;
  std::filesystem::create_directories(options_.folder);
  for (const char* text : {"", "{", "[]", R"({"version":2,"destinations":{}})"}) {
    std::filesystem::remove(options_.folder + "/spool.json");
    FILE* const file = ::fopen((options_.folder + "/spool.json").c_str(), "w");
    ::fputs(text, file);
    ::fclose(file);
    EXPECT_TRUE(absl::IsDataLoss(Spool::Open(options_, Clock::Real(), {}).status())) << text;
  }
}

}  // namespace
}  // namespace millrace
