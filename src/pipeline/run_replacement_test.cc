// Runs that replace what the destination has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <string>

#include "base/strings.h"
#include "pipeline/testing/run_fixture.h"

namespace millrace {
namespace {

using testing::HasSubstr;

class RunReplacementTest : public RunTest {
 protected:
  void SetUp() override { world_.Replace(); }

  void ExpectUnchanged() {
    EXPECT_EQ(world_.replaced_destination.Visible(),
              (std::map<std::string, int>{{FakeReplacedDestination::kOldRecord, 1}}));
    EXPECT_EQ(Entry(0).position.row, 0u) << "nothing of it counts";
    EXPECT_EQ(Entry(0).state, LedgerState::kOpen);
    EXPECT_EQ(Entry(0).owner, "");
  }
};

TEST_F(RunReplacementTest, TheObjectReplacesTheScope) {
  AddObject("day", "a r a axa a f aa a a a");
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 7u);
  EXPECT_EQ(report.counts.rejected, 2u);
  EXPECT_EQ(report.counts.filtered, 1u);
  EXPECT_EQ(report.objects_done, 1u);
  EXPECT_EQ(world_.CheckComplete(), "");
  EXPECT_TRUE(world_.replaced_destination.Collected().empty());
}

TEST_F(RunReplacementTest, ADoneObjectReplacesNothingAgain) {
  AddRows("day", 6);
  world_.Run("me");
  const RunReport report = world_.Run("me again");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects, 0u);
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunReplacementTest, AnObjectThatEndsEarlyReplacesNothing) {
  AddRows("day", 9);
  world_.objects[0].error = absl::DataLossError("terminated early");
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsDataLoss(report.status)) << report.status;
  EXPECT_THAT(report.status.ToString(), HasSubstr("terminated early"));
  EXPECT_THAT(report.status.ToString(), HasSubstr("nothing was replaced"));
  EXPECT_EQ(report.counts.accepted, 0u);
  EXPECT_EQ(report.counts.pending(), 9u);
  ExpectUnchanged();
  EXPECT_THAT(Entry(0).last_error, HasSubstr("terminated early"));
  world_.objects[0].error = absl::OkStatus();
  EXPECT_TRUE(world_.Run("me again").status.ok());
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunReplacementTest, AStopBeforeAllIsCollectedReplacesNothing) {
  AddRows("day", 40);
  std::stop_source stop;
  world_.set_write_script([&](uint64_t n) {
    if (n == 2) stop.request_stop();
    return FakeWrite::kDurable;
  });
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  ExpectUnchanged();
  world_.set_write_script([](uint64_t) { return FakeWrite::kDurable; });
  EXPECT_TRUE(world_.Run("me again").status.ok());
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunReplacementTest, AStopWhilePublishingWaitsForTheOutcome) {
  AddRows("day", 6);
  std::stop_source stop;
  world_.replaced_destination.set_publish_script([&](uint64_t) {
    stop.request_stop();
    return FakePublish::kDone;
  });
  const RunReport report = world_.Run("me", stop.get_token());
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(world_.CheckComplete(), "");
}

TEST_F(RunReplacementTest, ADestinationThatRefusesToReplaceStopsTheRun) {
  AddRows("day", 6);
  world_.replaced_destination.set_publish_script([](uint64_t) { return FakePublish::kStop; });
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsPermissionDenied(report.status)) << report.status;
  EXPECT_THAT(report.status.ToString(), HasSubstr("replacing with day"));
  EXPECT_EQ(report.counts.pending(), 6u);
  ExpectUnchanged();
}

TEST_F(RunReplacementTest, AnotherObjectNeverReplaces) {
  AddRows("day", 6);
  AddRows("next day", 3);
  for (int run = 0; run < 2; ++run) {
    const RunReport report = world_.Run("me");
    EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
    EXPECT_THAT(report.status.ToString(), HasSubstr("next day"));
    EXPECT_EQ(world_.replaced_destination.Visible().size(), 6u) << "that of day";
    EXPECT_NE(Entry(1).state, LedgerState::kDone);
  }
}

TEST_F(RunReplacementTest, AChangedConfigReplacesAfterARunThatDidNot) {
  AddRows("day", 40);
  std::stop_source stop;
  world_.set_write_script([&](uint64_t n) {
    if (n == 2) stop.request_stop();
    return FakeWrite::kDurable;
  });
  world_.Run("me", stop.get_token());
  world_.set_write_script([](uint64_t) { return FakeWrite::kDurable; });
  world_.objects[0].key.config = "changed";
  const RunReport report = world_.Run("me again");
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects_done, 1u);
  EXPECT_EQ(world_.replaced_destination.Visible().size(), 40u);
}

// Another run claims the same scope for another object, right after each claim.
class FencedReplacement : public Replacement {
 public:
  FencedReplacement(Replacement& replacement, Replacement& other)
      : replacement_(replacement), other_(other) {}

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override {
    absl::StatusOr<RowRanges> claimed = replacement_.Claim(object, writer, stop);
    EXPECT_TRUE(other_.Claim({"another object", "1", "c", "d"}, "other/1", stop).ok());
    return claimed;
  }
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override {
    return replacement_.Forget(object, stop);
  }
  std::unique_ptr<Sink> NewSink() override { return replacement_.NewSink(); }
  absl::Status Publish(const LedgerKey& object, const std::string& writer,
                       std::stop_token stop) override {
    return replacement_.Publish(object, writer, stop);
  }

 private:
  Replacement& replacement_;
  Replacement& other_;
};

// Each would remove what the other has collected, again and again.
TEST_F(RunReplacementTest, ARunThatAnotherOneFencesStops) {
  for (const size_t rows : {40, 0}) {
    world_.objects.clear();
    AddRows(StrCat("day with ", rows), rows);
    const auto replacement = world_.replaced_destination.NewReplacement();
    const auto other = world_.replaced_destination.NewReplacement();
    FencedReplacement fenced(*replacement, *other);
    FakeSource source(world_.objects, world_.ledger, "me", 4);
    const RunReport report =
        millrace::Run({.source = source,
                       .make_transform = [] { return std::make_unique<FakeTransform>(); },
                       .ledger = world_.ledger,
                       .dead_letter = world_.dead_letter,
                       .replacement = &fenced,
                       .replacing_object = world_.objects[0].key.object,
                       .clock = world_.clock},
                      world_.options, {});
    EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
    EXPECT_THAT(report.status.ToString(), HasSubstr("one of them at a time"));
    ExpectUnchanged();
  }
}

TEST_F(RunReplacementTest, AnObjectThatWasAppendedInPartCannotReplace) {
  AddRows("day", 40);
  std::stop_source stop;
  world_.destination.set_script([&](uint64_t n) {
    if (n == 2) stop.request_stop();
    return FakeWrite::kDurable;
  });
  FakeSource source(world_.objects, world_.ledger, "appends", 4);
  RunWith(world_, source, {}, stop.get_token());
  ASSERT_GT(Entry(0).position.row, 0u);
  const RunReport report = world_.Run("me");
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  EXPECT_THAT(report.status.ToString(), HasSubstr("--force"));
  EXPECT_EQ(world_.replaced_destination.Visible().count(FakeReplacedDestination::kOldRecord), 1u);
}

}  // namespace
}  // namespace millrace
